macro_rules! function {
    ($name:ident) => {
        #[larder::cached(skip(id))]
        async fn function(n: u32, $name: u32, id: u32) -> u32 {
            n + $name + id
        }
    };
}

function!(id);

fn main() {
    let _ = function(1, 2, 3);
}
