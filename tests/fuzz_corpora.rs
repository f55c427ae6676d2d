//! Every input that is kept for the fuzz targets, run once.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Panics that a cache catches are findings too.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn run_all(target: &str, run: fn(&[u8])) {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::SeqCst);
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
        assert_eq!(PANICS.load(Ordering::SeqCst), 0);
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
