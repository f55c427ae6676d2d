#[larder::cached(skip(databse))]
async fn name(database: &str, id: u32) -> String {
    format!("{database}{id}")
}

#[larder::cached(skip(self))]
async fn plain(id: u32) -> u32 {
    id
}

#[larder::cached(skip(id))]
async fn bare() -> u32 {
    1
}

fn main() {
    let _ = (name("a", 1), plain(1), bare());
}
