//! Four processes over one Redis, each with a thousand callers of one cold key.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use fixture::RedisServer;
use larder::cached;
use support::{register, roomy};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const URL: &str = "LARDER_TEST_URL";
const PROCESSES: usize = 4;
const CALLERS: usize = 1000;

/// What a process says, each with its own word before it.
const RUNS: &str = "runs";
const ANSWERS: &str = "answers";

/// So long a claim holds that is not renewed.
const LEASE: Duration = Duration::from_secs(3);

static GATE: Semaphore = Semaphore::const_new(0);

#[cached(kind = "processes", op = "processes.slow", single_flight = "cluster")]
async fn slow(_id: u32) -> u32 {
    println!("{RUNS}");
    let _pass = GATE.acquire().await;
    std::process::id()
}

/// One of four processes, where it is started as one; as a test of its own it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_four() {
    let Ok(url) = std::env::var(URL) else {
        return;
    };
    let config = roomy().redis_url(url).store_budget(Duration::from_secs(5));
    let cache = register("processes", config);
    // On a machine with much to do it takes more than one attempt.
    while !cache.connect().await {}
    thread::spawn(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).expect("a line");
        GATE.add_permits(1);
    });
    let mut callers: JoinSet<u32> = (0..CALLERS).map(|_| slow(1)).collect();
    let mut answers = HashSet::new();
    while let Some(answer) = callers.join_next().await {
        answers.insert(answer.expect("no panic"));
    }
    // Without this the process may end before the others can find in Redis what it has computed.
    larder::close().await;
    let answers: Vec<_> = answers.into_iter().collect();
    println!("{ANSWERS} {answers:?}");
}

/// A process, which ends with this.
struct Process {
    child: Child,
    stdin: ChildStdin,
}

impl Process {
    /// What it says goes there, with its number.
    fn start(number: usize, url: &str, said: Sender<(usize, String)>) -> Self {
        let program = std::env::current_exe().expect("a program");
        let mut child = Command::new(program)
            .args(["--exact", "one_of_four", "--nocapture"])
            .env(URL, url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // Nobody listens any more when the test is over.
                let _ = said.send((number, line));
            }
        });
        Self { child, stdin }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Processes {
    all: Vec<Process>,
    said: Receiver<(usize, String)>,
    server: RedisServer,
}

impl Processes {
    /// All call, one of them runs the body, and the others know that. Gives the number of that one.
    fn call() -> (Self, usize) {
        let server = RedisServer::start();
        let (say, said) = channel();
        let start = |number| Process::start(number, &server.url(), say.clone());
        let all = (0..PROCESSES).map(start).collect();
        let processes = Self { all, said, server };
        let runs = processes.runs();
        let start = Instant::now();
        // A claim that is refused reads the clock of the server and no lifetime; nothing else does.
        let calls = |command| processes.server.calls(command);
        while calls("time").saturating_sub(calls("pttl")) < PROCESSES - 1 {
            assert!(start.elapsed() < Duration::from_secs(30), "they call");
            thread::sleep(Duration::from_millis(5));
        }
        (processes, runs)
    }

    /// The next process that says that it runs the body or has its answers, and the line.
    fn hear(&self) -> (usize, String) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let (number, line) = self
                .said
                .recv_timeout(left)
                .expect("somebody says something");
            // The first line of a test goes on where its name ends.
            let said = [RUNS, ANSWERS].into_iter().find_map(|word| line.find(word));
            if let Some(said) = said {
                return (number, line[said..].to_owned());
            }
        }
    }

    /// The process that runs the body, which is the next thing that is said.
    fn runs(&self) -> usize {
        let (number, line) = self.hear();
        assert_eq!(line, RUNS);
        number
    }

    /// All that are left have the answer of this one, and nobody else runs the body.
    fn finish(&mut self, computes: usize, left: usize) {
        let process = &mut self.all[computes];
        process.stdin.write_all(b"finish\n").expect("it reads");
        let answers = format!("{ANSWERS} [{}]", process.child.id());
        for _ in 0..left {
            // Each as it comes: who runs the body now would never have an answer.
            let (number, line) = self.hear();
            assert_eq!(
                line, answers,
                "process {number} of which {computes} computes"
            );
        }
    }
}

#[test]
fn a_thousand_callers_in_each_of_four_processes_run_the_body_once() {
    let (mut processes, runs) = Processes::call();
    // Longer than a claim holds that is not renewed.
    thread::sleep(LEASE + Duration::from_secs(1));
    processes.finish(runs, PROCESSES);
}

#[test]
fn when_the_process_is_killed_that_computes_one_of_the_others_does() {
    let (mut processes, runs) = Processes::call();
    processes.all[runs].child.kill().expect("SIGKILL");
    let killed = Instant::now();
    let second = processes.runs();
    let elapsed = killed.elapsed();
    println!("another process computes after {elapsed:?}");
    assert_ne!(second, runs);
    processes.finish(second, PROCESSES - 1);
}
