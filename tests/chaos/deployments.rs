//! Faults of several servers that are one.

use fixture::{Cluster, Sentinels};

use crate::run::{Run, is_master, over};

const ROOM: &str = "deployments";

/// So many values in a row meet every node of a cluster of three, but for one time in ten thousand.
const EVERY_NODE: usize = 24;

fn through(sentinels: &Sentinels) -> String {
    let [one, two, three] = sentinels.ports();
    let name = sentinels.name();
    format!(
        "redis-sentinel://127.0.0.1:{one}?master={name}&node=127.0.0.1:{two}&node=127.0.0.1:{three}"
    )
}

fn of(cluster: &Cluster) -> String {
    format!("redis-cluster://127.0.0.1:{}", cluster.nodes()[0].port())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_that_choose_another_master_cost_no_answer() {
    let sentinels = Sentinels::start();
    let mut run = Run::new(
        ROOM,
        "Sentinel failover by hand",
        over(&through(&sentinels)),
    )
    .await;
    run.before().await;
    run.under_while(|| sentinels.failover()).await;
    run.after(|| is_master(sentinels.master())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_of_sentinels_that_is_killed_costs_no_answer() {
    let mut sentinels = Sentinels::start();
    let mut run = Run::new(ROOM, "Sentinel, master killed", over(&through(&sentinels))).await;
    run.before().await;
    run.under_while(|| {
        let old = sentinels.kill_master();
        sentinels.await_other_master(old);
    })
    .await;
    run.after(|| is_master(sentinels.master())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_of_sentinels_that_is_stopped_costs_no_answer() {
    let mut sentinels = Sentinels::start();
    let mut run = Run::new(ROOM, "Sentinel, master stopped", over(&through(&sentinels))).await;
    run.before().await;
    run.under_while(|| {
        let old = sentinels.stop_master();
        sentinels.await_other_master(old);
        // It takes itself for the master for a while.
        sentinels.server_mut(old).resume();
    })
    .await;
    run.after(|| is_master(sentinels.master())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_a_cluster_that_is_stopped_costs_no_answer() {
    let mut cluster = Cluster::start(3);
    let run = Run::new(ROOM, "Cluster, node stopped", over(&of(&cluster))).await;
    // What the other nodes have is still to be had.
    let mut run = run.probes(EVERY_NODE).still_answers();
    run.before().await;
    cluster.nodes_mut()[2].stop();
    run.under().await;
    cluster.nodes_mut()[2].resume();
    run.after(|| cluster.nodes().iter().all(is_master)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_of_a_cluster_that_moves_costs_no_answer() {
    let mut cluster = Cluster::start(3);
    let run = Run::new(ROOM, "Cluster, slots moved", over(&of(&cluster))).await;
    let mut run = run.probes(EVERY_NODE).still_answers();
    run.before().await;
    let pause = run.lasts() / 20;
    run.under_while(|| {
        for _ in 0..10 {
            let node = &cluster.nodes()[0];
            let keys = node.command(&["KEYS", "*"]);
            let key = keys.list()[0].text().to_owned();
            let slot = Cluster::slot_of(&key);
            cluster.begin_move_slot(slot, 1);
            std::thread::sleep(pause);
            cluster.finish_move_slot(slot, 1);
            std::thread::sleep(pause);
        }
    })
    .await;
    run.after(|| cluster.nodes().iter().all(is_master)).await;
}
