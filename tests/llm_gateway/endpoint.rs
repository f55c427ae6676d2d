//! An endpoint that speaks the protocol. What it does is in the name of the model.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Between two words.
const PAUSE: Duration = Duration::from_millis(4);

/// What an answer takes.
pub(crate) const PROMPT_TOKENS: u64 = 10;
pub(crate) const COMPLETION_TOKENS: u64 = 20;
pub(crate) const TOKENS: u64 = PROMPT_TOKENS + COMPLETION_TOKENS;

/// Each answer has its number, so that no two are the same.
#[derive(Debug)]
pub(crate) struct Endpoint {
    address: SocketAddr,
    state: Arc<Asked>,
}

#[derive(Debug)]
struct Asked {
    requests: Mutex<Vec<(HeaderMap, Value)>>,
    /// What `gated` waits for before each word.
    gate: Semaphore,
}

/// A step of an answer.
enum Step {
    Bytes(Vec<u8>),
    Gate,
    Pause,
    BreakOff,
    Stall,
}

impl Endpoint {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Asked {
            requests: Mutex::default(),
            gate: Semaphore::new(0),
        });
        let router = Router::new()
            .route("/v1/chat/completions", post(complete))
            .with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, state }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1/", self.address)
    }

    /// Lets so many words of `gated` pass.
    pub(crate) fn let_pass(&self, words: usize) {
        self.state.gate.add_permits(words);
    }

    /// What it was asked, in order.
    pub(crate) fn requests(&self) -> Vec<(HeaderMap, Value)> {
        self.state.requests.lock().expect("no panic").clone()
    }

    /// How often it was asked.
    pub(crate) fn calls(&self) -> usize {
        self.requests().len()
    }
}

async fn complete(
    State(asked): State<Arc<Asked>>,
    headers: HeaderMap,
    Json(request): Json<Value>,
) -> Response {
    let number = {
        let mut requests = asked.requests.lock().expect("no panic");
        requests.push((headers, request.clone()));
        requests.len()
    };
    tokio::time::sleep(PAUSE).await;
    let model = request["model"].as_str().unwrap_or_default();
    let refusal = |status: StatusCode| {
        let body =
            json!({"error": {"message": format!("refusal {number}"), "type": "of the test"}});
        (status, Json(body))
    };
    match model {
        "busy" => {
            let status = refusal(StatusCode::TOO_MANY_REQUESTS);
            return ([("retry-after", "7")], status).into_response();
        }
        "down" => return refusal(StatusCode::INTERNAL_SERVER_ERROR).into_response(),
        "locked" => return refusal(StatusCode::UNAUTHORIZED).into_response(),
        "website" => return "<html>Welcome</html>".into_response(),
        _ => {}
    }
    let question = request["messages"].as_array().and_then(|all| all.last());
    let question = question
        .and_then(|it| it["content"].as_str())
        .unwrap_or_default();
    let text = match model {
        "mute" => String::new(),
        _ => format!("Answer {number}: “{question}” – schön!"),
    };
    let ends = match model {
        "length" | "content_filter" | "function_call" => model,
        "tool_calls" | "no_tool_calls" => "tool_calls",
        // As it ends where the client has said which tool is to be called, too.
        _ => "stop",
    };
    let is_stream = request["stream"] == true;
    let wants_usage = request["stream_options"]["include_usage"] == true;
    let steps = if is_stream {
        pieces(model, &text, ends, wants_usage)
    } else {
        one_piece(model, &text, ends)
    };
    let kind = if is_stream {
        "text/event-stream"
    } else {
        "application/json"
    };
    let bytes = stream::iter(steps).then(move |step| {
        let asked = asked.clone();
        async move { taken(step, &asked).await }
    });
    let bytes = bytes.filter_map(async |bytes| bytes);
    ([("content-type", kind)], Body::from_stream(bytes)).into_response()
}

async fn taken(step: Step, asked: &Asked) -> Option<io::Result<Bytes>> {
    match step {
        Step::Bytes(bytes) => return Some(Ok(bytes.into())),
        Step::Gate => asked.gate.acquire().await.expect("never closed").forget(),
        Step::Pause => tokio::time::sleep(PAUSE).await,
        Step::BreakOff => {
            // What was said before is sent.
            tokio::time::sleep(PAUSE).await;
            return Some(Err(io::Error::other("as the test wants it")));
        }
        Step::Stall => std::future::pending::<()>().await,
    }
    None
}

fn usage() -> Value {
    json!({
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": COMPLETION_TOKENS,
        "total_tokens": TOKENS,
    })
}

/// What is said in one message, or in one piece of it.
fn said_by(model: &str, text: &str) -> Value {
    let function = json!({"name": "look_up", "arguments": text});
    match model {
        "tool_calls" | "forced_tool_call" => {
            let call = json!({"index": 0, "type": "function", "function": function});
            json!({"content": null, "tool_calls": [call]})
        }
        "function_call" => json!({"content": null, "function_call": function}),
        "no_tool_calls" => json!({"content": null, "tool_calls": []}),
        "refusal" => json!({"content": null, "refusal": text}),
        _ => json!({"content": text}),
    }
}

fn one_piece(model: &str, text: &str, ends: &str) -> Vec<Step> {
    let mut message = said_by(model, text);
    message["role"] = "assistant".into();
    let answer = json!({
        "object": "chat.completion",
        "choices": [{
            "index": 0,
            "message": message,
            "finish_reason": ends,
        }],
        "usage": usage(),
        "system_fingerprint": "of the test",
    });
    let answer = answer.to_string().into_bytes();
    let (first, rest) = answer.split_at(answer.len() / 2);
    let mut steps = vec![Step::Bytes(first.to_vec())];
    steps.push(match model {
        "cut" => Step::BreakOff,
        "stalls" => Step::Stall,
        "gated" => Step::Gate,
        _ => Step::Pause,
    });
    steps.push(Step::Bytes(rest.to_vec()));
    if model == "garbage" {
        steps.push(Step::Bytes(b"]]".to_vec()));
    }
    steps
}

fn pieces(model: &str, text: &str, ends: &str, wants_usage: bool) -> Vec<Step> {
    let event = |choices: Value, usage: Value| {
        let chunk = json!({"object": "chat.completion.chunk", "choices": choices, "usage": usage});
        format!("data: {chunk}\n\n")
    };
    let said = |delta: Value, ends: Value| {
        event(
            json!([{"index": 0, "delta": delta, "finish_reason": ends}]),
            Value::Null,
        )
    };
    let mut events = vec![said(
        json!({"role": "assistant", "content": ""}),
        Value::Null,
    )];
    let words = text.split_inclusive(' ');
    events.extend(words.map(|word| said(said_by(model, word), Value::Null)));
    let half = events.len() / 2;
    match model {
        "cut" | "stalls" | "unfinished" => events.truncate(half),
        "moans" => {
            events[half] = String::from("data: {\"error\": {\"message\": \"overloaded\"}}\n\n");
        }
        "garbage" => events[half] = String::from("data: {\"choices\": [\n\n"),
        _ => {}
    }
    if !matches!(model, "cut" | "stalls" | "unfinished") {
        events.push(said(json!({}), ends.into()));
        if wants_usage {
            events.push(event(json!([]), usage()));
        }
        events.push("data: [DONE]\n\n".to_owned());
    }
    let last = match model {
        "cut" => Some(Step::BreakOff),
        "stalls" => Some(Step::Stall),
        _ => None,
    };
    let between = || {
        if model == "gated" {
            Step::Gate
        } else {
            Step::Pause
        }
    };
    let steps = events.into_iter().flat_map(|event| match model {
        // As other servers write it, and as slow networks hand it over.
        "odd" => format!(
            ": alive\r\nevent: message\r\n{}",
            event.replace('\n', "\r\n")
        )
        .bytes()
        .map(|byte| Step::Bytes(vec![byte]))
        .collect(),
        _ => vec![between(), Step::Bytes(event.into_bytes())],
    });
    steps.chain(last).collect()
}
