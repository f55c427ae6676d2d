//! Every input that is kept for the fuzz targets, run once.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::cell::Cell;
use std::path::Path;

thread_local! {
    /// Panics that a cache catches are findings too.
    static HAS_PANICKED: Cell<bool> = const { Cell::new(false) };
}

fn run_all(target: &str, run: fn(&[u8])) {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        HAS_PANICKED.set(true);
        report(panic);
    }));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let files = std::fs::read_dir(folder.join(target)).expect("the inputs of the target");
    let mut count = 0;
    for file in files {
        let path = file.expect("an input").path();
        let input = std::fs::read(&path).expect("an input");
        // Shown if it fails.
        println!("{}", path.display());
        run(&input);
        assert!(!HAS_PANICKED.get(), "a panic that was caught");
        count += 1;
    }
    assert!(count > 10, "there are {count} inputs");
}

#[test]
fn envelopes() {
    run_all("envelope", targets::envelope::run_for_each_type);
}

#[test]
fn key_names() {
    run_all("key_names", targets::key_names::run);
}
