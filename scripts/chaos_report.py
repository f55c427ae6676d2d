#!/usr/bin/env python3
"""Writes the figures of the chaos suite into a page.

    chaos_report.py FIGURES PAGE

FIGURES is the directory with a file for each fault. In PAGE, everything between
`<!-- figures: NAME -->` and `<!-- end of figures -->` is written again.
"""

import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

from bench_report import locked_versions, processor, system, write_sections

# In the order of the page, with what the rooms of the suite are about.
ROOMS = {
    "network": "the network",
    "server": "the server",
    "stored": "what is stored",
    "deployments": "deployments",
    "door": "the door",
}
BUDGET_MS = 50
MOST_BEYOND_BUDGET_MS = 5
MOST_LEFT_ALONE_MS = 1
MOST_RECOVERY_MS = 1000


def ms(micros):
    if micros is None:
        return "–"
    millis = micros / 1000
    return f"{millis:.2f}" if millis < 10 else f"{millis:.0f}"


def reached(is_reached):
    return "yes" if is_reached else "**no**"


def fault_table(rows):
    head = (
        "fault | calls | wrong, errors, panics | overhead p50 | p99 | p99.9 | max | known to be away: p99 "
        "| recovery | invalidations | lost | stale here | stale elsewhere | memory"
    )
    lines = [f"| {head} |", "|---|" + "--:|" * (head.count("|"))]
    for room, shown in ROOMS.items():
        lines.append(f"| **{shown}** |" + " |" * head.count("|"))
        for row in sorted((row for row in rows if row["room"] == room), key=lambda row: row["fault"]):
            spread, away = row["overhead"], row["left_alone"]
            cells = [
                re.sub(r"\b0+(\d)", r"\1", row["fault"]),
                row["calls"],
                f"{row['wrong']}, {row['errors']}, {row['panics']}",
                *(ms(spread[name]) for name in ("p50", "p99", "p999", "max")),
                ms(away["p99"]) if away["count"] else "–",
                ms(row["recovery"]),
                row["invalidations"],
                row["lost"] if row["recovery"] is not None else "–",
                ms(row["stale"]) if row["stale"] else "0",
                ms(row["told"]),
                f"{row['memory_kib'] / 1024:.0f} MiB",
            ]
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


def between_table(rows):
    lines = ["| what | how often | p50 | p99 | max | within the ceiling |", "|---|--:|--:|--:|--:|---|"]
    for row in sorted(rows, key=lambda row: row["what"]):
        times, ceiling = row["times"], row["ceiling"]
        cells = [
            row["what"],
            times["count"],
            *(ms(times[name]) for name in ("p50", "p99", "max")),
            reached(times["max"] <= ceiling) if ceiling else "",
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


def target_table(rows):
    lines = ["| promise | worst | reached |", "|---|---|---|"]

    def target(promise, name, is_reached, measured):
        """`measured` is what a row has, or nothing where it does not say."""
        said = [(measured(row), row["fault"]) for row in rows if measured(row) is not None]
        missed = [fault for value, fault in said if not is_reached(value)]
        worst, fault = max(said)
        lines.append(
            f"| {promise} | {name(worst)} ({fault}) | {reached(not missed)}"
            + (f": not in {len(missed)} of {len(said)}" if missed else "")
            + " |"
        )

    count = lambda value: f"{value}"
    time = lambda value: f"{ms(value)} ms"
    most = lambda limit: lambda value: value <= limit * 1000
    target("no wrong answer", count, most(0), lambda row: row["wrong"])
    target("no error", count, most(0), lambda row: row["errors"])
    target("no panic", count, most(0), lambda row: row["panics"])
    target(
        "no invalidation lost",
        count,
        most(0),
        lambda row: row["lost"] if row["recovery"] is not None else None,
    )
    target(
        f"overhead of a call, p99.9 ≤ {BUDGET_MS + MOST_BEYOND_BUDGET_MS} ms",
        time,
        most(BUDGET_MS + MOST_BEYOND_BUDGET_MS),
        lambda row: row["overhead"]["p999"],
    )
    target(
        f"the same while the server is known to be away, p99 < {MOST_LEFT_ALONE_MS} ms",
        time,
        lambda value: value < MOST_LEFT_ALONE_MS * 1000,
        lambda row: row["left_alone"]["p99"] if row["left_alone"]["count"] else None,
    )
    target(
        f"recovery < {MOST_RECOVERY_MS // 1000} s",
        time,
        lambda value: value < MOST_RECOVERY_MS * 1000,
        lambda row: row["recovery"],
    )
    return lines


def machine_table():
    run = lambda *command: subprocess.run(command, capture_output=True, text=True, check=True).stdout
    versions = locked_versions()
    server = run(os.environ.get("LARDER_REDIS_SERVER", "redis-server"), "--version")
    rows = {
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "system": f"{system()}, kernel {platform.release().split('-')[0]}",
        "compiler": run("rustc", "--version").split(" (")[0],
        "crates": ", ".join(f"{name} {versions[name]}" for name in ("larder", "redis", "tokio")),
        "Redis": re.search(r"v=(\S+)", server).group(1) + ", on the same machine",
    }
    return ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]


def main():
    directory, page = map(Path, sys.argv[1:3])
    rows = [json.loads(path.read_text()) for path in directory.glob("*.json")]
    between = [row for row in rows if row["room"] == "between"]
    rows = [row for row in rows if row["room"] != "between"]
    if not rows:
        sys.exit(f"{directory} has no figures: run scripts/chaos")
    sections = {
        "machine": machine_table,
        "promises": lambda: target_table(rows),
        "faults": lambda: fault_table(rows),
        "between": lambda: between_table(between),
    }
    write_sections(page, sections)


if __name__ == "__main__":
    main()
