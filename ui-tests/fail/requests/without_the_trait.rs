#[derive(serde::Serialize)]
struct Request {
    model: String,
}

#[larder::cached(options = request)]
async fn reference(request: &Request) -> String {
    request.model.clone()
}

#[larder::cached(options = request)]
async fn optional(request: Option<Request>) -> bool {
    request.is_some()
}

#[larder::cached(options = model)]
async fn text(model: &str) -> bool {
    model.is_empty()
}

fn main() {
    let _ = (reference(&Request { model: String::new() }), optional(None), text(""));
}
