trait Users {
    #[larder::cached(skip(self))]
    async fn name(&self, id: u32) -> String;
}

fn main() {}
