//! `docs/configuration.md` says what the code does: it is made from the list of settings.
//! `LARDER_WRITE_GOLDEN=1` writes it.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;

use larder::{CacheConfig, Preset, Setting};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");

const HEAD: &str = "\
# Configuration

Made from the code: `LARDER_WRITE_GOLDEN=1 cargo test --all-features --test configuration_page` writes
this page.

Most applications need one to four variables:

| variable | meaning |
|---|---|
| `CACHE_PRESET` | one of the [presets](#presets), which says everything that is not said otherwise; `development` if it is not set |
| `CACHE_REDIS_URL` | where Redis is; without it everything stays in memory |
| `ENABLE_AI_CACHE` | whether there are settings and lifetimes for language models, if not as the preset says |
| `CACHE_NAMESPACE` | what the names of all keys begin with, so that applications on one Redis do not meet |

Everything else has a default. What is not as it should be keeps `larder::init` from succeeding, with one
sentence for each problem; `CacheConfig::explain` shows every setting in force with the source that it
comes from.

## Sources

Each comes before those above it:

1. defaults
2. a preset: named by the program, else by `CACHE_PRESET`, else as `preset` in a file
3. files, in JSON or TOML (with the feature `yaml` in YAML, too), of at most 1 MiB: those that the program
   names, then the one that `CACHE_CONFIG_FILE` names
4. variables
5. `CACHE_CUSTOM_CONFIG`: what a file in JSON says
6. the program: `CacheConfigBuilder::from` the configuration that was loaded

What a kind has of its own comes before what any of them says for all kinds. `preset` in
`CACHE_CUSTOM_CONFIG` comes before `CACHE_PRESET`. Settings are read once, at the start: to change those of a
kind while the program runs, register another cache for it.

A variable that is empty says nothing, and neither does `null`. Times are numbers of seconds, or texts such as `\"2h 30m\"`,
`\"50ms\"`, `\"7days\"`. Tables of several sources are merged. In a file, settings with a dot are in a
section, and each kind may have settings of its own:

```toml
preset = \"production\"
namespace = \"shop\"

[operation_ttls]
\"user.profile\" = \"15m\"

[ai]
text_hash_threshold = 500

[kinds.geo]
l1_cache_size = 50000
```

Beside those of settings, these variables are read:

| variable | meaning |
|---|---|
| `CACHE_CONFIG_FILE` | a file with settings |
| `CACHE_CUSTOM_CONFIG` | settings in JSON |
| `TEST_REDIS_URL` | the Redis of `CacheFactory::test_redis_url`, `redis://localhost:6379/15` if it is not set |
| `AI_CACHE_TEXT_SIZE_TIERS` | old: the three limits of `ai.text_size_tiers` in JSON |
| `REDIS_VERIFY_CERTIFICATES` | `true`, or an error: certificates are always checked |
| `REDIS_MAX_RETRIES`, `REDIS_INSECURE_ALLOW_PLAINTEXT` | mean nothing here, and are warned of |

## Settings

Old variables, and other names in files, are those of the Python system whose settings Larder takes
over. Old variables are read with a warning.
";

fn list(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    let defaults = CacheConfig::default();
    let of_ai = CacheConfig::builder().ai().build().expect("valid");
    for setting in Setting::all() {
        let default = setting.value(&defaults).or_else(|| setting.value(&of_ai));
        let default = default.map_or_else(|| "not set".to_owned(), |it| format!("`{it}`"));
        writeln!(page, "\n### `{}`\n\n{}.\n", setting.name(), setting.about()).expect("a text");
        let mut line = |name: &str, what: &str| {
            if !what.is_empty() {
                writeln!(page, "- {name}: {what}").expect("a text");
            }
        };
        line("takes", &setting.expected());
        line("default", &default);
        line("variable", &list(setting.variables()));
        let instead = if setting.old_variables().is_empty() || !setting.variables().is_empty() {
            String::new()
        } else {
            format!(
                " (now in `CACHE_CUSTOM_CONFIG` or a file: `{}`)",
                setting.name()
            )
        };
        line("old variable", &(list(setting.old_variables()) + &instead));
        line("other name in files", &list(setting.other_names()));
    }
    page.push_str("\n## Presets\n\n");
    for description in Preset::list() {
        writeln!(page, "- {description}").expect("a text");
    }
    let comparison = Preset::compare(&Preset::ALL);
    let names = Preset::ALL.map(Preset::name).join(" | ");
    let columns = "---|".repeat(Preset::ALL.len() + 1);
    writeln!(page, "\n| | {names} |\n|{columns}").expect("a text");
    for (name, values) in comparison.differences {
        let is_setting = Setting::all().any(|setting| setting.name() == name);
        let name = if is_setting {
            format!("`{name}`")
        } else {
            format!("lifetime of `{name}`, after that of its attribute")
        };
        writeln!(page, "| {name} | {} |", values.join(" | ")).expect("a text");
    }
    page
}

#[test]
fn the_page_on_configuration_is_what_the_code_says() {
    let expected = page();
    if std::env::var_os("LARDER_WRITE_GOLDEN").is_some() {
        std::fs::write(PAGE, &expected).expect("written");
    }
    let found = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        found == expected,
        "docs/configuration.md is not up to date; write it with LARDER_WRITE_GOLDEN=1"
    );
}
