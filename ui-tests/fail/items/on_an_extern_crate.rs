#[larder::cached]
extern crate std as other;

fn main() {
    let _ = other::mem::size_of::<u32>();
}
