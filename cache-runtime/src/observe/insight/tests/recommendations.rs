//! What could be better about hits, texts, memory and compression.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::example::{called, counts, missed, statistics, with};
use super::super::{Advice, Insight, Priority};
use super::{MB, compressed, each, found, hits, insight, operation, the_one, tries, usual};
use crate::cache::APPLICATIONS_OWN;
use crate::call::MissReason;
use crate::observe::{CacheStats, CompressionStatistics, Ending, OperationStatistics};
use crate::policy::TextTier;

#[test]
fn mon_14_nothing_is_recommended_before_the_tenth_request() {
    assert_eq!(found(&insight(statistics())), []);
    assert_eq!(found(&hits(0, 9)), []);
    assert_eq!(found(&hits(9, 0)), []);
    assert_eq!(found(&hits(0, 10)), [Advice::LowHitRate]);
    assert_eq!(found(&hits(10, 0)), [Advice::ExcellentHitRate]);
    // Neither hits nor misses.
    let bypassed = called("summarize", &[(Ending::Bypassed, 1000)]);
    assert_eq!(found(&insight(bypassed)), []);
}

#[test]
fn mon_14_and_21_hit_rates() {
    for (number, misses, expected) in [
        (0, 1000, Some((Advice::LowHitRate, Priority::High))),
        (299, 701, Some((Advice::LowHitRate, Priority::High))),
        (300, 700, Some((Advice::ModestHitRate, Priority::Medium))),
        (699, 301, Some((Advice::ModestHitRate, Priority::Medium))),
        (700, 300, None),
        (900, 100, None),
        (901, 99, Some((Advice::ExcellentHitRate, Priority::Low))),
        (u64::MAX, 0, Some((Advice::ExcellentHitRate, Priority::Low))),
        (0, u64::MAX, Some((Advice::LowHitRate, Priority::High))),
    ] {
        let found = hits(number, misses).recommendations();
        let found: Vec<_> = found.iter().map(|it| (it.advice, it.priority)).collect();
        assert_eq!(found, Vec::from_iter(expected), "{number} {misses}");
    }
}

#[test]
fn low_hit_rates_are_about_the_lifetime_of_what_is_missed_most() {
    let mut two = hits(0, 100);
    two.statistics = with(two.statistics, "qa", counts(&[(Ending::Computed, 10)]));
    tries(
        &two,
        Advice::LowHitRate,
        "operation_ttls of \"summarize\" = 4h",
    );
    // The application's own keys have the lifetime of everything.
    let own = counts(&[(Ending::Missed, 200)]);
    two.statistics = with(two.statistics, APPLICATIONS_OWN, own);
    tries(&two, Advice::LowHitRate, "default_ttl = 2h");
    // No lifetime is longer than a year.
    let mut long = hits(0, 100);
    operation(&mut long, "summarize").ttl = Some(Duration::from_secs(31_536_000));
    tries(
        &long,
        Advice::LowHitRate,
        "operation_ttls of \"summarize\" = 365d",
    );
    // What lives for ever cannot live longer.
    operation(&mut long, "summarize").ttl = None;
    tries(&long, Advice::LowHitRate, "default_ttl = 2h");
}

#[test]
fn low_hit_rates_say_whether_longer_lifetimes_could_have_helped() {
    for (expired, beginning) in [
        (0, "nothing that was missed had expired: look for arguments"),
        (1, "let answers of \"summarize\" live longer; if that"),
    ] {
        let mut missed_some = hits(0, 100);
        let counts = missed_some.statistics.counts.clone();
        missed_some.statistics.counts = missed(counts, MissReason::Expired, expired);
        let action = the_one(&missed_some, Advice::LowHitRate).action;
        assert!(action.starts_with(beginning), "{action}");
    }
}

#[test]
fn low_hit_rates_of_a_memory_that_pushes_out_are_about_its_room() {
    let mut full = hits(0, 100);
    full.has_store = false;
    full.stats.misses = 100;
    full.stats.evictions = 49;
    tries(
        &full,
        Advice::LowHitRate,
        "operation_ttls of \"summarize\" = 4h",
    );
    full.stats.evictions = 50;
    tries(&full, Advice::LowHitRate, "l1_cache_size = 200");
    // Of what was pushed out long ago, the misses since a reset say nothing.
    full.stats.misses = 1000;
    tries(
        &full,
        Advice::LowHitRate,
        "operation_ttls of \"summarize\" = 4h",
    );
    full.stats.misses = 100;
    // The store has what memory pushes out.
    full.has_store = true;
    tries(
        &full,
        Advice::LowHitRate,
        "operation_ttls of \"summarize\" = 4h",
    );
}

/// So many small texts among a thousand.
fn small(number: u64) -> Insight {
    let mut insight = usual();
    operation(&mut insight, "summarize").text_tiers = BTreeMap::from([
        (TextTier::Small, counts(&[(Ending::MemoryHit, number)])),
        (
            TextTier::Large,
            counts(&[(Ending::MemoryHit, 1000 - number)]),
        ),
    ]);
    insight
}

#[test]
fn mon_14_small_texts() {
    for (number, expected) in [
        (199, Some(Advice::FewSmallTexts)),
        (200, None),
        (700, None),
        (701, Some(Advice::ManySmallTexts)),
    ] {
        assert_eq!(found(&small(number)), Vec::from_iter(expected), "{number}");
    }
    tries(&small(701), Advice::ManySmallTexts, "l1_cache_size = 200");
    tries(&small(199), Advice::FewSmallTexts, "compression_level = 8");
    let mut without = small(701);
    without.tuning.enable_l1_cache = false;
    tries(&without, Advice::ManySmallTexts, "enable_l1_cache = true");
    let mut high = small(199);
    high.tuning.compression_threshold = 1001;
    tries(&high, Advice::FewSmallTexts, "compression_threshold = 1000");
    high.tuning.compression_threshold = 1000;
    high.tuning.compression_level = 9;
    tries(&high, Advice::FewSmallTexts, "compression_threshold = 500");
    // In memory nothing is compressed.
    high.has_store = false;
    assert_eq!(found(&high), []);
}

#[test]
fn of_fewer_than_ten_texts_nothing_is_said() {
    for (number, expected) in [(9, None), (10, Some(Advice::ManySmallTexts))] {
        let mut few = usual();
        let texts = counts(&[(Ending::MemoryHit, number)]);
        operation(&mut few, "summarize").text_tiers = BTreeMap::from([(TextTier::Small, texts)]);
        assert_eq!(found(&few), Vec::from_iter(expected), "{number}");
    }
}

#[test]
fn mon_15_lifetimes_of_quick_operations() {
    for (took, ttl, number, is_short) in [
        (99, 7199, 5, true),
        (100, 7199, 5, false),
        (99, 7200, 5, false),
        (99, 7199, 4, false),
        (0, 1, 5, true),
    ] {
        let mut quick = usual();
        let it = operation(&mut quick, "summarize");
        // Without hits, which take next to no time.
        it.counts = counts(&[(Ending::Computed, number)]);
        it.ttl = Some(Duration::from_secs(ttl));
        it.misses = each(took, number);
        let expected = is_short.then_some(Advice::ShortLifetime);
        assert_eq!(
            found(&quick),
            Vec::from_iter(expected),
            "{took} {ttl} {number}"
        );
    }
    let mut quick = usual();
    let it = operation(&mut quick, "summarize");
    it.ttl = Some(Duration::from_secs(1800));
    it.misses = each(1, 5);
    // What is computed once more differs: it lives too long already.
    it.shadow.different = 1;
    assert_eq!(found(&quick), []);
    operation(&mut quick, "summarize").shadow.different = 0;
    let expected = "operation_ttls of \"summarize\" = 1h";
    tries(&quick, Advice::ShortLifetime, expected);
    let own = OperationStatistics {
        ttl: Some(Duration::from_secs(3600)),
        misses: each(1, 5),
        ..OperationStatistics::default()
    };
    quick.statistics.operations = BTreeMap::from([(APPLICATIONS_OWN.to_owned(), own)]);
    tries(&quick, Advice::ShortLifetime, "default_ttl = 2h");
}

#[test]
fn of_many_quick_operations_those_are_told_that_are_called_most() {
    let mut many = usual();
    for number in 1..=30 {
        let it = operation(&mut many, &format!("op{number}"));
        it.counts = counts(&[(Ending::Computed, number)]);
        it.ttl = Some(Duration::from_secs(60));
        it.misses = each(1, 5);
    }
    let told = many.recommendations();
    let told: Vec<_> = told
        .iter()
        .filter_map(|it| it.suggestion.operation.clone())
        .collect();
    let expected: Vec<_> = (21..=30)
        .rev()
        .map(|number| format!("op{number}"))
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn mon_15_used_memory() {
    for (entries, expected) in [
        (0, Some(Advice::EmptyMemory)),
        (299, Some(Advice::EmptyMemory)),
        (300, None),
        (900, None),
        (901, Some(Advice::FullMemory)),
        (1000, Some(Advice::FullMemory)),
    ] {
        let mut memory = usual();
        memory.stats.max_size = 1000;
        memory.stats.total_entries = entries;
        assert_eq!(found(&memory), Vec::from_iter(expected), "{entries}");
    }
    let mut memory = usual();
    memory.stats.total_entries = 91;
    tries(&memory, Advice::FullMemory, "l1_cache_size = 200");
    memory.stats.total_entries = 1;
    tries(&memory, Advice::EmptyMemory, "l1_cache_size = 50");
    // Bytes are the closer bound.
    memory.stats.max_bytes = Some(MB);
    memory.stats.weight = MB;
    tries(&memory, Advice::FullMemory, "l1_cache_bytes = 2097152");
    // Without a memory tier there is none to be used.
    memory.stats = CacheStats::default();
    assert_eq!(found(&memory), []);
}

#[test]
fn mon_21_much_memory() {
    for (bytes, is_much) in [(100 * MB, false), (100 * MB + 1, true), (u64::MAX, true)] {
        let mut memory = usual();
        memory.has_store = true;
        memory.statistics.compression.values = 1;
        memory.stats.weight = bytes;
        let expected = is_much.then_some(Advice::LargeMemory);
        assert_eq!(found(&memory), Vec::from_iter(expected), "{bytes}");
    }
    let mut memory = usual();
    memory.stats.memory_usage_bytes = usize::MAX;
    tries(&memory, Advice::LargeMemory, "l1_cache_bytes = 104857600");
    let much = the_one(&memory, Advice::LargeMemory);
    assert_eq!(much.priority, Priority::High);
    assert_eq!(much.suggestion.current, "-");
}

#[test]
fn mon_21_large_entries() {
    for (bytes, is_large) in [(100_000, false), (100_001, true)] {
        let mut stored = usual();
        stored.statistics.compression = CompressionStatistics {
            values: 10,
            bytes,
            ..CompressionStatistics::default()
        };
        let expected = is_large.then_some(Advice::LargeEntries);
        assert_eq!(found(&stored), Vec::from_iter(expected), "{bytes}");
    }
    let mut in_memory = usual();
    in_memory.has_store = false;
    in_memory.stats.weight = 50 * 20_000;
    // 100 MB have room for so many.
    in_memory.tuning.l1_cache_size = 10_000;
    tries(&in_memory, Advice::LargeEntries, "l1_cache_size = 5242");
    // Fewer are held as it is.
    in_memory.tuning.l1_cache_size = 5242;
    tries(&in_memory, Advice::LargeEntries, "l1_cache_size = 5242");
    in_memory.tuning.l1_cache_size = 100;
    tries(&in_memory, Advice::LargeEntries, "l1_cache_size = 100");
    let action = the_one(&in_memory, Advice::LargeEntries).action;
    assert_eq!(action, "keep only what is needed of an answer");
    // A table with room for many more is no entry.
    in_memory.stats.weight = 0;
    in_memory.stats.memory_usage_bytes = 10_000_000;
    assert_eq!(found(&in_memory), []);
}

#[test]
fn what_is_suggested_about_memory_does_not_fight_itself() {
    let mut roomy = small(1000);
    roomy.stats.total_entries = 29;
    assert_eq!(found(&roomy), [Advice::EmptyMemory]);
    let mut full = usual();
    full.tuning.l1_cache_bytes = Some(150 * MB);
    full.stats.max_bytes = Some(150 * MB);
    full.stats.weight = 149 * MB;
    full.statistics.compression.values = 1;
    assert_eq!(found(&full), [Advice::LargeMemory]);
}

#[test]
fn cmp_7_compression() {
    use Advice::{ExcellentCompression, PoorCompression, SlowCompression};
    let much = 1000 * MB;
    for (values, before, after, millis, expected) in [
        // More than 0.8 is poor, of more than ten values.
        (11, 1000, 800, 1, vec![]),
        (11, 1000, 801, 1, vec![PoorCompression]),
        (10, 1000, 801, 1, vec![]),
        (11, 1000, 1200, 1, vec![PoorCompression]),
        // More than 10 ms is slow.
        (11, 1000, 100, 10, vec![]),
        (11, 1000, 100, 11, vec![SlowCompression]),
        // More than 100 MB is much.
        (11, much, much - 100 * MB, 1, vec![PoorCompression]),
        (2, much, much - 100 * MB, 1, vec![]),
        (2, much, much - 100 * MB - 1, 1, vec![ExcellentCompression]),
        (2, u64::MAX, 0, 1, vec![ExcellentCompression]),
        // Nothing was compressed.
        (0, 0, 0, 0, vec![]),
    ] {
        let found = found(&compressed(values, before, after, millis));
        assert_eq!(found, expected, "{values} {before} {after} {millis}");
    }
}

#[test]
fn what_is_suggested_about_compression_does_not_fight_itself() {
    let mut both = compressed(11, 1000, 900, 20);
    tries(
        &both,
        Advice::PoorCompression,
        "compression_threshold = 2000",
    );
    tries(&both, Advice::SlowCompression, "compression_level = 4");
    both.tuning.compression_level = 1;
    tries(
        &both,
        Advice::SlowCompression,
        "compression_threshold = 2000",
    );
    let mut poor = compressed(11, 1000, 900, 1);
    tries(&poor, Advice::PoorCompression, "compression_level = 8");
    poor.tuning.compression_level = 8;
    tries(&poor, Advice::PoorCompression, "compression_level = 9");
    poor.tuning.compression_level = 9;
    poor.tuning.compression_threshold = 1_000_000;
    tries(
        &poor,
        Advice::PoorCompression,
        "compression_threshold = 1048576",
    );
    let saved = compressed(2, 1000 * MB, MB, 1);
    tries(
        &saved,
        Advice::ExcellentCompression,
        "compression_level = 6",
    );
}
