//! The examples of the repository as processes.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A service that runs. It is killed when this is dropped.
#[derive(Debug)]
pub struct Example {
    process: Child,
    address: SocketAddr,
    warnings: Option<JoinHandle<String>>,
}

/// How a process has ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub took: Duration,
    pub warnings: String,
}

/// An example with these variables, and none that it would read of this process.
pub fn command(name: &str, variables: &[(&str, &str)]) -> Command {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.ancestors().nth(2).expect("the folder of the profile");
    let binary: PathBuf = profile.join("examples").join(name);
    assert!(
        is_up_to_date(&binary, name),
        "{} is missing, or not made of the sources that are here: run `cargo build --example {name} --all-features` first",
        binary.display()
    );
    let mut command = Command::new(binary);
    let read = std::env::vars_os().map(|(name, _)| name);
    let is_read = |name: &OsString| {
        let name = name.to_string_lossy();
        name.contains("CACHE") || name.contains("OPENAI")
    };
    for name in read.filter(is_read) {
        command.env_remove(name);
    }
    command
        .env_remove("OPERATOR_TOKEN")
        .env("LISTEN", "127.0.0.1:0")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Whether it is there, made of this checkout, and later than all its sources, which cargo lists beside
/// it: a test is not built anew with the example that it starts.
fn is_up_to_date(binary: &Path, name: &str) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|found| found.modified()).ok();
    let Ok(listed) = fs::read_to_string(binary.with_extension("d")) else {
        return false;
    };
    let Some((_, sources)) = listed.trim_end().split_once(": ") else {
        return false;
    };
    // A space that belongs to a name has a backslash before it.
    let sources = sources.replace("\\ ", "\0");
    let sources: Vec<PathBuf> = sources
        .split(' ')
        .map(|source| source.replace('\0', " ").into())
        .collect();
    let ours = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(format!("{name}.rs"));
    let built = changed(binary);
    let is_older = |source: &PathBuf| {
        let changed = changed(source);
        changed.is_some() && changed <= built
    };
    sources.contains(&ours) && sources.iter().all(is_older)
}

impl Example {
    /// Starts it, and waits until it says where it listens.
    pub fn start(name: &str, variables: &[(&str, &str)]) -> Self {
        let mut process = command(name, variables)
            .spawn()
            .expect("the example starts");
        let mut errors = process.stderr.take().expect("piped");
        let warnings = thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).expect("errors are text");
            text
        });
        let mut output = BufReader::new(process.stdout.take().expect("piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("output is text");
        let address = line.trim_end().strip_prefix("listening on http://");
        let address = address.and_then(|address| address.parse().ok());
        let Some(address) = address else {
            let _ = process.kill();
            panic!("no address in {line:?}: {:?}", warnings.join());
        };
        Self {
            process,
            address,
            warnings: Some(warnings),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks the process to end (SIGTERM).
    pub fn terminate(&self) {
        let signal = format!("kill -TERM {}", self.process.id());
        let told = Command::new("sh").args(["-c", &signal]).status();
        assert!(told.expect("a shell").success());
    }

    /// Waits for the end of the process, for twenty seconds at most.
    pub fn wait(mut self) -> Ended {
        let began = Instant::now();
        let status = loop {
            match self.process.try_wait().expect("a process of this one") {
                Some(status) => break status,
                None if began.elapsed() > Duration::from_secs(20) => panic!("it does not end"),
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        let took = began.elapsed();
        let warnings = self.warnings.take().expect("still there");
        Ended {
            status,
            took,
            warnings: warnings.join().expect("no panic"),
        }
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // Both fail only when the process is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
