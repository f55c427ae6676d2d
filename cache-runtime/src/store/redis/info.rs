//! What servers say about themselves.

use ::redis::cmd;
use futures_util::future::try_join_all;

use super::link::Link;
use super::servers::Servers;
use crate::store::{StoreError, StoreInfo};

pub(super) async fn info(servers: &Servers) -> Result<StoreInfo, StoreError> {
    let links = servers.all()?;
    let mut infos = try_join_all(links.iter().map(|link| of(link)))
        .await?
        .into_iter();
    let first = infos.next().unwrap_or_default();
    Ok(infos.fold(first, |all, one| StoreInfo {
        version: all.version.min(one.version),
        connected_clients: all.connected_clients + one.connected_clients,
        used_memory: all.used_memory + one.used_memory,
        keys: all.keys + one.keys,
    }))
}

async fn of(link: &Link) -> Result<StoreInfo, StoreError> {
    let info: String = link.ask(&cmd("INFO")).await?;
    let field = |name: &str| {
        let mut lines = info.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    };
    let number = |name| field(name).and_then(|field| field.parse().ok());
    Ok(StoreInfo {
        version: field("redis_version").unwrap_or_default().to_owned(),
        connected_clients: number("connected_clients").unwrap_or_default(),
        used_memory: number("used_memory").unwrap_or_default(),
        // As in `db0:keys=3,expires=3,avg_ttl=0`; nothing where there are none.
        keys: field(&format!("db{}", link.database()))
            .and_then(|keys| keys.strip_prefix("keys=")?.split(',').next()?.parse().ok())
            .unwrap_or_default(),
    })
}
