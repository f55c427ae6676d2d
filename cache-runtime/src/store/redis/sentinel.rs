//! Who the master is, as the sentinels say.

use std::collections::HashMap;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::cmd;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Mutex;

use super::access::Access;
use super::address::Host;
use super::server;

/// How long a sentinel may take to answer.
pub(super) const PATIENCE: Duration = Duration::from_millis(300);

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
    /// from the others may still name the last one.
    pub(super) async fn find(&self) -> Result<Host, String> {
        let mut connections = self.connections.lock().await;
        let asked = self.hosts.iter().map(async |host| {
            let ask = self.ask(host, connections.get(host).cloned());
            let answer = tokio::time::timeout(PATIENCE, ask).await;
            let answer = answer.unwrap_or_else(|_elapsed| Err("no answer".to_owned()));
            (host, answer)
        });
        let mut asked: FuturesUnordered<_> = asked.collect();
        let mut answered = HashMap::new();
        let mut votes: Vec<(Host, usize)> = Vec::new();
        let mut reasons = Vec::new();
        while let Some((host, answer)) = asked.next().await {
            match answer {
                Ok((connection, named)) => {
                    answered.insert(host.clone(), connection);
                    match votes.iter_mut().find(|(host, _)| *host == named) {
                        Some((_, votes)) => *votes += 1,
                        None => votes.push((named, 1)),
                    }
                }
                Err(reason) => reasons.push(format!("{host}: {reason}")),
            }
            // One that does not answer is not waited for.
            if votes.iter().any(|(_, votes)| *votes > self.hosts.len() / 2) {
                break;
            }
        }
        drop(asked);
        *connections = answered;
        let most = votes.into_iter().max_by_key(|(_, votes)| *votes);
        most.map(|(host, _)| host)
            .ok_or_else(|| format!("no sentinel knows the master ({})", reasons.join(", ")))
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
            .map_err(|error| server::describe(&error))?;
        match answer {
            Some((name, port)) => Ok((connection, Host::Tcp { name, port })),
            None => Err(format!("knows no master called {}", self.master)),
        }
    }
}
