use larder::cached;

pub struct Point {
    x: u32,
    y: u32,
}

#[cached(skip(Point { x, .. }))]
async fn fields(Point { x, y }: Point, id: u32) -> u32 {
    x + y + id
}

#[cached(skip((a, b), databse))]
async fn tuple((a, b): (u32, u32), database: &str, id: u32) -> String {
    format!("{database}{a}{b}{id}")
}

struct Library;

impl Library {
    #[cached(skip(&self))]
    async fn page(&self, page: u32) -> u32 {
        page
    }
}

fn main() {
    let _ = (fields(Point { x: 1, y: 2 }, 3), Library.page(1));
    let _ = tuple((1, 2), "a", 3);
}
