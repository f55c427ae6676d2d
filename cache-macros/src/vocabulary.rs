//! The names of the options, and what people write instead.

use proc_macro2::Ident;
use syn::Error;

pub(crate) const OPTIONS: [&str; 30] = [
    "kind",
    "op",
    "ttl",
    "none_ttl",
    "err_ttl",
    "cache_if",
    "unless",
    "skip",
    "key",
    "text",
    "normalize",
    "options",
    "tags",
    "version",
    "value",
    "stale_while_revalidate",
    "stale_if_error",
    "refresh_ahead",
    "shadow",
    "timeout",
    "detach",
    "single_flight",
    "share_errors",
    "pace",
    "weight",
    "tokens",
    "cost",
    "shared",
    "local",
    "crate",
];

/// What to answer to a word of another library.
enum Answer {
    /// The option that means the same.
    Meant(&'static str),
    /// Where what it means is said here, or why nothing has to be.
    Advice(&'static str),
}
use Answer::{Advice, Meant};

/// What people write who come from other libraries, in small letters and without underscores.
#[rustfmt::skip]
const ELSEWHERE: [(&[&str], Answer); 41] = [
    (&["time", "timetolive", "ttlsecs", "ttlseconds", "ttlmillis", "ttlms", "expire", "expireafter",
       "expireafterwrite", "expiresin", "expiration", "expiry", "lifetime", "duration", "maxage"],
        Meant("ttl")),
    (&["name", "operation", "opname"],
        Meant("op")),
    (&["cache", "cachename", "cachenames", "cachemanager", "cacheresolver", "alias"],
        Meant("kind")),
    (&["convert", "cachekey", "keygenerator", "keybuilder", "keyfunc", "keyfn"],
        Meant("key")),
    (&["ignore", "ignoreargs", "exclude", "excludeargs", "skipargs", "noself"],
        Meant("skip")),
    (&["condition", "when", "onlyif", "if", "predicate", "filter", "cachewhen", "shouldcache"],
        Meant("cache_if")),
    (&["skipif", "skipcachefunc", "dontcacheif", "except"],
        Meant("unless")),
    (&["memory", "memoryonly", "inmemory", "localonly"],
        Meant("local")),
    (&["normalise", "normalization", "normalisation", "canonicalize", "nfc", "trim"],
        Meant("normalize")),
    (&["request", "params", "parameters", "config", "opts"],
        Meant("options")),
    (&["usage", "tokencount", "totaltokens", "tokensused"],
        Meant("tokens")),
    (&["price", "pricing", "costof", "usd", "money"],
        Meant("cost")),
    (&["tag", "group", "groups", "region", "dependson"],
        Meant("tags")),
    (&["krate", "path"],
        Meant("crate")),
    (&["weigher", "weightof", "charge", "sizeof", "bytes"],
        Meant("weight")),
    (&["size", "maxsize", "capacity", "maxcapacity", "maxentries", "limit"],
        Advice("how many entries there is room for belongs to the kind: \
                `CacheConfig::builder().l1_cache_size(500)`")),
    (&["maxbytes", "maxmemory", "maxweight"],
        Advice("how many bytes there is room for belongs to the kind: \
                `CacheConfig::builder().l1_cache_bytes(64 << 20)`")),
    (&["unbound", "unbounded"],
        Advice("memory is always bounded, by the kind: \
                `CacheConfig::builder().l1_cache_size(500)`")),
    (&["ty", "type", "create", "disk", "diskdir", "durable", "store", "backend", "shards",
       "sharedcache", "customhasher", "hasherinit", "hasher", "policy", "eviction"],
        Advice("what a cache is made of belongs to the kind, which the application configures: \
                `kind = \"web\"`")),
    (&["redis", "redisurl"],
        Advice("where answers are kept belongs to the kind: \
                `CacheConfig::builder().redis_url(\"redis://…\")`")),
    (&["namespace", "prefix", "keyprefix", "cacheprefixblock"],
        Advice("what the keys in a store begin with belongs to the kind: \
                `CacheConfig::builder().key_prefix(\"shop:\")`")),
    (&["serializer", "codec"],
        Advice("how values are written belongs to the kind: `CacheConfig::builder().codec(…)`")),
    (&["compress", "compression"],
        Advice("compression belongs to the kind: `CacheConfig::builder().compression_level(6)`")),
    (&["encrypt", "encryption", "secure"],
        Advice("encryption belongs to the kind: `CacheConfig::builder().encryption_key(…)`")),
    (&["result", "option"],
        Advice("`Err` and `None` are not kept unless `err_ttl` or `none_ttl` says for how long: \
                nothing to write")),
    (&["cachenone", "cachenull", "nullttl", "negativettl"],
        Meant("none_ttl")),
    (&["cacheerr", "cacheerrors", "errorttl", "errttl"],
        Meant("err_ttl")),
    (&["swr", "stalettl", "softttl", "allowstale", "revalidate", "grace"],
        Meant("stale_while_revalidate")),
    (&["failsafe", "resultfallback", "fallback", "staleonerror", "sie"],
        Meant("stale_if_error")),
    (&["eagerrefresh", "earlyrefresh", "refreshbefore", "refreshafterwrite", "prefetch"],
        Meant("refresh_ahead")),
    (&["deadline", "timelimit", "factorytimeout", "softtimeout", "hardtimeout"],
        Meant("timeout")),
    (&["singleflight", "coalesce", "dedup", "dedupe", "stampede"],
        Meant("single_flight")),
    (&["sync", "syncwrites", "syncwritesbuckets", "synclock", "unsyncreads", "lock"],
        Advice("calls at the same time wait for one computation already: nothing to write")),
    (&["maperror"],
        Advice("no failure of a cache reaches the caller: nothing to write")),
    (&["inimpl"],
        Advice("methods are seen to be methods: nothing to write")),
    (&["async", "isasync"],
        Advice("an `async fn` is seen to be one: nothing to write")),
    (&["typed"],
        Advice("arguments of different types are different keys already: nothing to write")),
    (&["expires"],
        Advice("a value that knows its own lifetime is asked for it: \
                `ttl = |answer| answer.lifetime`")),
    (&["refresh", "timerefresh", "timetoidle", "expireafteraccess", "sliding"],
        Advice("a lifetime begins when the answer is made, and no hit makes it longer")),
    (&["forcerefresh"],
        Advice("to compute anew, wrap the call: `larder::call::refresh(…)`")),
    (&["withcachedflag"],
        Advice("where an answer came from is told by wrapping the call: \
                `larder::call::outcome(…)`")),
];

/// What to say about it, and which option it may stand for.
pub(crate) fn unknown_option(option: &Ident, name: &str) -> (Error, Option<&'static str>) {
    let folded = name.to_lowercase();
    let folded = folded.trim_start_matches("r#");
    let joined = folded.replace('_', "");
    let elsewhere = ELSEWHERE
        .iter()
        .find(|(words, _)| words.contains(&joined.as_str()))
        .map(|(_, answer)| answer);
    let meant = match elsewhere {
        Some(Advice(advice)) => {
            let message = format!("unknown option `{name}`; {advice}");
            return (Error::new(option.span(), message), None);
        }
        Some(Meant(ours)) => Some(*ours),
        None => closest(folded, OPTIONS),
    };
    let hint = did_you_mean(meant);
    let options = list(OPTIONS);
    let message = format!("unknown option `{name}`; {hint}the options are {options}");
    (Error::new(option.span(), message), meant)
}

/// To be followed by what there is.
pub(crate) fn did_you_mean(meant: Option<&str>) -> String {
    meant.map_or_else(String::new, |meant| format!("did you mean `{meant}`? "))
}

/// The candidate that takes the fewest slips to reach, if they are few.
pub(crate) fn closest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| {
            let longer = name.len().max(candidate.len());
            *distance <= candidate.len().div_ceil(3) && *distance < longer
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many characters were left out, added, mistaken, or exchanged with their neighbours.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    // To the beginnings of `b`: from all of `a` up to now, and from one and two characters less.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut above = row.clone();
    let mut before = None;
    for (i, a) in a.chars().enumerate() {
        let two_above = std::mem::replace(&mut above, row);
        row = vec![i + 1];
        for (j, &b_j) in b.iter().enumerate() {
            let mut fewest = (above[j] + usize::from(a != b_j))
                .min(above[j + 1] + 1)
                .min(row[j] + 1);
            if j > 0 && before == Some(b_j) && a == b[j - 1] {
                fewest = fewest.min(two_above[j - 1] + 1);
            }
            row.push(fewest);
        }
        before = Some(a);
    }
    row[b.len()]
}

/// `` `a`, `b` ``
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        for (a, b, slips) in [
            ("", "", 0),
            ("ttl", "ttl", 0),
            ("", "ttl", 3),
            ("ttl", "", 3),
            ("tl", "ttl", 1),
            ("tttl", "ttl", 1),
            ("tal", "ttl", 1),
            ("kye", "key", 1),
            ("sikp", "skip", 1),
            ("verisno", "version", 2),
            ("öp", "op", 1),
            ("ca", "abc", 3),
        ] {
            assert_eq!(distance(a, b), slips, "{a} {b}");
        }
    }

    #[test]
    fn a_name_that_has_nothing_of_another_is_no_typo_of_it() {
        assert_eq!(closest("x", ["n"]), None);
        assert_eq!(closest("colour", OPTIONS), None);
        assert_eq!(closest("no", ["n"]), Some("n"));
        assert_eq!(closest("cacheif", OPTIONS), Some("cache_if"));
        assert_eq!(closest("pge", ["id", "page", "pages"]), Some("page"));
    }

    #[test]
    fn each_word_of_other_libraries_has_one_answer() {
        let words: Vec<_> = ELSEWHERE.iter().flat_map(|(words, _)| *words).collect();
        for (index, word) in words.iter().enumerate() {
            assert!(!words[..index].contains(word), "{word} is there twice");
            assert!(!OPTIONS.contains(word), "{word} is an option");
            assert_eq!(word.to_lowercase().replace('_', ""), **word);
        }
        for (_, answer) in &ELSEWHERE {
            if let Meant(option) = answer {
                assert!(OPTIONS.contains(option), "{option} is no option");
            }
        }
    }
}
