#[derive(larder::Options)]
struct Request {
    model: String,
}

#[larder::cached(options = requst)]
async fn unknown(request: Request) -> String {
    request.model
}

#[larder::cached(options = "request")]
async fn in_quotes(request: Request) -> String {
    request.model
}

#[larder::cached(options)]
async fn without_a_name(request: Request) -> String {
    request.model
}

#[larder::cached(options = request, skip(request))]
async fn skipped(request: Request, id: u32) -> String {
    format!("{}{id}", request.model)
}

#[larder::cached(options = text, text = text)]
async fn the_text(text: String) -> String {
    text
}

#[larder::cached(options = request, key = request.model)]
async fn beside_a_key(request: Request) -> String {
    request.model
}

impl Request {
    #[larder::cached(options = self)]
    async fn itself(self) -> String {
        self.model
    }
}

fn main() {
    let request = || Request { model: String::new() };
    let _ = (unknown(request()), in_quotes(request()), without_a_name(request()));
    let _ = (skipped(request(), 1), the_text(String::new()), beside_a_key(request()));
    let _ = request().itself();
}
