//! How good or bad a text sounds, by the VADER lexicon and rules of Hutto and Gilbert (2014).

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use vader_parity::{SentimentIntensityAnalyzer, SentimentScores};

use super::summarize::split_sentences;

// Building an analyzer parses a lexicon of some 11,000 lines: too slow to do it for every text.
static ANALYZER: LazyLock<SentimentIntensityAnalyzer> =
    LazyLock::new(SentimentIntensityAnalyzer::new);

/// The mood of a text: the average over its sentences.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sentiment {
    /// The share of words that sound good, from 0 to 1.
    pub(crate) positive: f64,
    /// The share of words that sound neither good nor bad, from 0 to 1.
    pub(crate) neutral: f64,
    /// The share of words that sound bad, from 0 to 1.
    pub(crate) negative: f64,
    /// The overall mood, from -1 (all bad) to 1 (all good).
    pub(crate) compound: f64,
}

/// Rates the mood of an English text.
///
/// The same text always gets the same rating, to the last bit. A text without sentences is neutral.
pub(crate) fn rate(text: &str) -> Sentiment {
    // VADER is made for single sentences: over a long text, its compound score runs to -1 or 1.
    let scores: Vec<SentimentScores> = split_sentences(text)
        .iter()
        .map(|sentence| ANALYZER.polarity_scores(sentence))
        .collect();
    if scores.is_empty() {
        return Sentiment {
            positive: 0.0,
            neutral: 1.0,
            negative: 0.0,
            compound: 0.0,
        };
    }
    Sentiment {
        positive: mean(scores.iter().map(|score| score.pos)),
        neutral: mean(scores.iter().map(|score| score.neu)),
        negative: mean(scores.iter().map(|score| score.neg)),
        compound: mean(scores.iter().map(|score| score.compound)),
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}
