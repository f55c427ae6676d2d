#[larder::cached(tokens = 100)]
async fn number(id: u32) -> String {
    id.to_string()
}

#[larder::cached(cost = 0.5)]
async fn amount(id: u32) -> String {
    id.to_string()
}

#[larder::cached(tokens)]
async fn nothing(id: u32) -> String {
    id.to_string()
}

#[larder::cached(cost = |it, other| 1.0)]
async fn two_parameters(id: u32) -> String {
    id.to_string()
}

#[larder::cached(tokens = || 1)]
async fn no_parameter(id: u32) -> String {
    id.to_string()
}

#[larder::cached(price = |it| 1.0)]
async fn in_other_words(id: u32) -> String {
    id.to_string()
}

#[larder::cached(token = |it| 1.0)]
async fn misspelled(id: u32) -> String {
    id.to_string()
}

fn main() {
    let _ = (number(1), amount(1), nothing(1), two_parameters(1));
    let _ = (no_parameter(1), in_other_words(1), misspelled(1));
}
