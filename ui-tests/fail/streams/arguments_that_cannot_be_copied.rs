use std::convert::Infallible;
use std::fmt::Display;
use std::sync::Arc;

use futures_util::Stream;
use futures_util::stream;

type Item = Result<String, Infallible>;

struct Teller(String);

impl Teller {
    #[larder::cached(key = (&self.0, id))]
    fn tell(&self, id: u32) -> impl Stream<Item = Item> {
        stream::iter([Ok(format!("{} {id}", self.0))])
    }

    #[larder::cached(skip(self))]
    fn change(&mut self, id: u32) -> impl Stream<Item = Item> {
        stream::iter([Ok(id.to_string())])
    }

    #[larder::cached(skip(self))]
    fn behind_another(self: &Arc<Self>, id: u32) -> impl Stream<Item = Item> {
        stream::iter([Ok(id.to_string())])
    }
}

struct Held<'a>(&'a str);

#[larder::cached(skip(held))]
fn held(held: Held<'_>, id: u32) -> impl Stream<Item = Item> {
    stream::iter([Ok(format!("{}{id}", held.0))])
}

#[larder::cached]
fn nameless(text: &impl AsRef<str>) -> impl Stream<Item = Item> {
    stream::iter([Ok(text.as_ref().to_owned())])
}

#[larder::cached(skip(what))]
fn object(what: &dyn Display, id: u32) -> impl Stream<Item = Item> {
    stream::iter([Ok(format!("{what} {id}"))])
}

#[larder::cached(skip(log))]
fn changed(log: &mut Vec<u32>, id: u32) -> impl Stream<Item = Item> {
    log.push(id);
    stream::iter([Ok(id.to_string())])
}

fn main() {}
