#[larder::cached]
pub extern "C" fn double(n: u32) -> u32 {
    n * 2
}

#[larder::cached(local)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn triple(n: u32) -> u32 {
    n * 3
}

fn main() {
    let _: u32 = double(1);
}
