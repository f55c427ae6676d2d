//! What the presets say, and which settings are in force in this environment, each with its source:
//!
//! ```sh
//! CACHE_PRESET=production CACHE_REDIS_URL=redis://localhost cargo run --example presets
//! ```

use larder::{CacheConfig, CacheError, Preset};

fn main() -> Result<(), CacheError> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    for description in Preset::list() {
        println!("{description}");
    }
    println!("\n{}", Preset::compare(&Preset::ALL));

    let config = CacheConfig::from_environment()?;
    println!("\nIn force here:\n\n{}", config.explain());
    println!("\n{}", config.validate());
    Ok(())
}
