#!/usr/bin/env python3
"""Writes the figures of `cargo bench -p benches` into a page.

    bench_report.py FIGURES PAGE

FIGURES is the directory with criterion's results and the standard output of the run. In PAGE,
everything between `<!-- figures: NAME -->` and `<!-- end of figures -->` is written again;
what stands around it is left alone.
"""

import datetime
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from statistics import median

NAMES = {
    "larder": "**larder**, `#[cached]`",
    "empty": "empty async fn",
    "clone-only": "async fn that clones the value",
    "by-hand": "`quick_cache` by hand, `get_or_insert_async`",
    "by-hand-plain": "`quick_cache` by hand",
    "by-hand-expiring": "`quick_cache` by hand, `Arc<(value, expiry)>`",
    "moka": "`moka`, `get_with`",
    "moka-get-with": "`moka`, `get_with`",
    "moka-by-ref": "`moka`, `get_with_by_ref`",
    "cached": "`cached`, `AsyncRedisCache`",
    "cached-lru-ttl": "`cached`, `#[cached]`, LRU and lifetime",
    "cached-sharded-ttl": "`cached`, `#[concurrent_cached]`, LRU and lifetime",
    "cached-sharded": "`cached`, `#[concurrent_cached]`, LRU",
    "cached-default": "`cached`, `#[cached]`",
    "cached-by-key": "`cached`, `sync_writes = \"by_key\"`",
    "cached-sync-writes": "`cached`, `sync_writes = true`",
    "raw": "`redis` client, the same command",
}
COLD_NAMES = {"cached-sharded": "`cached`, `#[concurrent_cached]`"}

HIT_ROWS = ["hit-32B", "hit-2KB", "hit-zipf", "hit-2-threads"]
MACROS_WITH_LIFETIMES = ["cached-lru-ttl", "cached-sharded-ttl"]
MACROS = [*MACROS_WITH_LIFETIMES, "cached-sharded"]
IDEAL_COLD_MS = 50
REDIS_SIZES = {"200B": "200 B", "10KB": "10 KB"}
REDIS_AT_ONCE = [1, 64, 256]
PACKAGES = ["larder", "quick_cache", "moka", "cached", "redis", "tokio", "criterion"]


class Figures:
    """Every figure of a run, by row, contender, unit and round."""

    def __init__(self, directory):
        self.rows = {}
        for estimates in directory.glob("*/*/*/new/estimates.json"):
            row, contender, turn = estimates.parts[-5:-2]
            point = json.loads(estimates.read_text())["median"]["point_estimate"]
            self._add(row, contender, "ns", int(turn), point)
        for line in (directory / "output").read_text().splitlines():
            if re.fullmatch(r"[\w-]+\|[\w-]+\|\d+\|[\w-]+\|[\d.]+", line):
                row, contender, turn, unit, value = line.split("|")
                self._add(row, contender, unit, int(turn), float(value))

    def _add(self, row, contender, unit, turn, value):
        rounds = self.rows.setdefault(row, {}).setdefault(contender, {})
        rounds.setdefault(unit, {})[turn] = value

    def contenders(self, row):
        """The contenders of a row, ours first, then in the order of the names above."""
        return [name for name in NAMES if name in self.rows[row]]

    def rounds(self, row, contender, unit):
        return self.rows[row][contender][unit]

    def median(self, row, contender, unit):
        return median(self.rounds(row, contender, unit).values())

    def ratio(self, row, peer, unit):
        """Ours to the peer's: the median of the ratios within each round."""
        ours, theirs = self.rounds(row, "larder", unit), self.rounds(row, peer, unit)
        return median(ours[turn] / theirs[turn] for turn in theirs)


def hit_table(figures, row):
    lines = ["| | ns a call | fastest and slowest round | larder takes |", "|---|--:|--:|--:|"]
    for contender in figures.contenders(row):
        rounds = figures.rounds(row, contender, "ns").values()
        ratio = figures.ratio(row, contender, "ns")
        lines.append(
            f"| {NAMES[contender]} | {median(rounds):.0f} | {min(rounds):.0f} – {max(rounds):.0f} | "
            + ("|" if contender == "larder" else f"{ratio:.2f} × |")
        )
    return lines


def cold_table(figures):
    lines = [
        "| | 1 key: bodies | ms | 100 keys: bodies | most at once | ms |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for contender in figures.contenders("cold-1"):
        one = lambda unit: figures.median("cold-1", contender, unit)
        many = lambda unit: figures.median("cold-100", contender, unit)
        lines.append(
            f"| {COLD_NAMES.get(contender, NAMES[contender])} | {one('bodies'):.0f} | {one('ms'):.0f} "
            f"| {many('bodies'):.0f} | {many('at-once'):.0f} | {many('ms'):.0f} |"
        )
    return lines


def redis_table(figures):
    lines = [
        "| value | at once | | calls a second | p50, µs | larder does |",
        "|---|--:|---|--:|--:|--:|",
    ]
    for size, shown in REDIS_SIZES.items():
        for at_once in REDIS_AT_ONCE:
            row = f"redis-{size}-{at_once}"
            for contender in figures.contenders(row):
                ratio = figures.ratio(row, contender, "per-second")
                lines.append(
                    f"| {shown} | {at_once} | {NAMES[contender]} "
                    f"| {figures.median(row, contender, 'per-second'):.0f} "
                    f"| {figures.median(row, contender, 'p50-us'):.0f} | "
                    + ("|" if contender == "larder" else f"{ratio:.2f} of it |")
                )
    return lines


def target_table(figures):
    lines = ["| work | target | measured | reached |", "|---|---|--:|---|"]

    def target(work, wanted, measured, reached):
        lines.append(f"| {work} | {wanted} | {measured} | {'yes' if reached else '**no**'} |")

    def at_most(work, row, peers, limit, wanted):
        ratio = max(figures.ratio(row, peer, "ns") for peer in peers)
        target(work, wanted, f"{ratio:.2f} ×", ratio <= limit)

    hit = "hit, 32 B key"
    expiring = "≤ 1.5 × `quick_cache` by hand with `Arc<(value, expiry)>`"
    at_most(hit, "hit-32B", ["by-hand-expiring"], 1.5, expiring)
    at_most(hit, "hit-32B", ["by-hand-plain"], 2, "≤ 2 × `quick_cache` by hand")
    at_most(hit, "hit-32B", MACROS, 1, "not above the best macro peer")
    with_lifetimes = "not above the best macro peer with lifetimes"
    at_most(hit, "hit-32B", MACROS_WITH_LIFETIMES, 1, with_lifetimes)
    by_hand = "≤ 1.5 × `quick_cache` by hand"
    at_most("hit, 2 KB key", "hit-2KB", ["by-hand-plain"], 1.5, by_hand)
    at_most("hit, 2 threads", "hit-2-threads", ["by-hand-plain"], 1.5, by_hand)
    for keys in (1, 100):
        row = f"cold-{keys}"
        bodies = figures.median(row, "larder", "bodies")
        most = figures.median(row, "larder", "at-once")
        wall = figures.median(row, "larder", "ms")
        target(
            f"cold start, {keys} {'key' if keys == 1 else 'keys'}",
            f"{keys} {'body' if keys == 1 else 'bodies, all at once'}, ≤ {1.1 * IDEAL_COLD_MS:.0f} ms",
            f"{bodies:.0f}, {most:.0f} at once, {wall:.0f} ms",
            bodies == keys and most == keys and wall <= 1.1 * IDEAL_COLD_MS,
        )
    for size, shown in REDIS_SIZES.items():
        for at_once in REDIS_AT_ONCE[1:]:
            ratio = figures.ratio(f"redis-{size}-{at_once}", "raw", "per-second")
            target(
                f"Redis hit, {shown}, {at_once} at once",
                "≥ 0.9 of the raw client",
                f"{ratio:.2f}",
                ratio >= 0.9,
            )
    return lines


def machine_table():
    run = lambda *command: subprocess.run(command, capture_output=True, text=True, check=True).stdout
    versions = dict(re.findall(r'name = "([^"]+)"\nversion = "([^"]+)"', Path("Cargo.lock").read_text()))
    server = run(os.environ.get("LARDER_REDIS_SERVER", "redis-server"), "--version")
    rows = {
        "measured": datetime.date.today().isoformat(),
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "system": f"{system()}, kernel {platform.release().split('-')[0]}",
        "compiler": run("rustc", "--version").split(" (")[0],
        "profile": "cargo's `bench`, as it comes",
        "crates": ", ".join(f"{name} {versions[name]}" for name in PACKAGES),
        "Redis": re.search(r"v=(\S+)", server).group(1) + ", on the same machine",
    }
    return ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]


def processor():
    try:
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found.group(1) if found else platform.processor() or platform.machine()


def system():
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return f"{platform.system()} {platform.release()}"


def main():
    directory, page = map(Path, sys.argv[1:])
    figures = Figures(directory)
    sections = {
        "machine": machine_table(),
        "targets": target_table(figures),
        **{row: hit_table(figures, row) for row in HIT_ROWS},
        "cold": cold_table(figures),
        "redis": redis_table(figures),
    }
    text = page.read_text()
    for name, lines in sections.items():
        begin, end = f"<!-- figures: {name} -->\n", "<!-- end of figures -->"
        before, found, rest = text.partition(begin)
        if not found or end not in rest:
            sys.exit(f"{page} has no place for the figures: {name}")
        after = rest[rest.index(end) :]
        text = before + begin + "\n".join(lines) + "\n" + after
    page.write_text(text)


if __name__ == "__main__":
    main()
