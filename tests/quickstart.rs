//! The example that newcomers run first, as a process: without Redis, with it, and with a Redis
//! that goes away between the rounds.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use fixture::RedisServer;

/// One run of the example, with everything that it printed so far.
struct Run {
    process: Child,
    input: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
    seen: Vec<String>,
    warnings: JoinHandle<String>,
}

struct Ended {
    status: ExitStatus,
    lines: Vec<String>,
    warnings: Vec<String>,
}

fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.ancestors().nth(2).expect("the folder of the profile");
    let binary = profile.join("examples/quickstart");
    assert!(
        binary.exists(),
        "{} is missing: run `cargo build --example quickstart` first",
        binary.display()
    );
    binary
}

fn start(redis_url: Option<&str>, arguments: &[&str]) -> Run {
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .env_remove("CACHE_PRESET")
        .env_remove("ENABLE_AI_CACHE")
        .env_remove("CACHE_REDIS_URL")
        .envs(redis_url.map(|url| ("CACHE_REDIS_URL", url)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = command.spawn().expect("the example starts");
    let output = process.stdout.take().expect("piped");
    let mut errors = process.stderr.take().expect("piped");
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        // The prompt ends without a line break.
        for part in BufReader::new(output).split(b'\n') {
            let part = part.expect("output can be read");
            if sender
                .send(String::from_utf8_lossy(&part).into_owned())
                .is_err()
            {
                return;
            }
        }
    });
    let warnings = thread::spawn(move || {
        let mut text = String::new();
        errors.read_to_string(&mut text).expect("errors are text");
        text
    });
    Run {
        input: process.stdin.take(),
        process,
        lines,
        seen: Vec::new(),
        warnings,
    }
}

impl Run {
    /// Reads until a line begins with `beginning`.
    fn until(&mut self, beginning: &str) {
        loop {
            let line = self
                .lines
                .recv_timeout(Duration::from_secs(60))
                .unwrap_or_else(|_| panic!("no line {beginning:?} in {:#?}", self.seen));
            let found = line.trim_start().starts_with(beginning);
            self.seen.push(line);
            if found {
                return;
            }
        }
    }

    fn enter(&mut self) {
        let input = self.input.as_mut().expect("still open");
        input.write_all(b"\n").expect("the example reads");
    }

    fn end(mut self) -> Ended {
        drop(self.input.take());
        let status = self.process.wait().expect("the example ends");
        self.seen.extend(self.lines.iter());
        let warnings = self.warnings.join().expect("no panic");
        Ended {
            status,
            lines: self.seen,
            warnings: warnings.lines().map(str::to_owned).collect(),
        }
    }
}

impl Ended {
    fn computed(&self) -> Vec<usize> {
        self.lines
            .iter()
            .filter_map(|line| line.trim().strip_prefix("computed ")?.parse().ok())
            .collect()
    }

    /// Rows of the tables that say where an answer came from.
    fn rows_from(&self, origin: &str) -> usize {
        self.lines
            .iter()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .filter(|words| match words[..] {
                ["summarize" | "sentiment", _, from, ..] => from == origin,
                _ => false,
            })
            .count()
    }

    /// The summaries that were printed, without the times.
    fn answers(&self) -> Vec<&str> {
        let answers = self.lines.iter().map(|line| line.trim());
        answers
            .filter(|line| line.starts_with("- ") || line.contains("(mood "))
            .collect()
    }

    fn assert_success(&self) {
        assert!(self.status.success(), "{:?}", self.warnings);
        assert!(
            self.lines
                .iter()
                .any(|line| line == "All answers are the same in every round.")
        );
    }
}

#[test]
fn without_redis_the_first_round_computes_and_the_others_remember() {
    let run = start(None, &[]).end();
    run.assert_success();
    let computed = run.computed();
    assert!(computed[0] >= 10, "{computed:?}");
    assert_eq!(computed[1..], [0, 0]);
    assert_eq!(run.rows_from("memory"), 2 * computed[0]);
    assert_eq!(run.warnings, [""; 0]);
}

#[test]
fn with_redis_a_second_process_computes_nothing() {
    let server = RedisServer::start();
    let first = start(Some(&server.url()), &[]).end();
    first.assert_success();
    let second = start(Some(&server.url()), &[]).end();
    second.assert_success();
    assert_eq!(second.computed(), [0, 0, 0]);
    assert_eq!(second.rows_from("store"), first.computed()[0]);
    assert_eq!(second.answers(), first.answers());
    assert_eq!(second.warnings, [""; 0]);
}

#[test]
fn a_redis_that_is_absent_at_start_costs_one_warning() {
    let server = RedisServer::absent();
    let run = start(Some(&server.url()), &[]).end();
    run.assert_success();
    assert_eq!(run.computed()[1..], [0, 0]);
    assert_eq!(run.warnings.len(), 1, "{:?}", run.warnings);
}

#[test]
fn a_redis_that_is_killed_between_the_rounds_costs_one_warning() {
    let mut server = RedisServer::start();
    let mut run = start(Some(&server.url()), &["--pause"]);
    run.until("computed");
    server.kill();
    run.enter();
    run.until("computed");
    run.enter();
    let run = run.end();
    run.assert_success();
    assert_eq!(run.computed()[1..], [0, 0]);
    assert!(run.warnings.len() <= 1, "{:?}", run.warnings);
}

#[test]
fn a_redis_that_is_stopped_and_continued_between_the_rounds_changes_no_answer() {
    let mut server = RedisServer::start();
    let healthy = start(Some(&server.url()), &[]).end();
    server.command(&["FLUSHALL"]);

    let mut run = start(Some(&server.url()), &["--pause"]);
    run.until("computed");
    server.stop();
    run.enter();
    run.until("computed");
    server.resume();
    run.enter();
    let run = run.end();
    run.assert_success();
    assert_eq!(run.computed()[1..], [0, 0]);
    assert_eq!(run.answers(), healthy.answers());
    assert!(run.warnings.len() <= 2, "{:?}", run.warnings);
}

#[test]
fn a_redis_that_is_stopped_at_start_costs_one_warning_for_each_change() {
    let mut server = RedisServer::start();
    let healthy = start(Some(&server.url()), &[]).end();
    server.stop();
    let run = start(Some(&server.url()), &[]).end();
    run.assert_success();
    assert_eq!(run.computed(), healthy.computed());
    assert_eq!(run.answers(), healthy.answers());
    assert_eq!(run.warnings.len(), 1, "{:?}", run.warnings);
}

#[test]
fn a_wrong_environment_is_an_error_that_lists_what_is_valid() {
    for (variable, value, expected) in [
        ("CACHE_PRESET", "prod", "development, production"),
        ("CACHE_REDIS_URL", "http://localhost", "expected redis://"),
        ("ENABLE_AI_CACHE", "maybe", "expected true, 1, yes"),
    ] {
        let output = Command::new(binary())
            .env(variable, value)
            .output()
            .expect("the example starts");
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(
            message.contains(variable) && message.contains(expected),
            "{message}"
        );
    }
}

#[test]
fn texts_named_on_the_command_line_are_read() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/texts/lighthouse.txt");
    let run = start(None, &[file]).end();
    run.assert_success();
    assert_eq!(run.computed(), [2, 0, 0]);

    let missing = start(None, &["/no/such/text"]).end();
    assert!(!missing.status.success());
    assert!(missing.warnings[0].contains("/no/such/text"));
}
