fn main() {
    let double = #[larder::cached]
    |n: u32| n * 2;
    let _ = double(1);
}
