//! The text format of Prometheus, version 0.0.4, read strictly.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "not every test file needs all of it"
)]

use std::collections::{BTreeMap, BTreeSet};

/// One line with a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub family: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// What was exposed.
#[derive(Debug, Default)]
pub struct Exposition {
    /// The type of each family.
    pub families: BTreeMap<String, String>,
    pub samples: Vec<Sample>,
}

impl Exposition {
    /// Every line has to be a `HELP`, a `TYPE` after it, or a sample of the family that was named
    /// last; no family and no sample is there twice.
    ///
    /// # Errors
    /// The first line that is not as it should be.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut read = Self::default();
        let mut helped = None;
        let mut family = None;
        let mut seen = BTreeSet::new();
        if !text.ends_with('\n') {
            return Err("the last line does not end".to_owned());
        }
        // Empty lines mean nothing.
        for line in text.lines().filter(|line| !line.is_empty()) {
            let wrong = |what: &str| Err(format!("{what}: {line:?}"));
            if let Some(comment) = line.strip_prefix("# ") {
                let mut words = comment.splitn(3, ' ');
                match [words.next(), words.next(), words.next()] {
                    [Some("HELP"), Some(name), Some(help)] => {
                        let is_escaped = help.replace(r"\\", "").replace(r"\n", "");
                        if !is_name(name) || is_escaped.contains('\\') {
                            return wrong("no help");
                        }
                        helped = Some(name.to_owned());
                    }
                    [Some("TYPE"), Some(name), Some(kind @ ("counter" | "gauge"))] => {
                        let is_new = read.families.insert(name.to_owned(), kind.to_owned());
                        if helped.take().as_deref() != Some(name) || is_new.is_some() {
                            return wrong("a type without its help, or twice");
                        }
                        if (kind == "counter") != name.ends_with("_total") {
                            return wrong(
                                "a counter has a name that says so, and nothing else has",
                            );
                        }
                        family = Some(name.to_owned());
                    }
                    _ => return wrong("an unknown comment"),
                }
                continue;
            }
            let Some(sample) = Sample::read(line) else {
                return wrong("no sample");
            };
            if Some(&sample.family) != family.as_ref() || helped.is_some() {
                return wrong("a sample outside of its family");
            }
            if !seen.insert((sample.family.clone(), sample.labels.clone())) {
                return wrong("a sample that was there before");
            }
            read.samples.push(sample);
        }
        if helped.is_some() {
            return Err("the last help has no type".to_owned());
        }
        Ok(read)
    }

    /// The value of the sample with exactly these labels.
    pub fn value(&self, family: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels.iter();
        let labels: BTreeMap<_, _> = labels
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut samples = self.samples.iter();
        let found = samples.find(|sample| sample.family == family && sample.labels == labels);
        found.map(|sample| sample.value)
    }
}

impl Sample {
    fn read(line: &str) -> Option<Self> {
        let end = line.find(['{', ' '])?;
        let (family, rest) = line.split_at(end);
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => read_labels(rest)?,
            None => (BTreeMap::new(), rest),
        };
        // No time stamp, and one space.
        let value = rest.strip_prefix(' ')?;
        let is_number = value.starts_with(|c: char| c.is_ascii_digit());
        if !is_name(family) || !is_number {
            return None;
        }
        Some(Self {
            family: family.to_owned(),
            labels,
            value: value.parse().ok().filter(|it: &f64| it.is_finite())?,
        })
    }
}

/// The labels, and what comes after them.
fn read_labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = read_value(after)?;
        if !is_name(name) || labels.insert(name.to_owned(), value).is_some() {
            return None;
        }
        rest = match after.strip_prefix('}') {
            Some(after) => return Some((labels, after)),
            None => after.strip_prefix(',')?,
        };
    }
}

/// What is between the quotes, and what comes after them.
fn read_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                '\\' => '\\',
                '"' => '"',
                'n' => '\n',
                _ => return None,
            }),
            other => value.push(other),
        }
    }
    None
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
