#!/usr/bin/env python3
"""Counts the instructions of a hit in memory with valgrind, ours and by hand, and compares them.

Fails where ours takes more than its limit. Instructions are the same on a busy machine as on a quiet
one, so this finds a change for the worse that no clock would show."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

# Key of so many bytes: at most so many times the instructions of `quick_cache` by hand with
# lifetimes. The figures to reach are ratios of times and stand in docs/benchmarks.md; these are what
# it takes today, with a little room for other compilers.
LIMITS = {32: 1.55, 2048: 1.55}

# A hit among so many entries, and how many times the instructions of one among a thousand it may take.
ENTRIES, ENTRIES_LIMIT = 1_000_000, 2.0


def instructions(program, function, size, calls, entries):
    counted = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
         program, function, str(size), str(calls), str(entries)],
        check=True, capture_output=True, text=True).stderr
    return int(re.search(r"Collected : (\d+)", counted).group(1))


class Counts:
    """Counts side by side: the last of them take two minutes, to make their entries."""

    def __init__(self, program):
        self.program = program
        self.workers = ThreadPoolExecutor(os.cpu_count())

    def of_a_hit(self, function, size, entries=0):
        # Tables grow a little differently each time: the calls have to outweigh that.
        few, many = 1000, 6000 + entries
        few_calls, many_calls = (
            self.workers.submit(instructions, self.program, function, size, calls, entries)
            for calls in (few, many))
        return lambda: (many_calls.result() - few_calls.result()) / (many - few)


def main():
    subprocess.run(["cargo", "build", "--release", "--package", "instructions"], check=True)
    program = os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "release/instructions")
    counts = Counts(program)
    many = counts.of_a_hit("annotated", 32, ENTRIES)
    compared = [
        (f"key of {size:>4} B", counts.of_a_hit("annotated", size), "by hand",
         counts.of_a_hit("by-hand", size), limit)
        for size, limit in LIMITS.items()]
    compared.append((f"among {ENTRIES} entries", many, "among 1000",
                     counts.of_a_hit("annotated", 32, 1000), ENTRIES_LIMIT))
    failed = False
    for what, ours, other, others, limit in compared:
        ours, others = ours(), others()
        ratio = ours / others
        verdict = "" if ratio <= limit else "  TOO MANY"
        failed |= ratio > limit
        print(f"{what}: {ours:.0f} instructions, {other} {others:.0f}: "
              f"{ratio:.2f} x, limit {limit}{verdict}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
