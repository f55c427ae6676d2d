//! Faults between this process and its server.

use std::time::Duration;

use fixture::{Fault, Proxy, RedisServer};

use crate::figures::Figures;
use crate::run::{Run, is_master, over};

const ROOM: &str = "network";

async fn through(name: &'static str, fault: Fault) -> Figures {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let mut run = Run::new(ROOM, name, over(&proxy.url())).await;
    run.before().await;
    proxy.set(fault);
    run.under().await;
    proxy.set(Fault::None);
    let figures = run.after(|| is_master(&server)).await;
    assert!(figures.served_elsewhere > 0, "{figures:?}");
    figures
}

/// The same for a fault that leaves nothing to be had: nobody waits for it more than once.
async fn through_and_left_alone(name: &'static str, fault: Fault) {
    let figures = through(name, fault).await;
    assert!(figures.left_alone.count > 0, "{figures:?}");
    assert_eq!(figures.waited_again, 0, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_refused_cost_no_answer() {
    let figures = through("connections refused", Fault::Refuse).await;
    assert_eq!(figures.timed_out, 0, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_reset_cost_no_answer() {
    let figures = through("connections reset", Fault::Reset).await;
    assert_eq!(figures.timed_out, 0, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_swallows_everything_is_left_alone() {
    through_and_left_alone("everything swallowed", Fault::SwallowAll).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_open_connection_is_replaced() {
    through("half-open connection", Fault::SwallowOld).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_held_are_not_waited_for() {
    through_and_left_alone("answers held", Fault::HoldAnswers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delays_cost_the_budget_at_most() {
    for (name, millis) in [
        ("delay of 005 ms each way", 5),
        ("delay of 020 ms each way", 20),
        ("delay of 100 ms each way", 100),
        ("delay of 500 ms each way", 500),
    ] {
        through(name, Fault::Delay(Duration::from_millis(millis))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn little_bandwidth_costs_the_budget_at_most() {
    let bytes_per_second = 64 * 1024;
    through("64 KiB each second", Fault::Bandwidth { bytes_per_second }).await;
}
