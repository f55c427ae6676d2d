//! What clients ask.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A request for an answer. Every field of it is in the key, those that the gateway does not know too,
/// unless it is marked as one that changes no answer.
#[derive(Clone, Debug, Serialize, Deserialize, larder::Options)]
pub(crate) struct ChatRequest {
    model: String,
    messages: Vec<Message>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[options(count)]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[options(count)]
    max_tokens: Option<u64>,
    /// Whether the answer comes in pieces. Such answers are an operation of their own.
    #[serde(default)]
    #[options(skip)]
    pub(crate) stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[options(count)]
    stream_options: Option<Value>,
    /// Who asks, for the statistics of the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[options(skip)]
    user: Option<String>,
    /// What else there is, as it came.
    #[serde(flatten)]
    other: Map<String, Value>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Message {
    role: String,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl ChatRequest {
    /// What the user has written last: the text of the call, which names it in the store, and by whose
    /// length it is a short or a long one. The whole conversation is in the key all the same. As the
    /// text it would make every call a long one: it begins with the same instructions each time.
    pub(crate) fn question(&self) -> String {
        let mut latest_first = self.messages.iter().rev();
        let asked = latest_first.find(|message| message.role == "user");
        match asked.and_then(|message| message.other.get("content")) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(parts)) => {
                let texts = parts.iter().filter_map(|part| part["text"].as_str());
                texts.collect::<Vec<_>>().join("\n")
            }
            _ => String::new(),
        }
    }

    /// Whether the client wants to be told in the end what a stream took.
    pub(crate) fn wants_usage(&self) -> bool {
        let options = self.stream_options.as_ref();
        options.is_some_and(|options| options["include_usage"] == true)
    }

    /// The same request for an answer in one piece.
    pub(crate) fn in_one_piece(&self) -> Self {
        Self {
            stream: false,
            stream_options: None,
            ..self.clone()
        }
    }

    /// The same request for an answer in pieces, of which the last one says what it took.
    pub(crate) fn in_pieces(&self) -> Self {
        let mut request = self.clone();
        request.stream = true;
        let options = request.stream_options.get_or_insert_with(|| json!({}));
        if let Value::Object(options) = options {
            options.insert("include_usage".to_owned(), true.into());
        }
        request
    }
}
