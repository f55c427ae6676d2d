#!/usr/bin/env python3
"""Writes the figures of `cargo bench -p benches` into a page.

    bench_report.py FIGURES PAGE [NAME…]

FIGURES is the directory with criterion's results and the standard output of the runs. In PAGE,
everything between `<!-- figures: NAME -->` and `<!-- end of figures -->` is written again;
what stands around it is left alone. With names, only those are written.
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
STORE_KEY_NAMES = {
    "larder": "**larder**, SHA-256",
    "by-hand": "by hand, SHA-256",
    "larder-blake3": "**larder**, BLAKE3",
    "by-hand-blake3": "by hand, BLAKE3",
}
ENTRY_NAMES = {
    "larder": "**larder**, MessagePack",
    "larder-json": "**larder**, JSON",
    "larder-bincode": "**larder**, bincode",
    "larder-empty": "**larder**, the empty value `()`",
    "by-hand": "`rmp_serde` alone",
    "clone-only": "clone of the value",
}
COMPRESSION_NAMES = {
    "larder-whole": "**larder**, not compressed",
    "larder-1": "**larder**, preset `minimal`: level 1, over 5000 B",
    "larder-3": "**larder**, preset `development`: level 3, over 2000 B",
    "larder-6": "**larder**, preset `simple`: level 6, over 1000 B",
    "larder-9": "**larder**, preset `production`: level 9, over 500 B",
    **{f"by-hand-{level}": f"`flate2` by hand, level {level}" for level in (1, 3, 6, 9)},
}
SEEN_NAMES = {
    "larder": "as it comes: statistics, nobody listens, no subscriber",
    "larder-untimed": "`enable_monitoring = false`: no latencies",
    "larder-listened": "a listener of every event but hits",
    "larder-traced": "a subscriber that takes every span",
    "larder-tenant": "for a tenant: one more part of the key, counted by tenant",
    "larder-heard": "a listener of hits, on its own thread",
}
COLD_NAMES = {"cached-sharded": "`cached`, `#[concurrent_cached]`"}
ROOM_NAMES = {
    "larder": NAMES["larder"],
    "by-hand-plain": NAMES["by-hand-plain"],
    "by-hand-expiring": NAMES["by-hand-expiring"],
    "moka": "`moka`, lifetime",
    "cached-sharded-ttl": "`cached`, `ShardedLruTtlCache`",
    "cached-sharded": "`cached`, `ShardedLruCache`",
    "foyer": "`foyer`",
}
# With the package whose version is shown.
STAMPEDE_NAMES = {
    "larder": ("larder", "**larder** {}"),
    "quick-cache": ("quick_cache", "`quick_cache` {}"),
    "moka": ("moka", "`moka` {}"),
    "foyer": ("foyer-memory", "`foyer` {}"),
    "cached-by-key": ("cached", "`cached` {}, `\"by_key\"`"),
    "cached-sync-writes": ("cached", "`cached` {}, `true`"),
}
STAMPEDE = {
    "leader-dropped": (
        "leader dropped at each of 4 awaits, 10 waiters each",
        {"values": "values, of 40", "bodies": "bodies, for 4 keys"},
    ),
    "leader-gives-up": (
        "leader gives up at a time-out, 10 waiters",
        {"values": "values, of 10", "bodies": "bodies"},
    ),
    "leader-panics": (
        "leader panics, 10 waiters",
        {
            "own-panic": "leaders with their panic, of 1",
            "values": "values, of 10",
            "errors": "errors of the cache",
            "bodies": "bodies",
        },
    ),
    "all-panic": (
        "every body panics, 10 callers",
        {
            "panics": "panics, of 10",
            "errors": "errors of the cache",
            "bodies": "bodies",
            "most": "most at once",
            "turns": "turns",
        },
    ),
    "all-fail": (
        "every body fails, 10 callers",
        {"failures": "failures, of 10", "bodies": "bodies", "most": "most at once", "turns": "turns"},
    ),
    "all-fail-alike": (
        "the same with an error that is `Clone`",
        {"failures": "failures, of 10", "bodies": "bodies", "most": "most at once", "turns": "turns"},
    ),
    "distinct-keys": (
        "64 keys, bodies that wait for each other",
        {"most": "bodies at once, of 64", "values": "values, of 64"},
    ),
    "recursion": (
        "each body asks for the next of 300 keys",
        {"values": "values, of 1", "bodies": "bodies, of 300"},
    ),
    "waiters-held": (
        "2 waiters held, leader ends, 10 other waiters",
        {"values-meanwhile": "values meanwhile, of 10", "values": "in the end", "bodies": "bodies"},
    ),
    "heirs-held": (
        "2 waiters held, leader dropped, 10 other waiters",
        {"values-meanwhile": "values meanwhile, of 10", "values": "in the end", "bodies": "bodies"},
    ),
    "leader-held": (
        "leader held, 10 waiters",
        {"values-meanwhile": "values meanwhile, of 10", "values": "in the end", "bodies": "bodies"},
    ),
    "thousand-callers": ("1000 callers of one key", {"values": "values", "bodies": "bodies"}),
}

HIT_ROWS = ["hit-32B", "hit-2KB", "hit-zipf", "hit-2-threads"]
MACROS_WITH_LIFETIMES = ["cached-lru-ttl", "cached-sharded-ttl"]
MACROS = [*MACROS_WITH_LIFETIMES, "cached-sharded"]
IDEAL_COLD_MS = 50
KEY_SIZES = {"32B": "32 B", "2KB": "2 KB", "10KB": "10 KB", "100KB": "100 KB"}
ENTRIES = {"answer": "answer", "embedding": "embedding", "text": "text of 10 KB"}
# With the bytes of the texts, and at most so many microseconds for a seal or an opening.
COMPRESSED_SIZES = {"2KB": ("2 KB", 2048), "20KB": ("20 KB", 20480)}
ENCRYPTED_SIZES = {"1KB": ("1 KB", 3), "16KB": ("16 KB", 20)}
REDIS_SIZES = {"200B": "200 B", "10KB": "10 KB"}
REDIS_AT_ONCE = [1, 64, 256]
PACKAGES = ["larder", "quick_cache", "moka", "cached", "foyer-memory", "redis", "tokio", "criterion"]


class Figures:
    """Every figure of a run, by row, contender, unit and round."""

    def __init__(self, directory):
        self.rows = {}
        for estimates in directory.glob("*/*/*/new/estimates.json"):
            row, contender, turn = estimates.parts[-5:-2]
            point = json.loads(estimates.read_text())["median"]["point_estimate"]
            self._add(row, contender, "ns", int(turn), point)
        # Any may have been left out.
        paths = [directory / name for name in ("output", "stampede", "room")]
        outputs = [path for path in paths if path.exists()]
        for line in "\n".join(path.read_text() for path in outputs).splitlines():
            if re.fullmatch(r"[\w-]+\|[\w-]+\|\d+\|[\w-]+\|[\d.]+", line):
                row, contender, turn, unit, value = line.split("|")
                self._add(row, contender, unit, int(turn), float(value))

    def _add(self, row, contender, unit, turn, value):
        rounds = self.rows.setdefault(row, {}).setdefault(contender, {})
        rounds.setdefault(unit, {})[turn] = value

    def contenders(self, row, names=NAMES):
        """The contenders of a row, ours first, then in the order of the names above."""
        return [name for name in names if name in self.rows[row]]

    def rounds(self, row, contender, unit):
        return self.rows[row][contender][unit]

    def median(self, row, contender, unit):
        return median(self.rounds(row, contender, unit).values())

    def ratio(self, row, peer, unit, ours="larder"):
        """Ours to the peer's: the median of the ratios within each round."""
        ours, theirs = self.rounds(row, ours, unit), self.rounds(row, peer, unit)
        return median(ours[turn] / theirs[turn] for turn in theirs)

    def micros(self, row, contender):
        return self.median(row, contender, "ns") / 1e3

    def micros_more(self, row, contender, than):
        """What the one takes longer: the median of the differences within each round."""
        more, less = self.rounds(row, contender, "ns"), self.rounds(row, than, "ns")
        return median(more[turn] - less[turn] for turn in less) / 1e3


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


def seen_table(figures):
    lines = ["| | ns a call | fastest and slowest round | takes |", "|---|--:|--:|--:|"]
    for contender in figures.contenders("seen", SEEN_NAMES):
        rounds = figures.rounds("seen", contender, "ns").values()
        ratio = figures.ratio("seen", "larder", "ns", contender)
        lines.append(
            f"| {SEEN_NAMES[contender]} | {median(rounds):.0f} "
            f"| {min(rounds):.0f} – {max(rounds):.0f} | "
            + ("|" if contender == "larder" else f"{ratio:.2f} × |")
        )
    return lines


def memory_key_table(figures):
    lines = ["| text | larder, ns | by hand, ns | larder takes |", "|---|--:|--:|--:|"]
    for size, shown in KEY_SIZES.items():
        row = f"key-memory-{size}"
        ours, by_hand = (figures.median(row, name, "ns") for name in ("larder", "by-hand-plain"))
        ratio = figures.ratio(row, "by-hand-plain", "ns")
        lines.append(f"| {shown} | {ours:.0f} | {by_hand:.0f} | {ratio:.2f} × |")
    return lines


def store_key_table(figures):
    lines = ["| text | | µs | larder takes |", "|---|---|--:|--:|"]
    for size, shown in KEY_SIZES.items():
        row = f"key-store-{size}"
        for contender in figures.contenders(row, STORE_KEY_NAMES):
            ours = contender.replace("by-hand", "larder")
            ratio = f"{figures.ratio(row, contender, 'ns', ours):.2f} ×"
            lines.append(
                f"| {shown} | {STORE_KEY_NAMES[contender]} | {figures.micros(row, contender):.2f} | "
                + ("|" if contender == ours else f"{ratio} |")
            )
    return lines


def entry_table(figures):
    lines = [
        "| value | | set, µs | larder takes | get, µs | larder takes | bytes |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for entry, shown in ENTRIES.items():
        row = f"entry-{entry}"
        for contender in figures.contenders(f"{row}-set", ENTRY_NAMES):
            cells = [shown, ENTRY_NAMES[contender]]
            for way in ("set", "get"):
                ratio = figures.ratio(f"{row}-{way}", contender, "ns")
                cells.append(f"{figures.micros(f'{row}-{way}', contender):.2f}")
                cells.append("" if contender == "larder" else f"{ratio:.2f} ×")
            stored = figures.rows[row].get(contender)
            cells.append(f"{stored['bytes'][0]:.0f}" if stored else "")
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def compression_table(figures):
    lines = ["| text | | set, µs | get, µs | bytes | of the text |", "|---|---|--:|--:|--:|--:|"]
    for size, (shown, length) in COMPRESSED_SIZES.items():
        row = f"compression-{size}"
        for contender in figures.contenders(row, COMPRESSION_NAMES):
            stored = figures.median(row, contender, "bytes")
            lines.append(
                f"| {shown} | {COMPRESSION_NAMES[contender]} "
                f"| {figures.micros(f'{row}-set', contender):.1f} "
                f"| {figures.micros(f'{row}-get', contender):.1f} "
                f"| {stored:.0f} | {stored / length:.0%} |"
            )
    return lines


def encryption_table(figures):
    lines = ["| text | | plain, µs | encrypted, µs | encryption, µs |", "|---|---|--:|--:|--:|"]
    for size, (shown, _) in ENCRYPTED_SIZES.items():
        for way in ("set", "get"):
            row = f"encryption-{size}-{way}"
            lines.append(
                f"| {shown} | {way} | {figures.micros(row, 'larder'):.2f} "
                f"| {figures.micros(row, 'larder-encrypted'):.2f} "
                f"| {figures.micros_more(row, 'larder-encrypted', 'larder'):.2f} |"
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


def stampede_table(figures):
    versions = locked_versions()
    heads = [name.format(versions[package]) for package, name in STAMPEDE_NAMES.values()]
    lines = [f"| what happens | seen | {' | '.join(heads)} |", "|---|---" + "|--:" * len(heads) + "|"]
    for scenario, (happens, numbers) in STAMPEDE.items():
        row = f"stampede-{scenario}"
        for unit, seen in numbers.items():
            cells = [happens, seen]
            for contender in STAMPEDE_NAMES:
                rounds = figures.rows[row].get(contender, {}).get(unit, {}).values()
                few, many = (f"{end(rounds, default=0):.0f}" for end in (min, max))
                cells.append("" if not rounds else few if few == many else f"{few} – {many}")
            lines.append(f"| {' | '.join(cells)} |")
            # Told once.
            happens = ""
    return lines


def room_table(figures):
    lines = [
        "| | bytes an entry | hits of requests | hits of requests among scans |",
        "|---|--:|--:|--:|",
    ]
    for contender in figures.contenders("room", ROOM_NAMES):
        seen = lambda counted: figures.median("room", contender, counted)
        lines.append(
            f"| {ROOM_NAMES[contender]} | {seen('bytes'):.0f} "
            f"| {seen('zipf'):.2%} | {seen('scans'):.2%} |"
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
    taken = figures.median("room", "larder", "bytes")
    target("a million entries, 32 B and 100 B", "≤ 300 B each", f"{taken:.0f} B", taken <= 300)
    for size, (shown, most) in ENCRYPTED_SIZES.items():
        for way, work in {"set": "seal", "get": "open"}.items():
            more = figures.micros_more(f"encryption-{size}-{way}", "larder-encrypted", "larder")
            target(f"encryption: {work}, {shown}", f"≤ {most} µs", f"{more:.2f} µs", more <= most)
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
    versions = locked_versions()
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


def locked_versions():
    return dict(re.findall(r'name = "([^"]+)"\nversion = "([^"]+)"', Path("Cargo.lock").read_text()))


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


def write_sections(page, sections, names=()):
    """Writes the lines of these sections, or of all, where the page has a place for them."""
    text = page.read_text()
    for name in names or sections:
        begin, end = f"<!-- figures: {name} -->\n", "<!-- end of figures -->"
        before, found, rest = text.partition(begin)
        if not found or end not in rest:
            sys.exit(f"{page} has no place for the figures: {name}")
        after = rest[rest.index(end) :]
        text = before + begin + "\n".join(sections[name]()) + "\n" + after
    page.write_text(text)


def main():
    directory, page = map(Path, sys.argv[1:3])
    figures = Figures(directory)
    sections = {
        "machine": machine_table,
        "targets": lambda: target_table(figures),
        **{row: lambda row=row: hit_table(figures, row) for row in HIT_ROWS},
        "seen": lambda: seen_table(figures),
        "key-memory": lambda: memory_key_table(figures),
        "key-store": lambda: store_key_table(figures),
        "entries": lambda: entry_table(figures),
        "compression": lambda: compression_table(figures),
        "encryption": lambda: encryption_table(figures),
        "cold": lambda: cold_table(figures),
        "stampede": lambda: stampede_table(figures),
        "room": lambda: room_table(figures),
        "redis": lambda: redis_table(figures),
    }
    write_sections(page, sections, sys.argv[3:])


if __name__ == "__main__":
    main()
