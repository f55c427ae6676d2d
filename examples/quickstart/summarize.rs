//! An extractive summarizer: it picks the sentences that say the most about the rest of a text.
//!
//! The method is `TextRank`. Every sentence becomes a vector of tf-idf weights, and two sentences
//! are linked as strongly as the cosine similarity of their vectors. A random walk over these links
//! spends most of its time on the central sentences; power iteration finds out which ones they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The work grows with the square of the number of sentences, so a long text is cut here.
const MAX_CONSIDERED: usize = 600;

/// The number of letters in a term.
const TERM_LENGTH: usize = 4;

/// The chance that the random walk follows a link instead of jumping anywhere; the usual value.
const DAMPING: f64 = 0.85;

/// Power iteration ends when a round changes the ranks by less than this in total.
const TOLERANCE: f64 = 1e-9;

/// A few dozen rounds are enough in practice; this limit only guards against slow convergence.
const MAX_ROUNDS: usize = 200;

const STOP_WORDS: &[&str] = &[
    "a", "about", "after", "all", "also", "an", "and", "any", "are", "as", "at", "be", "because",
    "been", "before", "but", "by", "can", "could", "did", "didn", "do", "does", "doesn", "don",
    "for", "from", "had", "has", "have", "he", "her", "him", "his", "how", "i", "if", "in", "into",
    "is", "it", "its", "just", "like", "many", "me", "more", "most", "my", "no", "not", "of", "on",
    "one", "only", "or", "other", "our", "out", "over", "s", "said", "she", "so", "some", "t",
    "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "to", "too",
    "up", "us", "very", "was", "we", "were", "what", "when", "where", "which", "while", "who",
    "will", "with", "would", "you",
];

const ABBREVIATIONS: &[&str] = &[
    "approx", "capt", "cf", "dr", "etc", "fig", "jr", "mr", "mrs", "ms", "prof", "sr", "st", "vs",
];

/// The sentences that stand for a text, in the order in which the text has them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) sentences: Vec<String>,
    /// The number of words in the whole text.
    pub(crate) words_in: usize,
    /// The number of words in `sentences`.
    pub(crate) words_out: usize,
}

/// Summarizes a text in at most `max_sentences` of its own sentences.
///
/// The same arguments always give the same summary. Only the first 600 sentences of the text are
/// considered; a text without words has an empty summary.
pub(crate) fn summarize(text: &str, max_sentences: usize) -> Summary {
    let mut sentences = split_sentences(text);
    sentences.truncate(MAX_CONSIDERED);

    let similarity = similarity_matrix(&tf_idf_vectors(&sentences));
    let chosen = select(&rank(&similarity), &similarity, max_sentences);

    let sentences: Vec<String> = chosen.iter().map(|&i| sentences[i].clone()).collect();
    Summary {
        words_in: count_words(text),
        words_out: sentences.iter().map(|s| count_words(s)).sum(),
        sentences,
    }
}

/// Splits a text into its sentences, each on one line; quoted speech is not torn apart.
///
/// A blank line ends a sentence too, so that a heading does not run into the paragraph below it.
/// Pieces without a letter or digit are dropped.
pub(crate) fn split_sentences(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut sentences = Vec::new();
    for paragraph in lines.split(|line| line.trim().is_empty()) {
        let words = paragraph.iter().flat_map(|line| line.split_whitespace());
        let words: Vec<&str> = words.collect();
        let mut start = 0;
        let mut in_quotes = false;
        for (i, word) in words.iter().enumerate() {
            in_quotes ^= word.matches(['"', '“', '”']).count() % 2 == 1;
            let next = words.get(i + 1);
            if next.is_none_or(|next| !in_quotes && ends_sentence(word, next)) {
                sentences.push(words[start..=i].join(" "));
                start = i + 1;
            }
        }
    }
    sentences.retain(|sentence| sentence.contains(char::is_alphanumeric));
    sentences
}

fn ends_sentence(word: &str, next: &str) -> bool {
    // A sentence may go on after quoted speech: "Stop!" said the keeper.
    let first_letter = next.chars().find(|c| c.is_alphanumeric());
    if first_letter.is_some_and(char::is_lowercase) {
        return false;
    }
    let word = word.trim_matches(|c: char| !c.is_alphanumeric() && !".!?…".contains(c));
    match word.strip_suffix('.') {
        Some(stem) => !is_abbreviation(stem),
        None => word.ends_with(['!', '?', '…']),
    }
}

/// Tells whether the full stop after `stem` belongs to the word, as in "Dr.", "e.g." or "J. Smith".
fn is_abbreviation(stem: &str) -> bool {
    let is_letter = |part: &str| part.chars().count() == 1 && part.contains(char::is_alphabetic);
    let all_initials = stem != "I" && stem.split('.').all(is_letter);
    all_initials || ABBREVIATIONS.contains(&stem.to_lowercase().as_str())
}

fn count_words(text: &str) -> usize {
    let words = text.split_whitespace();
    words.filter(|w| w.contains(char::is_alphanumeric)).count()
}

/// The words of a sentence that carry meaning, cut into overlapping terms of four letters.
///
/// This does the work of a stemmer: "plough" and "ploughed" have three terms in common.
fn terms(sentence: &str) -> Vec<String> {
    let sentence = sentence.to_lowercase();
    let words = sentence.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|word| !word.is_empty() && !STOP_WORDS.contains(word))
        .flat_map(cut)
        .collect()
}

fn cut(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let length = TERM_LENGTH.min(letters.len());
    letters
        .windows(length)
        .map(|term| term.iter().collect())
        .collect()
}

/// A weight for each term of a sentence. The map is sorted because floating-point sums depend on
/// their order: with a `HashMap`, the last digits would differ from run to run.
type Vector = BTreeMap<String, f64>;

/// One vector for each sentence: of length 1, or empty if the sentence has nothing but stop words.
fn tf_idf_vectors(sentences: &[String]) -> Vec<Vector> {
    let mut vectors: Vec<Vector> = sentences.iter().map(|s| count_each(terms(s))).collect();
    let sentences_with = count_each(vectors.iter().flat_map(BTreeMap::keys).cloned());
    let total: f64 = sentences.iter().map(|_| 1.0).sum();
    for vector in &mut vectors {
        for (term, weight) in vector.iter_mut() {
            // The 1 keeps a weight above zero for a term that every sentence has.
            *weight *= 1.0 + (total / sentences_with[term]).ln();
        }
        let length = vector
            .values()
            .map(|weight| weight * weight)
            .sum::<f64>()
            .sqrt();
        for weight in vector.values_mut() {
            *weight /= length;
        }
    }
    vectors
}

fn count_each(terms: impl IntoIterator<Item = String>) -> Vector {
    let mut counts = Vector::new();
    for term in terms {
        *counts.entry(term).or_default() += 1.0;
    }
    counts
}

/// The cosine similarity of every sentence to every other; 0 of a sentence to itself, since a link
/// to itself would make a sentence important for no reason.
fn similarity_matrix(vectors: &[Vector]) -> Vec<Vec<f64>> {
    let mut matrix = vec![vec![0.0; vectors.len()]; vectors.len()];
    for (i, a) in vectors.iter().enumerate() {
        for (j, b) in vectors.iter().enumerate().skip(i + 1) {
            let similarity = cosine(a, b);
            matrix[i][j] = similarity;
            matrix[j][i] = similarity;
        }
    }
    matrix
}

fn cosine(a: &Vector, b: &Vector) -> f64 {
    a.iter()
        .filter_map(|(term, weight)| Some(weight * b.get(term)?))
        .sum()
}

/// How often the random walk visits each sentence, compared to an average of about 1.
fn rank(similarity: &[Vec<f64>]) -> Vec<f64> {
    let links: Vec<Vec<f64>> = similarity.iter().map(|row| shares(row)).collect();
    let mut ranks = vec![1.0; links.len()];
    for _ in 0..MAX_ROUNDS {
        let mut next = vec![1.0 - DAMPING; links.len()];
        for (rank, row) in ranks.iter().zip(&links) {
            for (target, link) in next.iter_mut().zip(row) {
                *target += DAMPING * rank * link;
            }
        }
        let changes = ranks.iter().zip(&next).map(|(old, new)| (old - new).abs());
        let change: f64 = changes.sum();
        ranks = next;
        if change < TOLERANCE {
            break;
        }
    }
    ranks
}

/// Scales the values to a sum of 1; all of them stay 0 for a sentence that resembles no other.
fn shares(values: &[f64]) -> Vec<f64> {
    let total = values.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    values.iter().map(|value| value / total).collect()
}

/// The positions of the best sentences, in ascending order.
///
/// A sentence counts for less the more it resembles one that is already chosen. Of two equally good
/// sentences, the earlier one is taken.
fn select(ranks: &[f64], similarity: &[Vec<f64>], wanted: usize) -> Vec<usize> {
    let mut redundancy = vec![0.0_f64; ranks.len()];
    let mut candidates: Vec<usize> = (0..ranks.len()).collect();
    let mut chosen = Vec::new();
    while chosen.len() < wanted {
        let score = |i: usize| ranks[i] * (1.0 - redundancy[i]);
        let better = |a, b| if score(b) > score(a) { b } else { a };
        let Some(best) = candidates.iter().copied().reduce(better) else {
            break;
        };
        chosen.push(best);
        candidates.retain(|&i| i != best);
        for (redundancy, &similarity) in redundancy.iter_mut().zip(&similarity[best]) {
            *redundancy = redundancy.max(similarity);
        }
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::{split_sentences, summarize};

    #[test]
    fn an_empty_text_has_an_empty_summary() {
        for text in ["", " \n\r\n\t ", "... ?! — …"] {
            let summary = summarize(text, 3);
            assert_eq!(
                (summary.sentences.len(), summary.words_in, summary.words_out),
                (0, 0, 0)
            );
        }
    }

    #[test]
    fn a_summary_has_the_central_sentences_in_their_original_order() {
        let text = "Ships follow the lamp. Bread is cheap. The keeper trims the lamp. Gulls shout. \
                    The keeper and the lamp guide ships.";
        let summary = summarize(text, 3);
        let expected = ["Ships follow the lamp.", "The keeper trims the lamp."];
        assert_eq!(summary.sentences[..2], expected);
        assert_eq!(summary.sentences[2], "The keeper and the lamp guide ships.");
        assert_eq!((summary.words_in, summary.words_out), (21, 16));
    }

    #[test]
    fn a_repeated_sentence_is_chosen_once() {
        let text = "The lamp lights the bay. The lamp lights the bay. Ships avoid the lamp.";
        let expected = ["The lamp lights the bay.", "Ships avoid the lamp."];
        assert_eq!(summarize(text, 2).sentences, expected);
    }

    #[test]
    fn abbreviations_decimals_and_quoted_speech_do_not_end_a_sentence() {
        let text = "Dr. J. Ames read 3.5 m, e.g. at noon. \"No! Too high!\" he said. Was it? Yes.";
        let sentences = split_sentences(text);
        assert_eq!(sentences[0], "Dr. J. Ames read 3.5 m, e.g. at noon.");
        assert_eq!(
            sentences[1..],
            ["\"No! Too high!\" he said.", "Was it?", "Yes."]
        );
    }

    #[test]
    fn a_blank_line_ends_a_sentence_and_a_line_break_does_not() {
        let expected = ["A heading", "Its first sentence goes on."];
        assert_eq!(
            split_sentences("A heading\r\n\r\nIts first\r\nsentence goes on."),
            expected
        );
    }

    #[test]
    fn unusual_text_is_summarized_without_a_panic() {
        let long_line = "naïve Straße 東京 🦀 ' ’s ".repeat(5_000);
        let many_sentences = "Ünïcode wörks. ’s! \u{0}. ".repeat(1_000);
        for text in [
            &long_line,
            &many_sentences,
            "İ",
            "'s",
            "of the and",
            "a.b.c. D",
            "\"..\"",
        ] {
            assert!(summarize(text, usize::MAX).sentences.len() <= 600);
        }
    }
}
