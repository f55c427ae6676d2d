use std::borrow::Cow;

struct Service;

impl Service {
    #[larder::cached(detach, skip(self))]
    async fn one(&self, id: u32) -> u32 {
        id
    }
}

#[larder::cached(refresh_ahead = 0.5, skip(log))]
async fn two(log: &mut Vec<u32>, id: u32) -> u32 {
    log.push(id);
    id
}

#[larder::cached(stale_while_revalidate = "1m")]
async fn three(names: Vec<&str>, text: Cow<'_, str>, both: (&str, u32)) -> usize {
    names.len() + text.len() + both.0.len()
}

fn main() {
    let _ = (Service.one(1), two(&mut Vec::new(), 1), three(vec![], "".into(), ("", 1)));
}
