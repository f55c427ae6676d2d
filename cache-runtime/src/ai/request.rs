//! [`AiRequest`]: what a language model is asked.

use std::borrow::Cow;
use std::fmt::{self, Display};

use serde::Serialize;

use super::options::{Options, taken_apart};
use crate::error::CacheError;
use crate::key::{Identity, IdentityParts, KeyWriter, canonical};
use crate::policy::TextNormalization;

/// The longest name of an operation, in bytes.
const LONGEST_OPERATION: usize = 1024;

/// The name of the question, which is an option as any outside of the kind `ai`.
const QUESTION: &str = "question";

/// What a language model is asked: an operation on a text, with options, and maybe a question.
///
/// All of it is the key of the answer, the options by their names: their order does not count. The
/// types of numbers do: `1_u32` and `1_u64` are different options. A number in a
/// `serde_json::Value` is a `u64`, an `i64` where it is negative, or an `f64`.
///
/// Building one never fails. What cannot be a request is told by [`checked`](Self::checked) and by
/// [`AiCache::store`](super::AiCache::store): a text or an operation that is empty, an operation of
/// more than 1024 bytes, options that are no map, a name or a part that is given twice, and a value
/// that refuses to be serialized. For such a request nothing is found and nothing is kept, and
/// [`AiCache::get_or_compute`](super::AiCache::get_or_compute) computes each time.
///
/// ```
/// # use cache_runtime as larder;
/// use larder::AiRequest;
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Options {
///     max_words: u32,
///     tone: &'static str,
/// }
///
/// let options = Options { max_words: 100, tone: "dry" };
/// let request = AiRequest::new("summarize", "The sea was calm.").options(&options).checked()?;
///
/// let empty = AiRequest::new("summarize", "").checked();
/// assert_eq!(
///     empty.unwrap_err().to_string(),
///     "the text of a request: found none, expected at least one character",
/// );
/// # Ok::<(), larder::CacheError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct AiRequest<'a> {
    operation: &'a str,
    text: &'a str,
    options: Options,
    question: Option<Vec<u8>>,
    version: Option<String>,
    normalization: TextNormalization,
    tags: Vec<String>,
    problem: Option<Problem>,
}

/// What was found that cannot be a request, and where.
#[derive(Clone)]
struct Problem {
    subject: &'static str,
    found: String,
    expected: &'static str,
}

impl<'a> AiRequest<'a> {
    /// This operation on this text.
    pub fn new(operation: &'a str, text: &'a str) -> Self {
        let mut request = Self {
            operation,
            text,
            options: Options::new(),
            question: None,
            version: None,
            normalization: TextNormalization::None,
            tags: Vec::new(),
            problem: None,
        };
        let subject = "the operation of a request";
        let expected = "a name of up to 1024 bytes, such as `summarize`";
        if operation.trim().is_empty() {
            request.note(subject, "none", expected);
        } else if operation.len() > LONGEST_OPERATION {
            let found = format!("a name of {} bytes", operation.len());
            request.note(subject, &found, expected);
        }
        if text.is_empty() {
            request.note("the text of a request", "none", "at least one character");
        }
        request
    }

    /// With these options: a struct or a map, of which each field is an option with its name and its
    /// value. A unit and `None` are no options.
    ///
    /// Without a [question](Self::question) of its own, a field `question` is that.
    pub fn options<T: Serialize + ?Sized>(mut self, options: &T) -> Self {
        match taken_apart(options) {
            Ok(options) => {
                for (name, bytes) in options {
                    self.add(name, bytes);
                }
            }
            Err(unfit) => {
                let expected = "a map or a struct with names, or nothing";
                self.note("the options of a request", unfit.0, expected);
            }
        }
        self
    }

    /// With one more option.
    ///
    /// For the answers of an annotated function it is a parameter, by its name and with its very type; one
    /// that the attribute calls `options = settings` is
    /// `.option("settings", &settings.in_key())`, with [`Options`](trait@crate::Options) in scope.
    pub fn option<T: Serialize + ?Sized>(mut self, name: &str, value: &T) -> Self {
        match canonical(value) {
            Ok(bytes) => self.add(name.to_owned(), bytes),
            Err(refused) => {
                let expected = "one that serde can write";
                self.note("an option of a request", &refused.to_string(), expected);
            }
        }
        self
    }

    /// With this question about the text, most often a `str`. It has a digest of its own in the
    /// store.
    pub fn question<T: Serialize + ?Sized>(mut self, question: &T) -> Self {
        let subject = "the question of a request";
        match canonical(question) {
            Ok(bytes) => {
                if self.question.replace(bytes).is_some() {
                    self.note(subject, "a second one", "one");
                }
            }
            Err(refused) => {
                self.note(subject, &refused.to_string(), "one that serde can write");
            }
        }
        self
    }

    /// With this version, of the prompt for instance: what the attribute of a function says as
    /// `version`.
    pub fn version(mut self, version: impl Display) -> Self {
        self.version = Some(version.to_string());
        self
    }

    /// With a text that is the same as others are, as `normalize` in the attribute of a function says.
    pub fn normalize(mut self, normalization: TextNormalization) -> Self {
        self.normalization = normalization;
        self
    }

    /// With one more tag, by which [`Cache::remove_tag`](crate::Cache::remove_tag) finds what is kept:
    /// what the attribute of a function says in `tags`. It is no part of the key. What is kept by a
    /// request with other tags than the function has that asks the same goes with its own alone.
    pub fn tag(mut self, tag: impl Display) -> Self {
        self.tags.push(tag.to_string());
        self
    }

    /// The same request, if it is one.
    ///
    /// # Errors
    /// [`CacheError::Validation`] with the first thing that was wrong. Nothing of the text, of the
    /// options or of the question is in it.
    pub fn checked(self) -> Result<Self, CacheError> {
        self.check().map(|()| self)
    }

    pub(super) fn check(&self) -> Result<(), CacheError> {
        match self.problem.clone() {
            None => Ok(()),
            Some(Problem {
                subject,
                found,
                expected,
            }) => Err(CacheError::Validation {
                subject,
                found,
                expected,
            }),
        }
    }

    fn add(&mut self, name: String, bytes: Vec<u8>) {
        match self.options.binary_search_by(|(known, _)| known.cmp(&name)) {
            Ok(_) => self.note("the options of a request", "a name twice", "each name once"),
            Err(place) => self.options.insert(place, (name, bytes)),
        }
    }

    fn note(&mut self, subject: &'static str, found: &str, expected: &'static str) {
        self.problem.get_or_insert_with(|| Problem {
            subject,
            found: found.to_owned(),
            expected,
        });
    }

    pub(super) fn operation(&self) -> &'a str {
        self.operation
    }

    pub(super) fn tags(&self) -> &[String] {
        &self.tags
    }

    /// The request as a function of this kind has its arguments. `None` for what is no request.
    pub(super) fn parts<'r>(&'r self, kind: &str, is_ai: bool) -> Option<Parts<'r>> {
        if self.problem.is_some() {
            return None;
        }
        let mut question = self.question.as_deref();
        let mut options: Vec<(&str, &[u8])> = self
            .options
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
            .collect();
        let place = options.binary_search_by_key(&QUESTION, |(name, _)| name);
        match (place, question) {
            (Ok(place), None) if is_ai => question = Some(options.remove(place).1),
            // Where there are both, that is no call of a function: none has two of one name.
            (Ok(place) | Err(place), Some(asked)) if !is_ai => {
                options.insert(place, (QUESTION, asked));
                question = None;
            }
            _ => {}
        }
        let names: Vec<&str> = options.iter().map(|(name, _)| *name).collect();
        let identity = Identity::of(&IdentityParts {
            kind,
            operation: self.operation,
            version: self.version.as_deref(),
            generic: None,
            function: None,
            has_text: true,
            has_question: question.is_some(),
            normalization: self.normalization,
            names: &names,
        });
        Some(Parts {
            identity,
            text: self.normalization.normalized(self.text),
            options,
            question,
        })
    }
}

impl fmt::Debug for AiRequest<'_> {
    /// Without the text, the options and the question.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AiRequest")
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}

/// A request as the arguments of a function.
pub(super) struct Parts<'r> {
    pub(super) identity: Identity,
    text: Cow<'r, str>,
    options: Vec<(&'r str, &'r [u8])>,
    question: Option<&'r [u8]>,
}

impl Parts<'_> {
    pub(super) fn write(&self, key: &mut KeyWriter<'_>) {
        for (_, bytes) in &self.options {
            key.written_arg(bytes);
        }
        key.text(&self.text);
        if let Some(question) = self.question {
            key.written_question(question);
        }
    }
}
