"""Run the benchmarks and print one table: `python tests/bench/run.py [NAME ...] [--quick | --large] [--json]`.

A benchmark is a file `bench_NAME.py` beside this one with a function `main(report)`; see `harness.Report`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import sqlite3
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from harness import Report, Row  # noqa: E402 - found beside this file only now

COLUMNS = ("figure", "measured", "floor", "ratio", "target")


def main(arguments: list[str]) -> None:
    """Run what the arguments name, or everything, and print the table."""
    known = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    parser = argparse.ArgumentParser(description="Print the figures of memcore's benchmarks.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which to run: {', '.join(known)}; none: all")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="small sizes: a look, not a measurement")
    size.add_argument("--large", action="store_true", help="also a million records")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.names) - set(known):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    rows = [row for name in chosen.names or known for row in measure(name, quick=chosen.quick, large=chosen.large)]
    show(rows, as_json=chosen.json)


def measure(name: str, *, quick: bool, large: bool) -> list[Row]:
    """Run one benchmark in a folder of its own; tell on standard error what it found so far."""
    with tempfile.TemporaryDirectory(prefix="memcore-bench-") as folder:
        told = lambda row: print(f"{name}: {row.figure}: {row.measured} {row.ratio}", file=sys.stderr, flush=True)
        report = Report(Path(folder), quick=quick, large=large, said=told)
        importlib.import_module(f"bench_{name}").main(report)
    return report.rows


def show(rows: list[Row], *, as_json: bool) -> None:
    """Print the table under a line that names the machine."""
    machine = f"{platform.python_implementation()} {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.machine()}"
    cells = [[getattr(row, column) for column in COLUMNS] for row in rows]
    if as_json:
        print(json.dumps({"machine": machine, "rows": [dict(zip(COLUMNS, row)) for row in cells]}, indent=2))
        return
    widths = [max(map(len, column)) for column in zip(COLUMNS, *cells)]
    print(machine)
    for row in (COLUMNS, ["-" * width for width in widths], *cells):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


if __name__ == "__main__":
    main(sys.argv[1:])
