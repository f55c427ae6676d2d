#!/usr/bin/env python3
"""Measures what it costs to build annotated functions.

    measure.py [--functions N] [--rounds N] [--directory DIRECTORY] [VARIANT ...]

Writes the same functions three times into crates under DIRECTORY (`target/compile` unless told):
as they are, under `#[tracing::instrument]`, and under `#[larder::cached]`. Half of them return a
value type of their own. The crates they depend on are built first; then each crate is built cold,
for debugging, in turns with the others.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

REPOSITORY = Path(__file__).resolve().parents[2]

# The attribute of the function with this number.
VARIANTS = {
    "plain": lambda number: "",
    "instrumented": lambda number: "#[tracing::instrument]",
    "cached": lambda number: f'#[larder::cached(kind = "web", op = "function.{number}", ttl = "15m")]',
}
FUNCTIONS_IN_A_MODULE = 20

MANIFEST = """\
[package]
name = "{variant}"
version = "0.0.0"
edition = "2024"
publish = false

[dependencies]
larder = {{ path = "{repository}" }}
serde = {{ version = "1.0", features = ["derive"] }}
tokio = {{ version = "1.54", features = ["rt", "time"] }}
tracing = "0.1"
"""

# What the functions share. The two functions at the end are the same in every variant, so that
# what is linked once for all functions is in each of them, and no difference.
SHARED = """\
use std::fmt;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug)]
pub enum Error {
    Missing(u64),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(id) => write!(f, "nothing has the number {id}"),
        }
    }
}

impl std::error::Error for Error {}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub enum State {
    Open,
    Closed { reason: String },
    Moved(u64),
}

/// What a database would answer.
#[derive(Default)]
pub struct Row {
    pub id: u64,
    pub name: String,
    pub words: Vec<String>,
}

pub async fn ask(query: &str, id: u64) -> Result<Row, Error> {
    tokio::task::yield_now().await;
    if query.is_empty() {
        return Err(Error::Missing(id));
    }
    let words = query.split(' ').map(str::to_owned).collect();
    Ok(Row { id, name: query.to_owned(), words })
}

#[tracing::instrument]
pub async fn one_instrumented(id: u64) -> u64 {
    id
}

#[larder::cached(kind = "web", op = "one", ttl = "15m")]
pub async fn one_cached(id: u64) -> u64 {
    id
}
"""

# Fields of a value type, each with the expression that makes it of `row`.
VALUE_TYPES = [
    {
        "id: u64": "row.id",
        "name: String": "row.name",
        "email: Option<String>": "None",
        "roles: Vec<String>": "row.words",
        "active: bool": "row.id > 1",
    },
    {
        "number: u64": "row.id",
        "total: f64": "row.id as f64 / 100.0",
        "currency: String": "row.name",
        "lines: Vec<u32>": "vec![row.words.len() as u32]",
        "note: Option<String>": "row.words.into_iter().next()",
    },
    {
        "title: String": "row.name",
        "words: u32": "row.words.len() as u32",
        "tags: Vec<String>": "row.words",
        "score: f32": "0.5",
        "parent: Option<u64>": "Some(row.id)",
    },
    {
        "key: String": "row.name",
        "count: i64": "row.id as i64",
        "ratios: Vec<f64>": "vec![1.0]",
        "labels: HashMap<String, String>": 'row.words.into_iter().map(|w| ("w".to_owned(), w)).collect()',
        "ready: bool": "true",
    },
    {
        "id: u64": "row.id",
        "label: String": "row.name",
        "changed_at: u64": "row.id + 1",
        "state: State": "State::Moved(row.id)",
        "history: Vec<State>": "vec![State::Open]",
    },
]

# The parameters of a function, what it asks with, and the arguments of the call.
PARAMETERS = [
    ("id: u64", '"profile", id', "{number}"),
    ("query: &str, limit: u32", "query, u64::from(limit)", '"calm sea", {number}'),
    ("name: &str, locale: Option<&str>", "locale.unwrap_or(name), 7", '"north", Some("de")'),
    ("request: &{request}", "&request.filter, request.page", "&{request}::sample()"),
    ("tenant: u64, page: u32, filter: String", "&filter, tenant + u64::from(page)", '{number}, 1, "all".to_owned()'),
    ("customer: u64, region: &str", "region, customer", '{number}, "south"'),
    ("ids: &[u64], detailed: bool", '"several", ids.len() as u64 + u64::from(detailed)', "&[1, {number}], true"),
]

# What a function returns, and what it does with a row that it asked for.
RETURNS_OWN = [
    ("Result<{value}, Error>", "let row = ask({question}).await?;\n    Ok({make})"),
    ("Result<Option<{value}>, Error>", "let row = ask({question}).await?;\n    if row.id == 0 {{\n        return Ok(None);\n    }}\n    Ok(Some({make}))"),
    ("Result<{value}, Error>", "let row = ask({question}).await?;\n    if row.words.is_empty() {{\n        return Err(Error::Missing(row.id));\n    }}\n    Ok({make})"),
    ("{value}", "let row = ask({question}).await.unwrap_or_default();\n    {make}"),
    ("Result<Vec<{value}>, Error>", "let row = ask({question}).await?;\n    Ok(vec![{make}])"),
]
RETURNS_COMMON = [
    ("String", "let row = ask({question}).await.unwrap_or_default();\n    row.name"),
    ("Vec<u32>", "let row = ask({question}).await.unwrap_or_default();\n    row.words.iter().map(|word| word.len() as u32).collect()"),
    ("u64", "let row = ask({question}).await.unwrap_or_default();\n    row.id + row.words.len() as u64"),
    ("Result<String, Error>", "let row = ask({question}).await?;\n    Ok(row.words.join(\"-\"))"),
    ("Option<String>", "let row = ask({question}).await.ok()?;\n    row.words.into_iter().next()"),
    ("Result<Vec<String>, Error>", "let row = ask({question}).await?;\n    Ok(row.words)"),
    ("Result<Option<u64>, Error>", "let row = ask({question}).await?;\n    Ok((row.id > 1).then_some(row.id))"),
]


def turn(choices, number):
    return choices[number % len(choices)]


def value_type(number):
    """A struct, and the expression that makes one of `row`."""
    fields = turn(VALUE_TYPES, number // 2)
    declared = "".join(f"    pub {field},\n" for field in fields)
    struct = f"#[derive(Clone, Debug, Deserialize, Serialize)]\npub struct Value{number} {{\n{declared}}}\n"
    # Texts are moved last.
    order = sorted(fields, key=lambda field: fields[field] in ("row.name", "row.words"))
    lets = "".join(f"{field.split(':')[0]}: {fields[field]}, " for field in order)
    return struct, f"Value{number} {{ {lets}}}"


def function(number, attribute, request):
    """The source of one function with its value type, and the call of it."""
    parameters, question, arguments = turn(PARAMETERS, number // 3)
    if number % 2 == 0:
        struct, make = value_type(number)
        returns, body = turn(RETURNS_OWN, number // 2)
    else:
        struct, make = "", ""
        returns, body = turn(RETURNS_COMMON, number // 2)
    returns = returns.format(value=f"Value{number}")
    body = body.format(question=question, make=make)
    source = (
        f"{struct}\n{attribute}\n"
        f"pub async fn function_{number}({parameters.format(request=request)}) -> {returns} {{\n"
        f"    {body}\n}}\n"
    )
    return source, f"function_{number}({arguments.format(number=number, request=request)})"


def module(numbers, attribute_of):
    request = f"Request{numbers[0]}"
    functions = [function(number, attribute_of(number), request) for number in numbers]
    calls = "".join(f"    let _ = {call}.await;\n" for _, call in functions)
    return (
        "use std::collections::HashMap;\n\nuse serde::{Deserialize, Serialize};\n\n"
        "use crate::shared::{Error, State, ask};\n\n"
        "#[derive(Clone, Debug, Serialize)]\n"
        f"pub struct {request} {{\n    pub filter: String,\n    pub page: u64,\n    pub fields: Vec<String>,\n}}\n\n"
        f"impl {request} {{\n    pub fn sample() -> Self {{\n"
        "        Self { filter: \"new\".to_owned(), page: 2, fields: Vec::new() }\n    }\n}\n\n"
        + "\n".join(source for source, _ in functions)
        + f"\npub async fn call_each() {{\n{calls}}}\n"
    )


def write_crate(directory, variant, functions):
    sources = directory / variant / "src"
    sources.mkdir(parents=True)
    manifest = MANIFEST.format(variant=variant, repository=REPOSITORY)
    (directory / variant / "Cargo.toml").write_text(manifest)
    (sources / "shared.rs").write_text(SHARED)
    names = []
    for first in range(0, functions, FUNCTIONS_IN_A_MODULE):
        numbers = range(first, min(first + FUNCTIONS_IN_A_MODULE, functions))
        names.append(f"part_{first}")
        (sources / f"part_{first}.rs").write_text(module(numbers, VARIANTS[variant]))
    mods = "".join(f"mod {name};\n" for name in ["shared", *names])
    calls = "".join(f"        {name}::call_each().await;\n" for name in names)
    (sources / "main.rs").write_text(
        f"#![allow(dead_code, unused_imports)]\n\n{mods}\nfn main() {{\n"
        "    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();\n"
        "    runtime.block_on(async {\n"
        "        shared::one_instrumented(1).await;\n        shared::one_cached(1).await;\n"
        f"{calls}    }});\n}}\n"
    )


def write_workspace(directory, variants, functions):
    for variant in VARIANTS:
        shutil.rmtree(directory / variant, ignore_errors=True)
    for variant in variants:
        write_crate(directory, variant, functions)
    members = ", ".join(f'"{variant}"' for variant in variants)
    (directory / "Cargo.toml").write_text(f'[workspace]\nmembers = [{members}]\nresolver = "3"\n')
    shutil.copy(REPOSITORY / "Cargo.lock", directory)


class Cost:
    """What one run of cargo took, with everything that it started."""

    def __init__(self, directory, *arguments):
        environment = {**os.environ, "CARGO_INCREMENTAL": "0", "CARGO_TARGET_DIR": str(directory / "target")}
        start = time.monotonic()
        process = subprocess.Popen(["cargo", "--quiet", *arguments], cwd=directory, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        self.seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"cargo {' '.join(arguments)} failed")
        self.processor = usage.ru_utime + usage.ru_stime
        # Of the largest process: a compiler or a linker.
        self.megabytes = usage.ru_maxrss / 1024


def cold(directory, command, variant):
    Cost(directory, "clean", "--package", variant)
    return Cost(directory, command, "--package", variant)


def measure(directory, variants, rounds):
    """Costs of each command and variant, by round."""
    costs = {(command, variant): [] for command in ("build", "check") for variant in variants}
    for command in ("build", "check"):
        # With everything that the crates depend on.
        Cost(directory, command)
        for _ in range(rounds):
            for variant in variants:
                costs[command, variant].append(cold(directory, command, variant))
        if command == "build":
            sizes = {variant: binary_sizes(directory, variant) for variant in variants}
    return costs, sizes


def binary_sizes(directory, variant):
    """Bytes of the binary as it is built, and without symbols and what a debugger reads."""
    binary = directory / "target" / "debug" / variant
    stripped = directory / "stripped"
    subprocess.run(["strip", "-o", stripped, binary], check=True)
    sizes = binary.stat().st_size, stripped.stat().st_size
    stripped.unlink()
    return sizes


def report(costs, sizes, variants, functions):
    def middle(command, variant, figure):
        return median(getattr(cost, figure) for cost in costs[command, variant])

    def ratio(command, variant, figure, to):
        """The median of the ratios within each round."""
        pairs = zip(costs[command, variant], costs[command, to])
        return median(getattr(ours, figure) / getattr(theirs, figure) for ours, theirs in pairs)

    print(f"{functions} functions, {len(costs['build', variants[0]])} rounds\n")
    print("| | build, s | of processors, s | check, s | memory, MB | binary, B a function | stripped |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for variant in variants:
        more = ["", ""]
        if variant != "plain" and "plain" in variants:
            more = [f"{(size - plain) / functions:.0f}" for size, plain in zip(sizes[variant], sizes["plain"])]
        print(
            f"| {variant} | {middle('build', variant, 'seconds'):.1f}"
            f" | {middle('build', variant, 'processor'):.1f}"
            f" | {middle('check', variant, 'seconds'):.1f}"
            f" | {middle('build', variant, 'megabytes'):.0f} | {more[0]} | {more[1]} |"
        )
    if "cached" in variants and "instrumented" in variants:
        for figure, command in (("seconds", "build"), ("processor", "build"), ("seconds", "check")):
            print(f"{command}, {figure}: cached / instrumented = {ratio(command, 'cached', figure, 'instrumented'):.2f}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--functions", type=int, default=500)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--directory", type=Path, default=REPOSITORY / "target" / "compile")
    arguments.add_argument("variants", nargs="*", metavar="VARIANT", default=list(VARIANTS))
    arguments = arguments.parse_args()
    directory = arguments.directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    write_workspace(directory, arguments.variants, arguments.functions)
    costs, sizes = measure(directory, arguments.variants, arguments.rounds)
    report(costs, sizes, arguments.variants, arguments.functions)


if __name__ == "__main__":
    main()
