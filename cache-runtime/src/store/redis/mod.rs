//! The store in Redis: one command for each look-up, over one multiplexed connection.

mod access;
mod address;
mod breaker;
mod claim;
mod cluster;
mod info;
mod link;
mod listening;
mod look_ups;
mod pace;
mod reasons;
mod scan;
mod script;
mod sentinel;
mod server;
mod servers;

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ::redis::{Cmd, FromRedisValue, cmd};
use futures_util::future::{try_join, try_join_all};

pub(crate) use access::TlsFiles;
pub(crate) use address::Address;
use link::{NoAnswer, Notice};
use listening::{Ears, Listeners, present, publish};
pub(crate) use pace::Pace;
use scan::Walk;
use script::{Script, Scripts};
pub(crate) use server::lets_in_anybody;
use servers::Servers;

use super::{
    Announcement, Claim, Claimed, Connections, Generation, Listener, Store, StoreError,
    StoreFuture, StoreInfo, Tombstone,
};
use crate::clock::millis;
use crate::generation::Invalidation;

/// Room for the name of `GETRANGE` and the numbers of a range.
const NAME_AND_RANGE: usize = 32;

#[derive(Debug)]
pub(crate) struct RedisStore {
    servers: Arc<Servers>,
    ears: Ears,
    scripts: Scripts,
}

impl RedisStore {
    pub(crate) fn new(address: Address, pace: Pace) -> Self {
        let access = address.access.clone();
        let listeners = Listeners::default();
        let told = listeners.clone();
        let tell = move |news| {
            for (_, listener) in present(&told) {
                match &news {
                    Notice::ServerChanged => listener.server_changed(),
                    Notice::Store(change) => listener.store_changed(change.clone()),
                }
            }
        };
        let servers = Arc::new(Servers::at(address, pace, Arc::new(tell)));
        Self {
            ears: Ears::new(&access, servers.clone(), listeners),
            servers,
            scripts: Scripts::new(),
        }
    }

    /// The answer to a command about this key.
    async fn ask<T: FromRedisValue>(&self, key: &str, command: Cmd) -> Result<T, StoreError> {
        self.ears.begin();
        self.servers
            .ask(key, &command)
            .await
            .map_err(StoreError::from)
    }

    /// The answer of a script over one key, with these arguments.
    async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        key: &str,
        arguments: &[&[u8]],
    ) -> Result<T, StoreError> {
        self.ears.begin();
        let answer = self.servers.ask(key, script.call(key).arg(arguments)).await;
        match answer {
            Err(NoAnswer::Error(error)) if Script::is_unknown(&error) => {
                self.servers.ask(key, script.tell(key).arg(arguments)).await
            }
            answer => answer,
        }
        .map_err(StoreError::from)
    }

    /// Whether there is more under the key than a tombstone or a claim. Nothing else of ours is that
    /// short.
    async fn is_entry(&self, key: &str) -> Result<bool, StoreError> {
        let mut length = cmd("STRLEN");
        length.arg(key);
        match self.ask::<usize>(key, length).await {
            Ok(length) => Ok(length > claim::BEFORE_ENTRY),
            // No string.
            Err(StoreError::Refused(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Has a claim hold for so long, or not any more, and says whether it is still there.
    async fn hold(
        &self,
        key: &str,
        claim: &Claim,
        lease: Duration,
        announcement: Option<&Announcement>,
    ) -> Result<bool, StoreError> {
        let lease = millis(lease).to_string();
        let [channel, message] = said(announcement);
        let arguments = [&claim.owner(), lease.as_bytes(), channel, message];
        self.run(&self.scripts.hold, key, &arguments).await
    }
}

impl Store for RedisStore {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn get<'a>(&'a self, key: &'a str, limit: usize) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            self.ears.begin();
            let mut get = Cmd::with_capacity(4, key.len() + NAME_AND_RANGE);
            let end = limit + claim::LENGTH;
            get.arg("GETRANGE").arg(key).arg(0).arg(end);
            let value = claim::without(self.servers.look_up(key, get).await?);
            Ok((!value.is_empty()).then_some(value))
        })
    }

    fn set<'a>(
        &'a self,
        key: &'a str,
        entry: &'a [u8],
        ttl: Duration,
        announcement: Option<&'a Announcement>,
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let ttl = millis(ttl).max(1).to_string();
            let [channel, message] = said(announcement);
            let arguments = [entry, ttl.as_bytes(), channel, message];
            self.run(&self.scripts.set, key, &arguments).await
        })
    }

    fn set_unless_removed<'a>(
        &'a self,
        key: &'a str,
        entry: &'a [u8],
        ttl: Duration,
        announcement: Option<&'a Announcement>,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let seen = Tombstone::of(entry).map(Tombstone::number);
            let seen = seen.as_ref().map_or(&[][..], |number| number);
            let ttl = millis(ttl).max(1).to_string();
            let [channel, message] = said(announcement);
            let arguments = [seen, entry, ttl.as_bytes(), channel, message];
            let script = &self.scripts.set_unless_removed;
            self.run(script, key, &arguments).await
        })
    }

    fn remove<'a>(
        &'a self,
        key: &'a str,
        tombstone: Option<Tombstone>,
        announcement: Option<&'a Announcement>,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let ttl = millis(Tombstone::LIFETIME).to_string();
            let tombstone = tombstone.map(Tombstone::to_bytes);
            let tombstone = tombstone.as_ref().map_or(&[][..], <[_; _]>::as_slice);
            let [channel, message] = said(announcement);
            let arguments = [tombstone, ttl.as_bytes(), b"", channel, message];
            self.run(&self.scripts.remove, key, &arguments).await
        })
    }

    fn claim<'a>(
        &'a self,
        key: &'a str,
        claim: &'a Claim,
        lease: Duration,
    ) -> StoreFuture<'a, Claimed> {
        Box::pin(async move {
            let lease = millis(lease).to_string();
            let (owner, generations) = (claim.owner(), claim.generations());
            let arguments: [&[u8]; 3] = [&owner, &generations, lease.as_bytes()];
            let script = &self.scripts.claim;
            let (left, tombstone, has_entry): (u64, Vec<u8>, bool) =
                self.run(script, key, &arguments).await?;
            Ok(if left > 0 {
                Claimed::Theirs(Duration::from_millis(left))
            } else {
                Claimed::Ours {
                    tombstone: Tombstone::of(&tombstone),
                    has_entry,
                }
            })
        })
    }

    fn renew<'a>(
        &'a self,
        key: &'a str,
        claim: &'a Claim,
        lease: Duration,
    ) -> StoreFuture<'a, bool> {
        Box::pin(self.hold(key, claim, lease, None))
    }

    fn release<'a>(
        &'a self,
        key: &'a str,
        claim: &'a Claim,
        announcement: Option<&'a Announcement>,
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            self.hold(key, claim, Duration::ZERO, announcement).await?;
            Ok(())
        })
    }

    fn ttl<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Duration>> {
        Box::pin(async move {
            let mut pttl = cmd("PTTL");
            pttl.arg(key);
            // -2: no such key; -1: a key without an expiry, which is none of ours.
            let (left, is_entry) = try_join(self.ask::<i64>(key, pttl), self.is_entry(key)).await?;
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
            let mut found = BTreeSet::new();
            for link in self.servers.all()? {
                let mut walk = Walk::over(link, prefix, pattern);
                while found.len() < limit
                    && let Some(keys) = walk.step().await?
                {
                    let asked: Vec<_> = keys.iter().map(|key| self.is_entry(key)).collect();
                    for (key, is_entry) in keys.iter().zip(try_join_all(asked).await?) {
                        let rest = key.strip_prefix(prefix).filter(|_| is_entry);
                        found.extend(rest.map(str::to_owned));
                    }
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
            let arguments = [&tombstone, ttl.as_bytes(), b"matching", b"", b""];
            for link in self.servers.all()? {
                let mut walk = Walk::over(link, prefix, pattern);
                while let Some(keys) = walk.step().await? {
                    let told: Vec<_> = keys
                        .iter()
                        .map(|key| self.run::<bool>(&self.scripts.remove, key, &arguments))
                        .collect();
                    let had_entries = try_join_all(told).await?;
                    removed += had_entries.into_iter().map(u64::from).sum::<u64>();
                }
            }
            Ok(removed)
        })
    }

    fn clear<'a>(&'a self, prefix: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            for link in self.servers.all()? {
                let mut walk = Walk::over(link, prefix, "*");
                while let Some(keys) = walk.step().await? {
                    let unlinked = keys.chunks(self.servers.keys_in_one_command()).map(|keys| {
                        let mut unlink = cmd("UNLINK");
                        unlink.arg(keys);
                        self.ask::<()>(&keys[0], unlink)
                    });
                    try_join_all(unlinked).await?;
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
        announcement: Option<&'a Announcement>,
    ) -> StoreFuture<'a, Generation> {
        let how = match invalidate {
            None => "keep",
            Some(Invalidation::Expire) => "expire",
            Some(Invalidation::Remove) => "remove",
        };
        Box::pin(async move {
            let [removals, expiries] = new.map(u64::to_le_bytes);
            let ttl = millis(ttl).max(1).to_string();
            let [channel, message] = said(announcement);
            let arguments = [
                how.as_bytes(),
                &removals,
                &expiries,
                ttl.as_bytes(),
                channel,
                message,
            ];
            let script = &self.scripts.generation;
            let bytes: Vec<u8> = self.run(script, key, &arguments).await?;
            let (numbers, _) = bytes.as_chunks();
            match numbers {
                [removals, expiries] => Ok([removals, expiries].map(|it| u64::from_le_bytes(*it))),
                _ => Err(StoreError::Refused("a generation has 16 bytes".to_owned())),
            }
        })
    }

    fn announce<'a>(&'a self, announcement: &'a Announcement) -> StoreFuture<'a, ()> {
        Box::pin(async {
            let publish = publish(announcement);
            self.ask(announcement.channel(), publish).await
        })
    }

    fn listen(&self, channel: &str, listener: Weak<dyn Listener>) -> bool {
        self.ears.add(channel, listener);
        true
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        Box::pin(async {
            let links = self.servers.all()?;
            let asked = links.iter().map(async |link| link.ask(&cmd("PING")).await);
            let answers: Vec<()> = try_join_all(asked).await?;
            drop(answers);
            Ok(())
        })
    }

    fn connect(&self) -> StoreFuture<'_, ()> {
        Box::pin(async {
            self.servers.connect().await?;
            self.ears.are_open().await;
            Ok(())
        })
    }

    fn connections(&self) -> Connections {
        self.servers.connections()
    }

    fn info(&self) -> StoreFuture<'_, StoreInfo> {
        Box::pin(info::info(&self.servers))
    }

    fn disconnect(&self) {
        self.ears.end();
        self.servers.disconnect();
    }
}

/// The last two arguments of a script that announces something.
fn said(announcement: Option<&Announcement>) -> [&[u8]; 2] {
    announcement.map_or([b"", b""], |it| [it.channel().as_bytes(), it.message()])
}

#[cfg(test)]
mod tests;
