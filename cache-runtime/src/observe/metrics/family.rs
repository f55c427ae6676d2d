//! The names of metrics, and what each of them says.

use metrics::Unit;

/// Metrics of one name.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) unit: Option<Unit>,
    pub(super) help: &'static str,
}

const fn family(name: &'static str, help: &'static str) -> Family {
    Family {
        name,
        unit: None,
        help,
    }
}

impl Family {
    const fn bytes(self) -> Self {
        Self {
            unit: Some(Unit::Bytes),
            ..self
        }
    }

    const fn seconds(self) -> Self {
        Self {
            unit: Some(Unit::Seconds),
            ..self
        }
    }
}

/// How long something took: what Prometheus calls a summary.
#[derive(Debug)]
pub(super) struct Durations {
    pub(super) quantiles: Family,
    pub(super) sum: Family,
    pub(super) count: Family,
}

pub(super) const HIT_RATIO: Family = family(
    "cache_hit_ratio",
    "Hits as a part of all calls and look-ups, 0 to 1; absent before the first one.",
);
pub(super) const OPERATIONS: Family = family(
    "cache_operations_total",
    "Calls and look-ups by how they ended.",
);
pub(super) const CALLS: Family = family(
    "cache_calls_total",
    "Calls and look-ups of each operation by how they ended.",
);
pub(super) const MISSES: Family = family(
    "cache_misses_total",
    "Misses of each operation by why the cache did not have the answer.",
);
pub(super) const REFRESHES: Family = family(
    "cache_refreshes_total",
    "Bodies that were run while their callers had an answer already.",
);
pub(super) const TEXT_CALLS: Family = family(
    "cache_text_calls_total",
    "Calls with a text by its length and by how they ended.",
);
pub(super) const TEXTS: Family = family(
    "cache_texts_total",
    "Texts of calls that were no hits in memory.",
);
pub(super) const TEXT_CHARACTERS: Family = family(
    "cache_text_characters_total",
    "Characters of the texts of calls that were no hits in memory.",
);
pub(super) const PRICED_ANSWERS: Family = family(
    "cache_priced_answers_total",
    "Answers that have a price: billed where a body computed them, replayed where they were there.",
);
pub(super) const TOKENS: Family = family(
    "cache_tokens_total",
    "Tokens of the answers that have a price.",
);
pub(super) const NANO_COST: Family = family(
    "cache_nano_cost_total",
    "What the answers cost that have a price, in billionths of the application's unit of money.",
);
pub(super) const SAVED: Family = family(
    "cache_saved_seconds",
    "About as long as the bodies would have taken that hits did not need; absent where none was timed.",
)
.seconds();
pub(super) const SHADOW: Family = family(
    "cache_shadow_total",
    "Hits that were compared with what the body returned, by result.",
);
pub(super) const UNKNOWN_KIND_CALLS: Family = family(
    "cache_unknown_kind_calls_total",
    "Calls that ran without a cache because nobody registered their kind.",
);
pub(super) const FAILED_CALLBACKS: Family = family(
    "cache_failed_callbacks_total",
    "Rules, weights, prices and listeners of the application that panicked or failed.",
);
pub(super) const DROPPED_EVENTS: Family = family(
    "cache_dropped_events_total",
    "Events that listeners were not told of because too many were waiting for them.",
);
pub(super) const INVALIDATIONS: Family = family(
    "cache_invalidations_last_hour",
    "What was invalidated in the last hour, by target; single keys are not counted.",
);

pub(super) const CALL_DURATION: Durations = Durations {
    quantiles: family(
        "cache_operation_duration_seconds",
        "How long calls took, as quantiles since the start.",
    )
    .seconds(),
    sum: family(
        "cache_operation_duration_seconds_sum",
        "How long all calls together took that were timed.",
    )
    .seconds(),
    count: family(
        "cache_operation_duration_seconds_count",
        "Calls that were timed: of hits in memory some, of the others all.",
    ),
};
pub(super) const BODY_DURATION: Durations = Durations {
    quantiles: family(
        "cache_body_duration_seconds",
        "How long bodies took, as quantiles since the start.",
    )
    .seconds(),
    sum: family(
        "cache_body_duration_seconds_sum",
        "How long all bodies together took.",
    )
    .seconds(),
    count: family(
        "cache_body_duration_seconds_count",
        "Bodies that were timed.",
    ),
};
pub(super) const KEY_DURATION: Durations = Durations {
    quantiles: family(
        "cache_key_duration_seconds",
        "How long it took to write keys, as quantiles since the start.",
    )
    .seconds(),
    sum: family(
        "cache_key_duration_seconds_sum",
        "How long it took to write all of the keys that were timed.",
    )
    .seconds(),
    count: family(
        "cache_key_duration_seconds_count",
        "Keys that were timed: some.",
    ),
};

pub(super) const FLIGHTS: Family = family(
    "cache_flights",
    "Keys whose answer is being looked up in the store, computed or waited for just now.",
);
pub(super) const BACKGROUND_COMPUTATIONS: Family = family(
    "cache_background_computations",
    "Computations that go on just now without a caller.",
);

pub(super) const MEMORY_USAGE: Family = family(
    "cache_memory_usage_bytes",
    "Bytes of keys, entries and tables in memory.",
)
.bytes();
pub(super) const MEMORY_ENTRIES: Family = family(
    "cache_memory_entries",
    "Entries in memory, expired ones included.",
);
pub(super) const MEMORY_EXPIRED_ENTRIES: Family = family(
    "cache_memory_expired_entries",
    "Entries in memory whose lifetime is over and that have not been swept yet.",
);
pub(super) const MEMORY_MAX_ENTRIES: Family =
    family("cache_memory_max_entries", "Room for entries in memory.");
pub(super) const MEMORY_WEIGHT: Family = family(
    "cache_memory_weight_bytes",
    "What all entries in memory weigh; absent where bytes are not bounded.",
)
.bytes();
pub(super) const MEMORY_MAX: Family = family(
    "cache_memory_max_bytes",
    "Room for bytes in memory; absent where they are not bounded.",
)
.bytes();
pub(super) const MEMORY_EVICTIONS: Family = family(
    "cache_memory_evictions_total",
    "Entries that had to go because memory was full.",
);
pub(super) const MEMORY_EXPIRATIONS: Family = family(
    "cache_memory_expirations_total",
    "Entries that left memory because their lifetime was over.",
);
pub(super) const MEMORY_UNKEPT: Family = family(
    "cache_memory_unkept_values_total",
    "Values that did not enter memory, by reason.",
);

pub(super) const STORE_FAILURES: Family = family(
    "cache_store_failures_total",
    "Store operations that failed or took too long.",
);
pub(super) const STORE_TIMEOUTS: Family = family(
    "cache_store_timeouts_total",
    "Store operations that took too long.",
);
pub(super) const STORE_REFUSED: Family = family(
    "cache_store_refused_entries_total",
    "Entries that the store had and that were not served, by reason.",
);
pub(super) const STORE_UNWRITTEN: Family = family(
    "cache_store_unwritten_values_total",
    "Values that did not get into the store, by reason.",
);
pub(super) const STORE_QUEUED: Family = family(
    "cache_store_queued_writes",
    "Writes to the store that are queued and not done.",
);
pub(super) const STORE_UNTOLD: Family = family(
    "cache_store_untold_invalidations",
    "Invalidations that the store still has to be told of.",
);
pub(super) const STORE_HEARD: Family = family(
    "cache_store_heard_invalidations_total",
    "Invalidations by other processes that this one has heard of.",
);
pub(super) const STORE_UNDER_WAY: Family = family(
    "cache_store_operations_under_way",
    "Store operations that are under way or wait for their turn.",
);
pub(super) const STORE_AVAILABLE: Family = family(
    "cache_store_available_operations",
    "Store operations that may begin at once; absent without a limit.",
);
pub(super) const STORE_CONNECTIONS: Family = family(
    "cache_store_connections_created_total",
    "Connections to the store that were made.",
);
pub(super) const STORE_BREAKER: Family = family(
    "cache_store_breaker_state",
    "1 for the state of the circuit breaker, 0 for the others.",
);
pub(super) const STORE_WRITTEN: Family = family(
    "cache_store_written_values_total",
    "Values that were written for the store.",
);
pub(super) const STORE_WRITTEN_BYTES: Family = family(
    "cache_store_written_bytes_total",
    "Bytes of values that were written for the store, before and after compression.",
)
.bytes();

pub(super) const COMPRESSED: Family = family(
    "cache_compressed_values_total",
    "Values that were compressed.",
);
pub(super) const COMPRESSION_RATIO: Family = family(
    "cache_compression_ratio",
    "What is left of what was compressed, 0 to 1; absent before the first value.",
);
pub(super) const COMPRESSION_SAVED: Family = family(
    "cache_compression_saved_bytes_total",
    "Bytes that compression has saved.",
)
.bytes();
pub(super) const COMPRESSION_DURATION: Durations = Durations {
    quantiles: family(
        "cache_compression_duration_seconds",
        "How long compression took, as quantiles since the start.",
    )
    .seconds(),
    sum: family(
        "cache_compression_duration_seconds_sum",
        "How long all of it took.",
    )
    .seconds(),
    count: family(
        "cache_compression_duration_seconds_count",
        "Compressions that were timed.",
    ),
};
