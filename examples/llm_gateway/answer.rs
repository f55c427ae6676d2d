//! What the endpoint answers: kept as it was written, with what the gateway has to know of it.

use std::collections::BTreeSet;

use larder::Cacheable;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Dollars for a million tokens: those of your models belong here.
const PROMPT_PRICE: f64 = 0.15;
const COMPLETION_PRICE: f64 = 0.60;

/// How an answer ends that is complete: it says something, or has tools called. One that was cut off or
/// filtered ends in another way.
const COMPLETE: [&str; 3] = ["stop", "tool_calls", "function_call"];

fn is_complete_end(finish_reason: Option<&str>) -> bool {
    finish_reason.is_some_and(|reason| COMPLETE.contains(&reason))
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "the names of the protocol")]
pub(crate) struct Usage {
    prompt_tokens: u32,
    completion_tokens: u32,
    pub(crate) total_tokens: u32,
}

impl Usage {
    /// What it cost, in dollars.
    pub(crate) fn cost(&self) -> f64 {
        let prompt = f64::from(self.prompt_tokens) * PROMPT_PRICE;
        let completion = f64::from(self.completion_tokens) * COMPLETION_PRICE;
        (prompt + completion) / 1e6
    }
}

/// An answer in one piece.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Completion {
    /// JSON, which the client gets as it is.
    pub(crate) body: String,
    pub(crate) usage: Usage,
    is_complete: bool,
}

impl Completion {
    pub(crate) fn read(body: String) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Read {
            choices: Vec<Choice>,
            #[serde(default)]
            usage: Option<Usage>,
        }
        #[derive(Deserialize)]
        struct Choice {
            message: Said,
            finish_reason: Option<String>,
        }
        let read: Read = serde_json::from_str(&body)?;
        let is_complete = |choice: &Choice| {
            is_complete_end(choice.finish_reason.as_deref()) && choice.message.says_something()
        };
        Ok(Self {
            is_complete: !read.choices.is_empty() && read.choices.iter().all(is_complete),
            usage: read.usage.unwrap_or_default(),
            body,
        })
    }
}

impl Cacheable for Completion {
    fn is_cacheable(&self) -> bool {
        self.is_complete
    }
}

/// A piece of an answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Chunk {
    /// JSON, which the client gets as it is.
    pub(crate) data: String,
    /// In the last one.
    usage: Option<Usage>,
    parts: Vec<Part>,
}

/// What a chunk adds to one of the answers, where several were asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Part {
    index: u32,
    says_something: bool,
    finish_reason: Option<String>,
}

impl Chunk {
    pub(crate) fn read(data: String) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Read {
            choices: Vec<Choice>,
            #[serde(default)]
            usage: Option<Usage>,
        }
        #[derive(Deserialize)]
        struct Choice {
            #[serde(default)]
            index: u32,
            #[serde(default)]
            delta: Said,
            finish_reason: Option<String>,
        }
        let read: Read = serde_json::from_str(&data)?;
        let parts = read.choices.into_iter().map(|choice| Part {
            index: choice.index,
            says_something: choice.delta.says_something(),
            finish_reason: choice.finish_reason,
        });
        Ok(Self {
            parts: parts.collect(),
            usage: read.usage,
            data,
        })
    }

    /// Whether it says what the answer took, and nothing of the answer.
    pub(crate) fn is_bill(&self) -> bool {
        self.parts.is_empty() && self.usage.is_some()
    }
}

/// What an answer took: the last chunk says it.
pub(crate) fn usage_of(chunks: &[Chunk]) -> Usage {
    let mut last_first = chunks.iter().rev();
    last_first.find_map(|chunk| chunk.usage).unwrap_or_default()
}

/// Whether these chunks are all of an answer.
pub(crate) fn is_complete(chunks: &[Chunk]) -> bool {
    let which = |is: fn(&Part) -> bool| -> BTreeSet<u32> {
        let parts = chunks.iter().flat_map(|chunk| &chunk.parts);
        parts
            .filter(|part| is(part))
            .map(|part| part.index)
            .collect()
    };
    let all = which(|_| true);
    let complete = which(|part| is_complete_end(part.finish_reason.as_deref()));
    let spoken = which(|part| part.says_something);
    !all.is_empty() && all == complete && all == spoken
}

#[derive(Default, Deserialize)]
struct Said {
    content: Option<String>,
    /// What the client is to call, as it came.
    tool_calls: Option<Vec<Value>>,
    /// The same in the way of older clients.
    function_call: Option<Value>,
}

impl Said {
    fn says_something(&self) -> bool {
        let calls = self.tool_calls.is_cacheable() || self.function_call.is_cacheable();
        calls || self.content.is_cacheable()
    }
}
