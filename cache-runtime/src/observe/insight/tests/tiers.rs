//! How texts of each length fare.

use std::collections::BTreeMap;

use super::super::example::counts;
use super::super::{Insight, TierFinding};
use super::{each, insight, is_accepted, operation, usual};
use crate::observe::Ending;
use crate::policy::TextTier;

/// With texts of one tier, so many of them hits, and a mean time.
fn tier(tier: TextTier, hits: u64, misses: u64, millis: u64) -> Insight {
    let mut insight = usual();
    let it = operation(&mut insight, "summarize");
    let endings = [(Ending::StoreHit, hits), (Ending::Computed, misses)];
    it.text_tiers = BTreeMap::from([(tier, counts(&endings))]);
    it.other_hits = each(millis, hits);
    it.misses = each(millis, misses);
    insight
}

#[test]
fn mon_10_opportunities_of_tiers() {
    use TextTier::{Large, Small};
    use TierFinding::{HighHitRate, LowHitRate, Quick, Slow, SmallTextsMissed};
    for (of, hits, misses, millis, expected) in [
        (Large, 299, 701, 50, vec![LowHitRate]),
        (Large, 300, 700, 50, vec![]),
        (Large, 900, 100, 50, vec![]),
        (Large, 901, 99, 50, vec![HighHitRate]),
        (Large, 500, 500, 100, vec![]),
        (Large, 500, 500, 101, vec![Slow]),
        (Large, 500, 500, 10, vec![]),
        (Large, 500, 500, 9, vec![Quick]),
        (Small, 799, 201, 50, vec![SmallTextsMissed]),
        (Small, 800, 200, 50, vec![]),
        (
            Small,
            0,
            1000,
            200,
            vec![LowHitRate, SmallTextsMissed, Slow],
        ),
        // Too few to say anything.
        (Small, 0, 9, 200, vec![]),
        (Small, 0, 10, 50, vec![LowHitRate, SmallTextsMissed]),
    ] {
        let statistics = tier(of, hits, misses, millis).tier_statistics();
        let found = statistics.opportunities.iter().inspect(|it| {
            assert_eq!(it.tier, of);
            is_accepted(&it.suggestion);
        });
        let found: Vec<_> = found.map(|it| it.finding).collect();
        assert_eq!(found, expected, "{of} {hits} {misses} {millis}");
    }
}

#[test]
fn mon_9_tiers_have_configuration_distribution_analysis_and_completeness() {
    let statistics = tier(TextTier::Small, 30, 10, 4).tier_statistics();
    let written = serde_json::to_value(&statistics).unwrap_or_default();
    let configuration = &written["tier_configuration"];
    assert_eq!(configuration["small"], 500);
    assert_eq!(configuration["medium"], 5000);
    assert_eq!(configuration["large"], 50_000);
    assert_eq!(configuration["smart_promotion"], true);
    assert_eq!(written["tier_distribution"]["small"], 40);
    assert_eq!(written["tier_distribution"]["xlarge"], 0);
    let analysis = &written["tier_analysis"]["small"];
    assert_eq!(analysis["average_hit_rate"], 75.0);
    assert_eq!(analysis["average_response_time_ms"], 4.0);
    assert!(written["tier_analysis"]["large"].is_null());
    let completeness = &written["completeness"];
    assert_eq!(completeness["tiers_with_data"], 1);
    assert_eq!(completeness["tiers_percent"], 25.0);
    assert_eq!(completeness["calls_with_text"], 40);
    assert_eq!(completeness["calls_percent"], 40.0);
    // Hits in memory of which none was timed take no time to speak of.
    let mut quick = tier(TextTier::Small, 30, 10, 4);
    let endings = [
        (Ending::MemoryHit, 120),
        (Ending::StoreHit, 30),
        (Ending::Computed, 10),
    ];
    let it = operation(&mut quick, "summarize");
    it.text_tiers = BTreeMap::from([(TextTier::Small, counts(&endings))]);
    let analysis = &quick.tier_statistics().tier_analysis[&TextTier::Small];
    assert_eq!(analysis.average_response_time_ms, Some(1.0));
    // Without any call.
    let nothing = insight(super::super::example::statistics()).tier_statistics();
    assert!(nothing.tier_analysis.is_empty() && nothing.opportunities.is_empty());
    assert!(nothing.completeness.calls_percent.abs() < f64::EPSILON);
}
