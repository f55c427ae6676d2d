async fn all() -> Result<String, String> {
    #[larder::cached(op = "")]
    async fn local(id: u32) -> Result<u32, String> {
        Ok(id)
    }
    let id: u32 = local(1).await?;
    Ok(modules::name(id).await)
}

mod modules {
    #[larder::cached(skip(di))]
    pub(super) async fn name(id: u32) -> String {
        id.to_string()
    }
}

fn main() {
    let _ = all();
}
