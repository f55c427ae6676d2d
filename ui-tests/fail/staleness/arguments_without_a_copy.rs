trait Source: Send + Sync {}

struct Connection;

#[larder::cached(detach, skip(connection))]
async fn one(connection: &Connection, id: u32) -> u32 {
    let _ = connection;
    id
}

#[larder::cached(detach, skip(source))]
async fn two(source: &dyn Source, id: u32) -> u32 {
    let _ = source;
    id
}

fn main() {
    let _ = one(&Connection, 1);
}
