//! Faults of what is stored.

use fixture::{Answer, FakeServer, RedisServer};

use crate::run::{Run, is_master, over, tell};

const ROOM: &str = "stored";

/// The names of everything in the server.
fn keys(server: &RedisServer) -> Vec<String> {
    let keys = server.command(&["KEYS", "*"]);
    let keys = keys.list().iter();
    keys.map(|key| key.text().to_owned()).collect()
}

/// The names of entries of functions and of chosen keys.
fn entries(server: &RedisServer) -> Vec<String> {
    let mut entries = keys(server);
    entries.retain(|key| !key.contains(":gen:"));
    entries
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_of_another_type_are_misses() {
    let server = RedisServer::start();
    for (name, of_generations) in [
        ("wrong type at entries", false),
        ("wrong type at generations", true),
    ] {
        let run = Run::new(ROOM, name, over(&server.url())).await;
        let mut run = run.still_answers();
        run.before().await;
        let mut keys = keys(&server);
        keys.retain(|key| key.contains(":gen:") == of_generations);
        assert!(!keys.is_empty());
        for key in &keys {
            tell(&server, &["DEL", key]);
            tell(&server, &["RPUSH", key, "a list"]);
        }
        run.under().await;
        for key in &keys {
            tell(&server, &["DEL", key]);
        }
        run.after(|| is_master(&server)).await;
        tell(&server, &["FLUSHALL"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_under_the_names_of_others_are_misses() {
    let server = RedisServer::start();
    let mut run = Run::new(ROOM, "entries exchanged", over(&server.url())).await;
    run.before().await;
    let entries = entries(&server);
    tell(&server, &["RENAME", &entries[0], "first"]);
    for two in entries.windows(2) {
        tell(&server, &["RENAME", &two[1], &two[0]]);
    }
    run.under().await;
    run.after(|| is_master(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_of_256_mib_is_a_miss_and_is_not_read() {
    let server = RedisServer::start();
    let mut run = Run::new(ROOM, "256 MiB at a key", over(&server.url())).await;
    run.before().await;
    for kind in ["chaos-memory", "chaos-store"] {
        let key = entries(&server)
            .into_iter()
            .find(|key| key.starts_with(kind));
        tell(
            &server,
            &["SETRANGE", &key.expect("an entry"), "268435455", "x"],
        );
    }
    run.under().await;
    let figures = run.after(|| is_master(&server)).await;
    assert!(figures.memory_kib < 256 * 1024, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_answers_with_1_gib_takes_no_such_memory() {
    let server = FakeServer::start(|command| match &*command[0] {
        b"GETRANGE" => Answer::Bulk(1 << 30),
        b"EVAL" => Answer::Bytes(b"$16\r\n0123456789abcdef\r\n".to_vec()),
        _ => Answer::Bytes(b":1\r\n".to_vec()),
    });
    let run = Run::new(ROOM, "answers of 1 GiB", over(&server.url())).await;
    let mut run = run.still_answers();
    run.under().await;
    let figures = run.for_ever();
    assert!(figures.memory_kib < 512 * 1024, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_a_stopped_server_does_not_take_do_not_pile_up() {
    let mut server = RedisServer::start();
    let config = over(&server.url()).l1_cache_size(100);
    let mut run = Run::new(ROOM, "SIGSTOP and 64 KiB values", config).await;
    run.before().await;
    server.stop();
    let caches = run.subjects.each_ref().map(|subject| subject.cache.clone());
    let large = async {
        for number in 0..4000_u32 {
            let cache = &caches[number as usize % 2];
            let value = || async { "x".repeat(64 * 1024) };
            cache
                .get_or_compute(&format!("large:{number}"), value)
                .await;
        }
    };
    tokio::join!(large, run.under());
    server.resume();
    let figures = run.after(|| is_master(&server)).await;
    assert!(figures.memory_kib < 512 * 1024, "{figures:?}");
}
