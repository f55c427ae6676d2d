//! Who the master is, as the sentinels say.

use std::collections::HashMap;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::cmd;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Mutex;

use super::access::Access;
use super::address::Host;
use super::pace::Failure;
use super::reasons;
use super::server;

/// How long a sentinel may take to answer where an attempt to connect to the master may take so long:
/// 300 ms for the first attempt.
pub(super) fn patience(attempt: Duration) -> Duration {
    attempt * 3 / 5
}

pub(super) struct Sentinels {
    pub(super) hosts: Vec<Host>,
    pub(super) master: String,
    pub(super) access: Access,
    connections: Mutex<HashMap<Host, MultiplexedConnection>>,
}

impl Sentinels {
    pub(super) fn new(hosts: Vec<Host>, master: String, access: Access) -> Self {
        Self {
            hosts,
            master,
            access,
            connections: Mutex::default(),
        }
    }

    /// The server that most of the sentinels that answer take for the master: one that was cut off
    /// from the others may still name the last one. Each has so long to answer.
    pub(super) async fn find(&self, patience: Duration) -> Result<Host, Failure> {
        let mut connections = self.connections.lock().await;
        let asked = self.hosts.iter().map(async |host| {
            let ask = self.ask(host, connections.get(host).cloned());
            let answer = tokio::time::timeout(patience, ask).await;
            (host, answer)
        });
        let mut asked: FuturesUnordered<_> = asked.collect();
        let mut answered = HashMap::new();
        let mut votes: Vec<(Host, usize)> = Vec::new();
        let mut reasons = Vec::new();
        let mut is_late = false;
        while let Some((host, answer)) = asked.next().await {
            match answer {
                Ok(Ok((connection, named))) => {
                    answered.insert(host.clone(), connection);
                    match votes.iter_mut().find(|(host, _)| *host == named) {
                        Some((_, votes)) => *votes += 1,
                        None => votes.push((named, 1)),
                    }
                }
                Ok(Err(reason)) => reasons.push(format!("{host}: {reason}")),
                Err(_elapsed) => {
                    is_late = true;
                    reasons.push(format!("{host}: no answer"));
                }
            }
            // One that does not answer is not waited for.
            if votes.iter().any(|(_, votes)| *votes > self.hosts.len() / 2) {
                break;
            }
        }
        drop(asked);
        *connections = answered;
        let most = votes.into_iter().max_by_key(|(_, votes)| *votes);
        most.map(|(host, _)| host).ok_or_else(|| Failure {
            reason: format!("no sentinel knows the master ({})", reasons.join(", ")),
            is_late,
        })
    }

    async fn ask(
        &self,
        host: &Host,
        connection: Option<MultiplexedConnection>,
    ) -> Result<(MultiplexedConnection, Host), String> {
        let mut connection = match connection {
            Some(connection) => connection,
            None => server::connect(&self.access, host, None).await?,
        };
        let mut ask = cmd("SENTINEL");
        ask.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.master);
        let answer: Option<(String, u16)> = ask
            .query_async(&mut connection)
            .await
            .map_err(|error| reasons::of_connecting(&error, &self.access, host))?;
        match answer {
            Some((name, port)) => Ok((connection, Host::Tcp { name, port })),
            None => Err(format!("knows no master called {}", self.master)),
        }
    }
}
