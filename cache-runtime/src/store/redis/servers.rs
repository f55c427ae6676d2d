//! Whom to ask about a key: the one server that there is, or the node of a cluster that has it.

use std::sync::Arc;

use ::redis::{Cmd, FromRedisValue};

use super::address::{Address, Deployment};
use super::cluster::Cluster;
use super::link::{Link, NoAnswer, Served, Target, Tell};
use super::look_ups::LookUps;
use super::pace::Pace;
use super::sentinel::Sentinels;
use crate::store::{Connections, StoreError};

#[derive(Debug)]
pub(super) enum Servers {
    One(Arc<Link>, Arc<LookUps>),
    Cluster(Cluster),
}

impl Servers {
    pub(super) fn at(address: Address, pace: Pace, tell: Tell) -> Self {
        let name = address.to_string();
        let Address {
            deployment,
            mut hosts,
            access,
            ..
        } = address;
        let target = match deployment {
            Deployment::Cluster => {
                return Self::Cluster(Cluster::new(hosts, access, pace, tell));
            }
            Deployment::Single => Target::Fixed(hosts.swap_remove(0)),
            Deployment::Sentinel {
                master,
                access: of_sentinels,
            } => {
                let sentinels = Sentinels::new(hosts, master, of_sentinels);
                Target::Sentinels(Box::new(sentinels))
            }
        };
        let link = Arc::new(Link::new(target, access, name, pace, tell));
        Self::One(link.clone(), Arc::new(LookUps::new(link)))
    }

    /// The answer to a command about this key.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        key: &str,
        command: &Cmd,
    ) -> Result<T, NoAnswer> {
        match self {
            Self::One(link, _) => link.ask(command).await,
            Self::Cluster(cluster) => cluster.ask(key, command).await,
        }
    }

    /// The bytes that a command about this key asks for; one server is asked for many at once.
    pub(super) async fn look_up(&self, key: &str, command: Cmd) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::One(_, look_ups) => look_ups.ask(command).await,
            // In a box: it is long, and every look-up would be.
            Self::Cluster(cluster) => Ok(Box::pin(cluster.ask(key, &command)).await?),
        }
    }

    /// A cluster takes one command for several keys only where they are in one place.
    pub(super) fn keys_in_one_command(&self) -> usize {
        match self {
            Self::One(..) => usize::MAX,
            Self::Cluster(_) => 1,
        }
    }

    /// All that have keys.
    pub(super) fn all(&self) -> Result<Vec<Arc<Link>>, StoreError> {
        match self {
            Self::One(link, _) => Ok(vec![link.clone()]),
            Self::Cluster(cluster) => cluster.masters(),
        }
    }

    pub(super) fn connections(&self) -> Connections {
        let links = self.all().unwrap_or_default();
        let connections = links.iter().map(|link| link.connections());
        connections.reduce(Connections::and).unwrap_or_default()
    }

    /// One that is there.
    pub(super) fn any_served(&self) -> Option<Served> {
        let links = self.all().ok()?;
        links.iter().find_map(Link::served)
    }

    pub(super) async fn connect(&self) -> Result<(), StoreError> {
        match self {
            Self::One(link, _) => link.connect().await,
            Self::Cluster(cluster) => cluster.connect().await,
        }
    }

    pub(super) fn disconnect(&self) {
        match self {
            Self::One(link, _) => link.disconnect(),
            Self::Cluster(cluster) => cluster.disconnect(),
        }
    }
}
