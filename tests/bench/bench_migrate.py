"""Migration of a large workspace: the first run, the run over unchanged files, and a run after a few changes."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from harness import Clocked, Report, clocked

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from hostile_workspace import build_large_workspace
from memcore_toolkit.text import index_text

FILES = 3_000
PROGRAM = "from memcore.cli import main; main()"


def main(report: Report) -> None:
    """Measure a first, an unchanged, a changed and a full run, each in a process of its own."""
    files = FILES // 10 if report.quick else FILES
    root = report.folder / "agent"
    size = build_large_workspace(root, files)
    what = f"{files:,} files, {size / 1e6:.0f} MB"
    floor = clocked(bare, root, report.folder / "bare.db")
    home = report.folder / "home"
    row(report, f"migrate {what}", home, root, floor, target="< 15 s and < 200 MB")
    row(report, f"migrate --incremental, nothing changed, {what}", home, root, floor, "--incremental", target="< 2 s")
    for file in sorted(root.rglob("*.md"))[:: max(1, files // 30)]:
        file.write_text(file.read_text() + "- W @Quay: one more line in this file.\n")
    row(report, f"migrate --incremental, 30 changed, {what}", home, root, floor, "--incremental")
    row(report, f"migrate again, every file hashed, {what}", home, root, floor)
    for plugins in ("sqlite,bank_migrate,ingest", "sqlite,bank_migrate,ingest,entities"):
        fresh = report.folder / plugins.replace(",", "-")
        row(report, f"migrate with {plugins}, {what}", fresh, root, floor, settings=("--set", f"plugins={plugins}"))


def row(
    report: Report,
    figure: str,
    home: Path,
    root: Path,
    floor: Clocked,
    *options: str,
    target: str = "",
    settings: tuple[str, ...] = (),
) -> None:
    """Run the program once and report its CPU and wall seconds and the most memory it held."""
    command = [sys.executable, "-c", PROGRAM, "--home", str(home), *settings, "migrate", str(root), *options]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {status}")
    spent = usage.ru_utime + usage.ru_stime
    told = f"{wall:.1f} s, CPU {spent:.1f} s, {usage.ru_maxrss / 1024:.0f} MB"
    report.row(figure, told, floor=f"CPU {floor.cpu:.1f} s", ratio=spent / floor.cpu, target=target)


def bare(root: Path, path: Path) -> int:
    """Do what no migration can do without: read the files, analyse the lines, insert them into an FTS5 table."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE VIRTUAL TABLE bare USING fts5(content, tokenize='porter unicode61 remove_diacritics 0')")
    lines = [line for file in root.rglob("*.md") for line in file.read_text().splitlines() if line.startswith("- ")]
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO bare(content) VALUES(?)", ((index_text(line),) for line in lines))
    connection.execute("COMMIT")
    connection.close()
    return len(lines)
