"""What a command costs from a cold process: CPU of `memcore search` over `python -c "import sqlite3"`, and where it goes.

CPU time of the child process, the least of several runs: other programs on the machine can only add to it.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench_prefetch import facts, filled
from harness import Report, questions

RUNS = 12
PROGRAM = "from memcore.cli import main; main()"
STEPS = {
    "import click": "import click",
    "import memcore": "import memcore",
    "import memcore, the sqlite backend and prefetch": "import memcore_backends.sqlite, memcore_plugins.prefetch",
}


def main(report: Report) -> None:
    """Measure the floor, the imports, and commands on a memory of 100,000 records."""
    size = 10_000 if report.quick else 100_000
    home = report.folder / "home"
    filled(home, facts(size)).close()
    words = questions(1, low=200, high=3000)[0].split()
    floor = cpu(home, ["-c", "import sqlite3"])
    report.row("python -c 'import sqlite3'", f"{floor:.0f} ms CPU")
    for name, code in STEPS.items():
        add(report, f"python -c '{name}'", cpu(home, ["-c", code]), floor)
    cpu(home, ["-c", PROGRAM, "search", *words], runs=2)  # the index of plugins and the compiled files
    aim = "< 80 ms over the floor"
    add(report, f"memcore search, {size:,} records", cpu(home, ["-c", PROGRAM, "search", *words]), floor, target=aim)
    add(
        report,
        f"memcore search --explain, {size:,} records",
        cpu(home, ["-c", PROGRAM, "search", "--explain", *words]),
        floor,
    )
    add(report, "memcore --help", cpu(home, ["-c", PROGRAM, "--help"]), floor)
    add(report, "memcore plugins list", cpu(home, ["-c", PROGRAM, "plugins", "list"]), floor)


def cpu(home: Path, arguments: Sequence[str], *, runs: int = RUNS) -> float:
    """Return the least CPU milliseconds, user and system, that Python needs for these arguments."""
    environment = {**os.environ, "MEMCORE_HOME": str(home)}
    return min(_once([sys.executable, *arguments], environment) for _ in range(runs))


def _once(command: Sequence[str], environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def add(report: Report, figure: str, spent: float, floor: float, *, target: str = "") -> None:
    """Add a line with the CPU beyond the floor."""
    report.row(
        figure,
        f"{spent:.0f} ms CPU, {spent - floor:.0f} over",
        floor=f"{floor:.0f} ms",
        ratio=spent / floor,
        target=target,
    )
