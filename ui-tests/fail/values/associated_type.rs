use larder::cached;

trait Source {
    type Answer;

    #[cached(key = id)]
    async fn ask(id: u32) -> Self::Answer {
        panic!("{id}")
    }
}

#[cached]
async fn first<I: IntoIterator>(id: u32) -> I::Item {
    panic!("{id}")
}

#[cached]
async fn second<I: IntoIterator>(id: u32) -> <I as IntoIterator>::Item {
    panic!("{id}")
}

fn main() {}
