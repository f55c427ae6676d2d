//! Which node of a cluster has a key.
//!
//! Every command is about one key, or goes to all masters. Where each key is, is read from the cluster
//! itself: at first, where a node says that a key has moved, and where a node is away.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use ::redis::{
    Cmd, ErrorKind, FromRedisValue, RedisResult, ServerErrorKind, Value, cmd, from_redis_value,
};
use crc::{CRC_16_XMODEM, Crc};
use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::access::Access;
use super::address::Host;
use super::link::{Link, NoAnswer, Notice, Target, Tell};
use super::pace::{Attempts, Failure, Pace};
use super::reasons;
use super::server;
use crate::store::StoreError;

const SLOTS: u16 = 16384;

/// So often a command follows a key to another node.
const REDIRECTIONS: usize = 2;

/// At most this often the cluster is asked where keys are.
const REFRESH: Duration = Duration::from_millis(500);

pub(super) struct Cluster {
    shared: Arc<Shared>,
    refresh: Mutex<Refresh>,
}

struct Shared {
    seeds: Vec<Host>,
    access: Access,
    pace: Pace,
    tell: Tell,
    /// How long each node may take to say in the background where keys are.
    attempts: Mutex<Attempts>,
    nodes: RwLock<Nodes>,
    /// Whether the log knows that no node answers.
    is_told_away: AtomicBool,
}

#[derive(Default)]
struct Nodes {
    links: HashMap<Host, Arc<Link>>,
    slots: Slots,
    /// The masters of these ranges, and those that a key has moved to since they were read: they were
    /// told what others may not have told them.
    masters: HashSet<Host>,
}

/// Begin and end of each range, and the master that has it; sorted.
type Slots = Vec<(u16, u16, Host)>;

/// What one node knows.
struct View {
    slots: Slots,
    /// The same with the numbers of the masters, which all nodes call them by.
    by_number: Vec<(u16, u16, Vec<u8>)>,
}

#[derive(Default)]
struct Refresh {
    task: Option<JoinHandle<()>>,
    began: Option<Instant>,
}

enum Redirection {
    /// The key has moved.
    Moved(Host),
    /// The key is on its way.
    Ask(Host),
}

impl Cluster {
    pub(super) fn new(seeds: Vec<Host>, access: Access, pace: Pace, tell: Tell) -> Self {
        Self {
            shared: Arc::new(Shared {
                seeds,
                access,
                attempts: Mutex::new(Attempts::up_to(pace.attempt)),
                pace,
                tell,
                nodes: RwLock::default(),
                is_told_away: AtomicBool::new(false),
            }),
            refresh: Mutex::default(),
        }
    }

    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        key: &str,
        command: &Cmd,
    ) -> Result<T, NoAnswer> {
        let Some(mut link) = self.shared.of(key) else {
            self.refresh();
            return Err(NoAnswer::Away("connecting to the cluster".to_owned()));
        };
        let mut answer = link.ask(command).await;
        for _ in 0..REDIRECTIONS {
            let Some(redirection) = redirection(&answer, link.host()) else {
                break;
            };
            let (host, has_moved) = match redirection {
                Redirection::Moved(host) => (host, true),
                Redirection::Ask(host) => (host, false),
            };
            if has_moved {
                self.shared.meet_master(&host);
                self.refresh();
            }
            link = self.shared.link(&host);
            // For as long as the caller waits; it is known from now on.
            link.connect()
                .await
                .map_err(|error| NoAnswer::Away(error.to_string()))?;
            answer = if has_moved {
                link.ask(command).await
            } else {
                link.ask_newcomer(command).await
            };
        }
        if let Err(NoAnswer::Away(_)) = &answer {
            // Another node may have taken its place.
            self.refresh();
        }
        answer
    }

    /// All masters, if they are known.
    pub(super) fn masters(&self) -> Result<Vec<Arc<Link>>, StoreError> {
        let masters = self.shared.masters();
        if masters.is_empty() {
            self.refresh();
            return Err(StoreError::Away("connecting to the cluster".to_owned()));
        }
        Ok(masters)
    }

    /// Connects to all masters; one that is away is no failure.
    pub(super) async fn connect(&self) -> Result<(), StoreError> {
        if self.shared.masters().is_empty() {
            let mut attempts = Attempts::up_to(self.shared.pace.attempt);
            loop {
                let attempt = attempts.take();
                match self.shared.read_slots(attempt).await {
                    Ok(()) => break,
                    Err(failure) if failure.is_late && !attempts.is_longest(attempt) => {}
                    Err(failure) => return Err(StoreError::Away(failure.reason)),
                }
            }
        }
        let masters = self.masters()?;
        let connected = join_all(masters.iter().map(|link| link.connect())).await;
        let (there, away): (Vec<_>, Vec<_>) = connected.into_iter().partition(Result::is_ok);
        match away.into_iter().next() {
            Some(failure) if there.is_empty() => failure,
            _ => Ok(()),
        }
    }

    pub(super) fn disconnect(&self) {
        if let Some(task) = lock(&self.refresh).task.take() {
            task.abort();
        }
        let nodes = self.shared.nodes.read();
        let nodes = nodes.unwrap_or_else(PoisonError::into_inner);
        nodes.links.values().for_each(|link| link.disconnect());
    }

    /// Has somebody ask where keys are, unless that was done just now.
    fn refresh(&self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut refresh = lock(&self.refresh);
        let is_done = refresh.task.as_ref().is_none_or(JoinHandle::is_finished);
        if is_done && refresh.began.is_none_or(|began| began.elapsed() >= REFRESH) {
            refresh.began = Some(Instant::now());
            let shared = self.shared.clone();
            refresh.task = Some(runtime.spawn(async move {
                let attempt = lock(&shared.attempts).take();
                // Asked again with the next key whose node does not answer.
                let _ = shared.read_slots(attempt).await;
            }));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.disconnect();
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cluster").field(&self.shared.seeds).finish()
    }
}

impl Shared {
    fn of(&self, key: &str) -> Option<Arc<Link>> {
        let slot = slot(key.as_bytes());
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let after = nodes.slots.partition_point(|(begin, ..)| *begin <= slot);
        let (_, end, host) = nodes.slots.get(after.checked_sub(1)?)?;
        nodes.links.get(host).filter(|_| slot <= *end).cloned()
    }

    /// A key has moved to this node. Where it is no master that is known, it has the keys of another
    /// one, which it may have copied before the last changes.
    fn meet_master(&self, host: &Host) {
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        if nodes.masters.insert(host.clone()) {
            // With the lock held: nobody asks it before.
            (self.tell)(Notice::ServerChanged);
        }
    }

    /// The link to this node, made if it is a new one.
    fn link(&self, host: &Host) -> Arc<Link> {
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        self.link_of(&mut nodes, host)
    }

    fn link_of(&self, nodes: &mut Nodes, host: &Host) -> Arc<Link> {
        let link = nodes.links.entry(host.clone()).or_insert_with(|| {
            let target = Target::Fixed(host.clone());
            let name = format!("node {host} of a cluster");
            let (access, tell) = (self.access.clone(), self.tell.clone());
            Arc::new(Link::new(target, access, name, self.pace, tell))
        });
        link.clone()
    }

    fn masters(&self) -> Vec<Arc<Link>> {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let mut hosts: Vec<&Host> = nodes.slots.iter().map(|(.., host)| host).collect();
        hosts.sort_unstable_by_key(ToString::to_string);
        hosts.dedup();
        let links = hosts.into_iter().filter_map(|host| nodes.links.get(host));
        links.cloned().collect()
    }

    fn shown_seeds(&self) -> String {
        let seeds: Vec<String> = self.seeds.iter().map(ToString::to_string).collect();
        seeds.join(", ")
    }

    /// Logs why no node is known, once. Those that are known speak for themselves.
    fn tell_of(&self, failure: &Failure) {
        let knows_none = {
            let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
            nodes.slots.is_empty()
        };
        if knows_none && !failure.is_late && !self.is_told_away.swap(true, Ordering::Relaxed) {
            let reason = &failure.reason;
            tracing::warn!(
                nodes = self.shown_seeds(),
                reason,
                "the cluster is not reachable: functions go on without it"
            );
        }
    }

    /// Asks the masters that are known, or else those whom to ask first, where keys are. Each has so
    /// long to answer.
    async fn read_slots(&self, attempt: Duration) -> Result<(), Failure> {
        let known = {
            let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
            nodes.links.keys().cloned().collect::<Vec<_>>()
        };
        let slots = match self.slots_of_most(&known, attempt).await {
            Ok(slots) => Ok(slots),
            Err(before) => {
                let slots = self.slots_of_most(&self.seeds, attempt).await;
                slots.map_err(|failure| Failure {
                    is_late: failure.is_late || before.is_late,
                    ..failure
                })
            }
        };
        if slots.as_ref().err().is_none_or(|failure| !failure.is_late) {
            lock(&self.attempts).again(attempt);
        }
        let slots = slots.inspect_err(|failure| self.tell_of(failure))?;
        if self.is_told_away.swap(false, Ordering::Relaxed) {
            tracing::warn!(nodes = self.shown_seeds(), "the cluster answers again");
        }
        let masters: HashSet<Host> = slots.iter().map(|(.., host)| host.clone()).collect();
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        let is_first = nodes.slots.is_empty();
        let has_new = !masters.is_subset(&nodes.masters);
        for host in &masters {
            self.link_of(&mut nodes, host);
        }
        let gone = nodes.links.extract_if(|host, _| !masters.contains(host));
        let gone: Vec<_> = gone.collect();
        if has_new && !is_first {
            // It has the keys of another one, which it may have copied before the last changes.
            (self.tell)(Notice::ServerChanged);
        }
        nodes.slots = slots;
        nodes.masters = masters;
        drop(nodes);
        for (_, link) in gone {
            // Somebody may still listen to it.
            link.disconnect();
        }
        Ok(())
    }

    /// What most of these nodes know, of those that answer: one that was cut off from the others knows
    /// what was once. Each has so long to answer.
    async fn slots_of_most(&self, hosts: &[Host], attempt: Duration) -> Result<Slots, Failure> {
        let is_late = AtomicBool::new(false);
        let asked = hosts.iter().map(async |host| {
            let view = tokio::time::timeout(attempt, self.view_of(host)).await;
            let view = view.unwrap_or_else(|_elapsed| {
                is_late.store(true, Ordering::Relaxed);
                Err("no answer".to_owned())
            });
            view.map_err(|reason| format!("{host}: {reason}"))
        });
        let mut asked: FuturesUnordered<_> = asked.collect();
        let mut votes: Vec<(View, usize)> = Vec::new();
        let mut reasons = Vec::new();
        while let Some(answer) = asked.next().await {
            match answer {
                Ok(view) => {
                    let is_same = |known: &View| known.by_number == view.by_number;
                    match votes.iter_mut().find(|(known, _)| is_same(known)) {
                        Some((_, votes)) => *votes += 1,
                        None => votes.push((view, 1)),
                    }
                }
                Err(reason) => reasons.push(reason),
            }
            // One that does not answer is not waited for.
            if votes.iter().any(|(_, votes)| *votes > hosts.len() / 2) {
                break;
            }
        }
        let most = votes.into_iter().max_by_key(|(_, votes)| *votes);
        most.map(|(view, _)| view.slots).ok_or_else(|| Failure {
            reason: format!("no node knows the cluster ({})", reasons.join(", ")),
            is_late: is_late.load(Ordering::Relaxed),
        })
    }

    /// Where keys are, as this node says. Over a connection of its own: it need not be a master.
    async fn view_of(&self, host: &Host) -> Result<View, String> {
        let mut connection = server::connect(&self.access, host, None).await?;
        let mut ask = cmd("CLUSTER");
        ask.arg("SLOTS");
        let answer: RedisResult<Vec<Vec<Value>>> = ask.query_async(&mut connection).await;
        let ranges = answer.map_err(|error| reasons::of_connecting(&error, &self.access, host))?;
        let ranges = ranges.iter().filter_map(|range| range_of(range, host));
        let mut ranges: Vec<_> = ranges.collect();
        ranges.sort_unstable_by_key(|(begin, ..)| *begin);
        if ranges.is_empty() {
            return Err("it knows no masters".to_owned());
        }
        let views = ranges.into_iter().map(|(begin, end, master, number)| {
            let slots = (begin, end, master);
            (slots, (begin, end, number))
        });
        let (slots, by_number) = views.unzip();
        Ok(View { slots, by_number })
    }
}

/// Begin, end and master of one range, and the number of that.
fn range_of(range: &[Value], asked: &Host) -> Option<(u16, u16, Host, Vec<u8>)> {
    let [Value::Int(begin), Value::Int(end), Value::Array(master), ..] = range else {
        return None;
    };
    let [name, Value::Int(port), number, ..] = master.as_slice() else {
        return None;
    };
    let name: String = from_redis_value(name.clone()).unwrap_or_default();
    let host = host_of(&name, u16::try_from(*port).ok()?, Some(asked));
    let number = from_redis_value(number.clone()).ok()?;
    let (begin, end) = (u16::try_from(*begin).ok()?, u16::try_from(*end).ok()?);
    Some((begin, end, host, number))
}

/// A node without a name is where the one is that names it.
fn host_of(name: &str, port: u16, asked: Option<&Host>) -> Host {
    let name = match asked {
        Some(Host::Tcp { name: asked, .. }) if name.is_empty() => asked,
        _ => name,
    };
    Host::Tcp {
        name: name.to_owned(),
        port,
    }
}

fn redirection<T>(answer: &Result<T, NoAnswer>, asked: Option<&Host>) -> Option<Redirection> {
    let Err(NoAnswer::Error(error)) = answer else {
        return None;
    };
    let (address, _slot) = error.redirect_node()?;
    let (name, port) = address.rsplit_once(':')?;
    let host = host_of(name, port.parse().ok()?, asked);
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::Moved) => Some(Redirection::Moved(host)),
        ErrorKind::Server(ServerErrorKind::Ask) => Some(Redirection::Ask(host)),
        _ => None,
    }
}

/// Of a key with something between the first `{` and the `}` that follows it, only that counts.
fn slot(key: &[u8]) -> u16 {
    const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);
    let hashed = || {
        let begin = key.iter().position(|byte| *byte == b'{')? + 1;
        let length = key[begin..].iter().position(|byte| *byte == b'}')?;
        (length > 0).then(|| &key[begin..begin + length])
    };
    CRC.checksum(hashed().unwrap_or(key)) % SLOTS
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::slot;

    /// From the Redis Cluster specification, and as `CLUSTER KEYSLOT` says.
    #[test]
    fn keys_have_the_slots_of_the_specification() {
        for (key, expected) in [
            ("123456789", 12739),
            ("", 0),
            ("{user1000}.following", slot(b"user1000")),
            ("{user1000}.followers", slot(b"user1000")),
            ("foo{{bar}}zap", slot(b"{bar")),
            ("foo{bar}{zap}", slot(b"bar")),
        ] {
            assert_eq!(slot(key.as_bytes()), expected, "{key}");
        }
        assert_ne!(slot(b"foo{}{bar}"), slot(b"bar"));
    }
}
