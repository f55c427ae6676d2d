//! The store in Redis: one command for each look-up, over one multiplexed connection.

mod address;
mod link;
mod look_ups;
mod script;

use std::sync::Arc;
use std::time::Duration;

use ::redis::{Cmd, FromRedisValue, cmd};
use futures_util::future::{try_join, try_join_all};

pub(crate) use address::Address;
use link::Link;
use look_ups::LookUps;
use script::{GENERATION, Script, Scripts};

use super::{Generation, Store, StoreError, StoreFuture, Tombstone};
use crate::clock::millis;
use crate::generation::Invalidation;

/// Keys that one step of a scan asks for.
const SCAN_STEP: usize = 1000;

/// Room for the name of `GETRANGE` and the numbers of a range.
const NAME_AND_RANGE: usize = 32;

#[derive(Debug)]
pub(crate) struct RedisStore {
    link: Arc<Link>,
    look_ups: Arc<LookUps>,
    scripts: Scripts,
}

impl RedisStore {
    pub(crate) fn new(address: Address) -> Self {
        let link = Arc::new(Link::new(address));
        Self {
            look_ups: Arc::new(LookUps::new(link.clone())),
            link,
            scripts: Scripts::new(),
        }
    }

    async fn ask<T: FromRedisValue>(&self, command: Cmd) -> Result<T, StoreError> {
        let mut live = self.link.live()?;
        let answer = command.query_async(&mut live.connection).await;
        self.link.note(&live, answer)
    }

    /// The answer of a script over one key, with these arguments.
    async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        key: &str,
        arguments: &[&[u8]],
    ) -> Result<T, StoreError> {
        let mut live = self.link.live()?;
        let mut answer = script
            .call(key)
            .arg(arguments)
            .query_async(&mut live.connection)
            .await;
        if Script::is_unknown(&answer) {
            let mut tell = script.tell(key);
            answer = tell.arg(arguments).query_async(&mut live.connection).await;
        }
        self.link.note(&live, answer)
    }

    /// Whether there is more under the key than a tombstone. Nothing else of ours is that short.
    async fn is_entry(&self, key: &str) -> Result<bool, StoreError> {
        let mut length = cmd("STRLEN");
        length.arg(key);
        match self.ask::<usize>(length).await {
            Ok(length) => Ok(length > Tombstone::LENGTH),
            // No string.
            Err(StoreError::Refused(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// One step of a walk over the keys that match, of which it shows some twice: keys as long as
    /// there is something left, and nothing after that.
    async fn scan(&self, walk: &mut Walk) -> Result<Option<Vec<String>>, StoreError> {
        let Some(cursor) = walk.cursor else {
            return Ok(None);
        };
        let mut scan = cmd("SCAN");
        scan.arg(cursor)
            .arg("MATCH")
            .arg(&walk.glob)
            .arg("COUNT")
            .arg(SCAN_STEP);
        let (next, keys): (u64, Vec<Vec<u8>>) = self.ask(scan).await?;
        walk.cursor = (next != 0).then_some(next);
        // Keys that are no text are none of ours.
        let keys = keys
            .into_iter()
            .filter_map(|key| String::from_utf8(key).ok());
        Ok(Some(keys.collect()))
    }
}

/// A walk over all keys.
struct Walk {
    glob: String,
    /// Where to go on; `None` at the end.
    cursor: Option<u64>,
}

impl Walk {
    /// Over those that begin with `prefix` and go on as the glob `pattern` says.
    fn over(prefix: &str, pattern: &str) -> Self {
        Self {
            glob: format!("{}{pattern}", escape_glob(prefix)),
            cursor: Some(0),
        }
    }
}

impl Store for RedisStore {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn get<'a>(&'a self, key: &'a str, limit: usize) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            let mut get = Cmd::with_capacity(4, key.len() + NAME_AND_RANGE);
            get.arg("GETRANGE").arg(key).arg(0).arg(limit);
            let value = self.look_ups.ask(get).await?;
            Ok((!value.is_empty()).then_some(value))
        })
    }

    fn set<'a>(&'a self, key: &'a str, entry: &'a [u8], ttl: Duration) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let mut set = cmd("SET");
            set.arg(key).arg(entry).arg("PX").arg(millis(ttl).max(1));
            self.ask(set).await
        })
    }

    fn set_unless_removed<'a>(
        &'a self,
        key: &'a str,
        entry: &'a [u8],
        ttl: Duration,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let seen = Tombstone::of(entry).map(Tombstone::number);
            let seen = seen.as_ref().map_or(&[][..], |number| number);
            let ttl = millis(ttl).max(1).to_string();
            let arguments = [seen, entry, ttl.as_bytes()];
            let script = &self.scripts.set_unless_removed;
            self.run(script, key, &arguments).await
        })
    }

    fn remove<'a>(&'a self, key: &'a str, tombstone: Option<Tombstone>) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let ttl = millis(Tombstone::LIFETIME).to_string();
            let tombstone = tombstone.map(Tombstone::to_bytes);
            let tombstone = tombstone.as_ref().map_or(&[][..], <[_; _]>::as_slice);
            let arguments = [tombstone, ttl.as_bytes()];
            self.run(&self.scripts.remove, key, &arguments).await
        })
    }

    fn ttl<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Duration>> {
        Box::pin(async move {
            let mut pttl = cmd("PTTL");
            pttl.arg(key);
            // -2: no such key; -1: a key without an expiry, which is none of ours.
            let (left, is_entry) = try_join(self.ask::<i64>(pttl), self.is_entry(key)).await?;
            let left = u64::try_from(left).ok().filter(|_| is_entry);
            Ok(left.map(Duration::from_millis))
        })
    }

    fn keys<'a>(
        &'a self,
        prefix: &'a str,
        pattern: &'a str,
        limit: usize,
    ) -> StoreFuture<'a, Vec<String>> {
        Box::pin(async move {
            let mut found = std::collections::BTreeSet::new();
            let mut walk = Walk::over(prefix, pattern);
            while let Some(keys) = self.scan(&mut walk).await? {
                let asked: Vec<_> = keys.iter().map(|key| self.is_entry(key)).collect();
                for (key, is_entry) in keys.iter().zip(try_join_all(asked).await?) {
                    let rest = key.strip_prefix(prefix).filter(|_| is_entry);
                    found.extend(rest.map(str::to_owned));
                }
                if found.len() >= limit {
                    break;
                }
            }
            Ok(found.into_iter().take(limit).collect())
        })
    }

    fn remove_matching<'a>(
        &'a self,
        prefix: &'a str,
        pattern: &'a str,
        tombstone: Tombstone,
    ) -> StoreFuture<'a, u64> {
        Box::pin(async move {
            let mut removed = 0;
            let ttl = millis(Tombstone::LIFETIME).to_string();
            let tombstone = tombstone.to_bytes();
            let arguments = [&tombstone, ttl.as_bytes(), b"matching"];
            let mut walk = Walk::over(prefix, pattern);
            while let Some(keys) = self.scan(&mut walk).await? {
                let told: Vec<_> = keys
                    .iter()
                    .map(|key| self.run::<bool>(&self.scripts.remove, key, &arguments))
                    .collect();
                let had_entries = try_join_all(told).await?;
                removed += had_entries.into_iter().map(u64::from).sum::<u64>();
            }
            Ok(removed)
        })
    }

    fn clear<'a>(&'a self, prefix: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let mut walk = Walk::over(prefix, "*");
            while let Some(keys) = self.scan(&mut walk).await? {
                if !keys.is_empty() {
                    let mut unlink = cmd("UNLINK");
                    unlink.arg(&keys);
                    self.ask::<()>(unlink).await?;
                }
            }
            Ok(())
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
