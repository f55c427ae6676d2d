//! Faults of the server itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fixture::RedisServer;

use crate::run::{Run, is_master, over, tell};

const ROOM: &str = "server";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_absent_at_first_is_found() {
    let mut server = RedisServer::absent();
    let mut run = Run::new(ROOM, "absent at start", over(&server.url())).await;
    run.under().await;
    server.restart();
    let figures = run.after(|| is_master(&server)).await;
    assert_eq!(figures.timed_out, 0, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_costs_no_answer() {
    let mut server = RedisServer::start();
    let mut run = Run::new(ROOM, "killed", over(&server.url())).await;
    run.before().await;
    server.kill();
    run.under().await;
    server.restart();
    let figures = run.after(|| is_master(&server)).await;
    assert_eq!(figures.timed_out, 0, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_restarted_empty_costs_no_answer() {
    let mut server = RedisServer::start();
    let mut run = Run::new(ROOM, "restarted empty", over(&server.url())).await;
    run.before().await;
    run.under_while(|| server.restart()).await;
    run.after(|| is_master(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_stopped_is_left_alone() {
    let mut server = RedisServer::start();
    let mut run = Run::new(ROOM, "SIGSTOP", over(&server.url())).await;
    run.before().await;
    server.stop();
    run.under().await;
    server.resume();
    let figures = run.after(|| is_master(&server)).await;
    assert!(figures.left_alone.count > 0, "{figures:?}");
    assert_eq!(figures.waited_again, 0, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_slow_to_answer_costs_the_budget_at_most() {
    let server = RedisServer::start();
    let mut run = Run::new(ROOM, "pauses of 200 ms", over(&server.url())).await;
    run.before().await;
    let rounds = run.lasts().as_millis() / 250;
    run.under_while(|| {
        for _ in 0..=rounds {
            tell(&server, &["CLIENT", "PAUSE", "200", "ALL"]);
            std::thread::sleep(Duration::from_millis(250));
        }
    })
    .await;
    run.after(|| is_master(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_no_writes_any_more_costs_no_answer() {
    for (name, serves_stale) in [("READONLY", "yes"), ("MASTERDOWN", "no")] {
        let server = RedisServer::start_with(&["--replica-serve-stale-data", serves_stale]);
        let mut run = Run::new(ROOM, name, over(&server.url())).await;
        run.before().await;
        tell(&server, &["REPLICAOF", "127.0.0.1", "1"]);
        run.under().await;
        tell(&server, &["REPLICAOF", "NO", "ONE"]);
        run.after(|| is_master(&server)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_loading_its_data_costs_no_answer() {
    let snapshots = Snapshots::new("loading");
    let mut server = RedisServer::start_with(&[
        "--dir",
        snapshots.path(),
        // So that a few thousand keys take a second, and others are answered meanwhile.
        "--key-load-delay",
        "300",
        "--loading-process-events-interval-bytes",
        "1024",
    ]);
    let mut run = Run::new(ROOM, "LOADING", over(&server.url())).await;
    let fill = "for n = 1, 3000 do redis.call('SET', 'other:' .. n, n) end";
    tell(&server, &["EVAL", fill, "0"]);
    run.before().await;
    tell(&server, &["SAVE"]);
    run.under_while(|| server.restart()).await;
    let loaded = server.command(&["DBSIZE"]).int();
    assert!(loaded > 3000, "{loaded} keys");
    run.after(|| is_master(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_memory_is_full_costs_no_answer() {
    let server = RedisServer::start_with(&["--maxmemory-policy", "noeviction"]);
    let run = Run::new(ROOM, "OOM", over(&server.url())).await;
    let mut run = run.still_answers();
    run.before().await;
    tell(&server, &["CONFIG", "SET", "maxmemory", "1"]);
    run.under().await;
    tell(&server, &["CONFIG", "SET", "maxmemory", "0"]);
    run.after(|| is_master(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_evicts_anything_costs_no_answer() {
    let server = RedisServer::start_with(&["--maxmemory-policy", "allkeys-lru"]);
    let config = over(&server.url());
    let mut run = Run::with_filler(ROOM, "evictions of everything", config, 250).await;
    run.before().await;
    // Less than there is, whatever else the server needs memory for.
    let memory = server.command(&["INFO", "memory"]);
    let used = memory
        .text()
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"));
    let used: u64 = used.expect("a line").parse().expect("a number");
    let limit = (used - 300_000).to_string();
    tell(&server, &["CONFIG", "SET", "maxmemory", &limit]);
    run.under().await;
    let stats = server.command(&["INFO", "stats"]);
    assert!(
        !stats.text().contains("evicted_keys:0\r"),
        "nothing was evicted"
    );
    tell(&server, &["CONFIG", "SET", "maxmemory", "0"]);
    run.after(|| is_master(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_comes_back_as_it_was_before_serves_nothing_that_was_removed() {
    let snapshots = Snapshots::new("older");
    let mut server = RedisServer::start_with(&["--dir", snapshots.path()]);
    let mut run = Run::new(ROOM, "restarted as it was before", over(&server.url())).await;
    run.before().await;
    tell(&server, &["SAVE"]);
    run.under_while(|| {
        std::thread::sleep(Duration::from_millis(200));
        server.restart();
    })
    .await;
    run.after(|| is_master(&server)).await;
}

/// A directory in which servers keep their data.
struct Snapshots(PathBuf);

impl Snapshots {
    fn new(purpose: &str) -> Self {
        let path = std::env::temp_dir().join(format!("chaos-{purpose}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    fn path(&self) -> &str {
        Path::to_str(&self.0).expect("a path in UTF-8")
    }
}

impl Drop for Snapshots {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
