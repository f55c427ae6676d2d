//! Summarizes texts and rates their mood, three times over. The first round computes; the others
//! remember.
//!
//!     cargo run --example quickstart [--pause] [FILE…]
//!
//! Without files it reads this project's guides and the texts beside this example. With
//! `CACHE_REDIS_URL` set it keeps its answers in Redis too, and a second run computes nothing.
//! `--pause` waits for Enter between the rounds: time to stop the Redis and see what happens.

#[path = "quickstart/sentiment.rs"]
mod sentiment;
#[path = "quickstart/summarize.rs"]
mod summarize;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use larder::cached;
use larder::call::{Origin, Outcome};
use sentiment::Sentiment;
use summarize::Summary;

const ROUNDS: usize = 3;
const USAGE: &str = "usage: quickstart [--pause] [FILE…]";

/// The best sentences of a text. Takes some tens of milliseconds for a few pages, so it is worth
/// keeping. How long is a matter of the operation: for `summarize` it is what the preset says.
#[cached(kind = "ai", op = "summarize")]
async fn summary(text: &str, sentences: usize) -> Summary {
    tokio::task::block_in_place(|| summarize::summarize(text, sentences))
}

/// How a text feels. The attribute's own lifetime comes before that of the preset.
#[cached(kind = "ai", op = "sentiment", ttl = "1h")]
async fn mood(text: &str) -> Sentiment {
    tokio::task::block_in_place(|| sentiment::rate(text))
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(io::stderr)
        .init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    let texts = read_texts(&arguments.files)?;

    larder::init().await?;
    let mut first: Vec<Answers> = Vec::new();
    for round in 1..=ROUNDS {
        if round > 1 && arguments.pause {
            wait_for_enter(round)?;
        }
        print_state(round).await;
        let answers = one_round(&texts).await;
        if round == 1 {
            first.clone_from(&answers);
        }
        print_round(round, &texts, &answers, &first);
        if answers
            .iter()
            .zip(&first)
            .any(|(now, then)| now.differs(then))
        {
            return Err(format!("an answer of round {round} is not that of round 1").into());
        }
    }
    println!("\nAll answers are the same in every round.");
    print_statistics();
    larder::close().await;
    Ok(())
}

/// What is known of one text after one round.
#[derive(Clone)]
struct Answers {
    summary: Timed<Summary>,
    mood: Timed<Sentiment>,
}

#[derive(Clone)]
struct Timed<T> {
    outcome: Outcome<T>,
    took: Duration,
}

impl Answers {
    fn differs(&self, other: &Self) -> bool {
        self.summary.outcome.value != other.summary.outcome.value
            || self.mood.outcome.value != other.mood.outcome.value
    }

    fn computed(&self) -> usize {
        [self.summary.outcome.origin, self.mood.outcome.origin]
            .iter()
            .filter(|origin| matches!(origin, Origin::Computed | Origin::Uncached))
            .count()
    }
}

async fn one_round(texts: &[Text]) -> Vec<Answers> {
    let mut answers = Vec::with_capacity(texts.len());
    for text in texts {
        answers.push(Answers {
            summary: timed(summary(&text.content, 3)).await,
            mood: timed(mood(&text.content)).await,
        });
    }
    answers
}

async fn timed<F: Future>(call: F) -> Timed<F::Output> {
    let start = Instant::now();
    let outcome = larder::call::outcome(call).await;
    Timed {
        outcome,
        took: start.elapsed(),
    }
}

async fn print_state(round: usize) {
    let Some(cache) = larder::cache("ai") else {
        return;
    };
    let redis = match cache.stats().backend_type {
        "memory" => "in memory only",
        _ if cache.ping().await => "with Redis",
        _ => "with Redis, which does not answer",
    };
    println!("\nRound {round}, {redis}");
}

fn print_round(round: usize, texts: &[Text], answers: &[Answers], first: &[Answers]) {
    println!(
        "  {:<10} {:<24} {:<9} {:>12} {:>9}",
        "operation", "text", "from", "time", "speed-up"
    );
    for ((text, now), then) in texts.iter().zip(answers).zip(first) {
        let before = (round > 1).then_some(then);
        print_row(
            "summarize",
            text,
            &now.summary,
            before.map(|it| it.summary.took),
        );
        print_row("sentiment", text, &now.mood, before.map(|it| it.mood.took));
    }
    let computed: usize = answers.iter().map(Answers::computed).sum();
    println!("  computed {computed}");
    if round == 1 {
        for (text, answers) in texts.iter().zip(answers) {
            let mood = answers.mood.outcome.value.compound;
            println!("\n  {} (mood {mood:+.2})", text.name);
            for sentence in &answers.summary.outcome.value.sentences {
                println!("    - {sentence}");
            }
        }
    }
}

/// The speed-up is against the first round of this run.
fn print_row<T>(operation: &str, text: &Text, now: &Timed<T>, first: Option<Duration>) {
    let speed_up = first.map_or("-".to_owned(), |first| {
        format!("{:.0}x", first.as_secs_f64() / now.took.as_secs_f64())
    });
    println!(
        "  {operation:<10} {:<24} {:<9} {:>12} {speed_up:>9}",
        text.name,
        now.outcome.origin,
        format!("{:.1?}", now.took),
    );
}

fn print_statistics() {
    let Some(cache) = larder::cache("ai") else {
        return;
    };
    let stats = cache.stats();
    println!(
        "The kind `ai` ({}): {} from memory, {} from the store, {} computed; {:.0} % of all calls \
         were hits; {} entries in memory.",
        stats.backend_type,
        stats.memory_hits,
        stats.store_hits,
        stats.computed,
        stats.hit_rate().unwrap_or_default(),
        stats.active_entries(),
    );
}

struct Arguments {
    files: Vec<PathBuf>,
    pause: bool,
}

impl Arguments {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self {
            files: Vec::new(),
            pause: false,
        };
        for argument in arguments {
            match argument.as_str() {
                "--pause" => parsed.pause = true,
                "--help" => return Err(USAGE.to_owned()),
                option if option.starts_with('-') => {
                    return Err(format!("unknown option {option}; {USAGE}"));
                }
                file => parsed.files.push(file.into()),
            }
        }
        Ok(parsed)
    }
}

struct Text {
    name: String,
    content: String,
}

fn read_texts(files: &[PathBuf]) -> Result<Vec<Text>, String> {
    let own;
    let files = if files.is_empty() {
        own = own_texts()?;
        &own
    } else {
        files
    };
    files
        .iter()
        .map(|file| {
            let bytes =
                std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
            let content = String::from_utf8_lossy(&bytes);
            let is_markdown = file.extension().is_some_and(|it| it == "md");
            Ok(Text {
                name: file
                    .file_name()
                    .unwrap_or(file.as_os_str())
                    .to_string_lossy()
                    .into_owned(),
                content: if is_markdown {
                    prose_of(&content)
                } else {
                    content.into_owned()
                },
            })
        })
        .collect()
}

/// The sentences of a Markdown text, without its code, tables, headings and comments.
fn prose_of(markdown: &str) -> String {
    let mut in_code = false;
    let prose = markdown.lines().filter(|line| {
        let fence = line.starts_with("```");
        in_code ^= fence;
        !(in_code || fence || line.starts_with(['|', '#', '<']))
    });
    prose.collect::<Vec<_>>().join("\n")
}

/// The guides of this project and the texts beside this example.
fn own_texts() -> Result<Vec<PathBuf>, String> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![project.join("README.md")];
    for (folder, extension) in [("docs", "md"), ("examples/texts", "txt")] {
        let folder = project.join(folder);
        let entries =
            std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut found: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|it| it == extension))
            .collect();
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}

fn wait_for_enter(round: usize) -> io::Result<()> {
    print!("\nEnter begins round {round}: ");
    io::stdout().flush()?;
    io::stdin().read_line(&mut String::new())?;
    Ok(())
}
