use serde::{Serialize, Serializer};

#[derive(Serialize, larder::Options)]
struct Request {
    model: String,
    #[serde(skip)]
    trace_id: String,
    #[serde(skip_serializing)]
    secret: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(serialize_with = "nothing")]
    stop: String,
    #[serde(rename = "user_name", with = "as_nothing")]
    user: String,
    #[serde(rename = "temp", default)]
    temperature: f32,
    #[serde(skip)]
    #[options(skip)]
    decided: u8,
    #[serde(skip)]
    #[options(count)]
    decided_too: u8,
}

fn nothing<S: Serializer>(_: &String, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_unit()
}

mod as_nothing {
    pub(crate) use super::nothing as serialize;
}

// The trait is there all the same, so that the mistakes show once.
#[larder::cached(options = request)]
async fn complete(request: &Request) -> String {
    request.model.clone()
}

fn main() {}
