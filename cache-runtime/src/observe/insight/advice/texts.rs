//! About the lengths of texts.

use super::super::figures::{float, percent, sum};
use super::super::{Advice, Insight, Priority, Recommendation};
use super::{ENOUGH_REQUESTS, Words};
use crate::policy::TextTier;

/// Above this part of small texts, in percent, memory is worth more room (MON-14).
const MANY_SMALL: f64 = 70.0;

/// Below this part of small texts, in percent, compression is worth a look (MON-14).
const FEW_SMALL: f64 = 20.0;

impl Insight {
    /// MON-14.
    pub(super) fn small_texts(&self) -> Option<Recommendation> {
        let tiers = self.text_tiers();
        let all = sum(tiers.values().copied());
        if all < ENOUGH_REQUESTS {
            return None;
        }
        let small = tiers.get(&TextTier::Small).copied().unwrap_or_default();
        let part = percent(small, all);
        let metrics = [("small_texts_percent", part), ("texts", float(all))];
        // More room is of no use where there is some to spare.
        if part > MANY_SMALL && !self.has_room_to_spare() {
            let words = Words {
                title: "Many small texts",
                description: format!("{part:.1} % of the texts are small"),
                action: "give memory more room: answers to short texts are short as a rule"
                    .to_owned(),
                impact: "more answers come from memory, in less than a microsecond",
            };
            let more = self.tuning.more_entries();
            return Some(words.say(Advice::ManySmallTexts, Priority::Medium, metrics, more));
        }
        if part < FEW_SMALL && self.has_store {
            let words = Words {
                title: "Few small texts",
                description: format!("{part:.1} % of the texts are small"),
                action: "compress more of what goes into the store".to_owned(),
                impact: "the store needs less room, and less has to be sent",
            };
            let more = self.tuning.more_compression();
            return Some(words.say(Advice::FewSmallTexts, Priority::Medium, metrics, more));
        }
        None
    }
}
