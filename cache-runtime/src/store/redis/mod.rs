//! The store in Redis: one command for each look-up, over one multiplexed connection.

mod address;
mod link;

use std::time::Duration;

use ::redis::{Cmd, FromRedisValue, cmd};

pub(crate) use address::Address;
use link::Link;

use super::{Generation, Store, StoreError, StoreFuture};
use crate::clock::millis;
use crate::generation::Invalidation;

/// Keys that one step of a scan asks for.
const SCAN_STEP: usize = 1000;

/// Reads or changes the 16 bytes of a generation, in one step.
const GENERATION: &str = "\
    local known = redis.call('GET', KEYS[1]) \
    if not known or #known ~= 16 or ARGV[1] == 'remove' then known = ARGV[2] .. ARGV[3] \
    elseif ARGV[1] == 'expire' then known = string.sub(known, 1, 8) .. ARGV[3] end \
    redis.call('SET', KEYS[1], known, 'PX', ARGV[4]) \
    return known";

#[derive(Debug)]
pub(crate) struct RedisStore {
    link: Link,
}

impl RedisStore {
    pub(crate) fn new(address: Address) -> Self {
        Self {
            link: Link::new(address),
        }
    }

    async fn ask<T: FromRedisValue>(&self, command: Cmd) -> Result<T, StoreError> {
        let mut live = self.link.live()?;
        let answer = command.query_async(&mut live.connection).await;
        self.link.note(&live, answer)
    }

    /// One step of a scan: where to go on (0 at the end), and the keys found.
    async fn scan(&self, cursor: u64, glob: &str) -> Result<(u64, Vec<Vec<u8>>), StoreError> {
        let mut scan = cmd("SCAN");
        scan.arg(cursor)
            .arg("MATCH")
            .arg(glob)
            .arg("COUNT")
            .arg(SCAN_STEP);
        self.ask(scan).await
    }
}

impl Store for RedisStore {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn get<'a>(&'a self, key: &'a str, limit: usize) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            let mut get = cmd("GETRANGE");
            get.arg(key).arg(0).arg(limit);
            let value: Vec<u8> = self.ask(get).await?;
            Ok((!value.is_empty()).then_some(value))
        })
    }

    fn set<'a>(&'a self, key: &'a str, value: &'a [u8], ttl: Duration) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let mut set = cmd("SET");
            set.arg(key).arg(value).arg("PX").arg(millis(ttl).max(1));
            self.ask(set).await
        })
    }

    fn remove<'a>(&'a self, key: &'a str) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let mut unlink = cmd("UNLINK");
            unlink.arg(key);
            self.ask(unlink).await
        })
    }

    fn ttl<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Duration>> {
        Box::pin(async move {
            let mut pttl = cmd("PTTL");
            pttl.arg(key);
            // -2: no such key; -1: a key without an expiry, which is none of ours.
            let left: i64 = self.ask(pttl).await?;
            Ok(u64::try_from(left).ok().map(Duration::from_millis))
        })
    }

    fn keys<'a>(
        &'a self,
        prefix: &'a str,
        pattern: &'a str,
        limit: usize,
    ) -> StoreFuture<'a, Vec<String>> {
        Box::pin(async move {
            let glob = format!("{}{pattern}", escape_glob(prefix));
            // A scan may show a key twice.
            let mut found = std::collections::BTreeSet::new();
            let mut cursor = 0;
            loop {
                let (next, keys) = self.scan(cursor, &glob).await?;
                // Keys that are no text are none of ours.
                let keys = keys.iter().filter_map(|key| std::str::from_utf8(key).ok());
                let keys = keys.filter_map(|key| key.strip_prefix(prefix));
                found.extend(keys.map(str::to_owned));
                if next == 0 || found.len() >= limit {
                    return Ok(found.into_iter().take(limit).collect());
                }
                cursor = next;
            }
        })
    }

    fn remove_matching<'a>(&'a self, prefix: &'a str, pattern: &'a str) -> StoreFuture<'a, u64> {
        Box::pin(async move {
            let glob = format!("{}{pattern}", escape_glob(prefix));
            let mut removed = 0;
            let mut cursor = 0;
            loop {
                let (next, keys) = self.scan(cursor, &glob).await?;
                if !keys.is_empty() {
                    let mut unlink = cmd("UNLINK");
                    unlink.arg(&keys);
                    removed += self.ask::<u64>(unlink).await?;
                }
                if next == 0 {
                    return Ok(removed);
                }
                cursor = next;
            }
        })
    }

    fn generation<'a>(
        &'a self,
        key: &'a str,
        invalidate: Option<Invalidation>,
        new: Generation,
        ttl: Duration,
    ) -> StoreFuture<'a, Generation> {
        let how = match invalidate {
            None => "keep",
            Some(Invalidation::Expire) => "expire",
            Some(Invalidation::Remove) => "remove",
        };
        Box::pin(async move {
            let mut eval = cmd("EVAL");
            eval.arg(GENERATION)
                .arg(1)
                .arg(key)
                .arg(how)
                .arg(new[0].to_le_bytes().as_slice())
                .arg(new[1].to_le_bytes().as_slice())
                .arg(millis(ttl).max(1));
            let bytes: Vec<u8> = self.ask(eval).await?;
            let (numbers, _) = bytes.as_chunks();
            match numbers {
                [removals, expiries] => Ok([removals, expiries].map(|it| u64::from_le_bytes(*it))),
                _ => Err(StoreError::Refused("a generation has 16 bytes".to_owned())),
            }
        })
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        Box::pin(self.ask(cmd("PING")))
    }

    fn connect(&self) -> StoreFuture<'_, ()> {
        Box::pin(self.link.connect())
    }

    fn disconnect(&self) {
        self.link.disconnect();
    }

    fn timed_out(&self, after: Duration) {
        self.link.timed_out(after);
    }
}

/// The literal text as a glob that matches only it.
fn escape_glob(literal: &str) -> String {
    let mut escaped = String::with_capacity(literal.len());
    for character in literal.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
