"""How long a warm prefetch takes, by the size of memory, by what is in it and by how frequent the question's words are.

Facts have no neighbours; turns of a conversation are ranked with the turns around them. The floor of each line is the bare FTS5
query on the same file: the same words, the ten best row numbers, nothing read.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness import Report, each, percentile, questions, texts
from memcore import Draft, Engine
from memcore_toolkit.text import fts_query, query_terms

START = datetime(2025, 1, 1, tzinfo=UTC)
BATCH = 5000
TURNS = 40  # turns of one session
MATCH = "SELECT rowid FROM curated_fts WHERE curated_fts MATCH ? ORDER BY rank LIMIT 10"


def main(report: Report) -> None:
    """Measure prefetch at each size on facts, on turns, with a session, and with a time in the question."""
    sizes = (1_000, 10_000) if report.quick else (1_000, 10_000, 100_000)
    if report.large:
        sizes = (*sizes, 1_000_000)
    count = 50 if report.quick else 200
    mid = questions(count, low=200, high=3000)
    asked = {"4 mid-frequency words": mid, "4 frequent words": questions(count, low=20, high=100)}
    for size in sizes:
        for name, batches in (("facts", facts(size)), ("turns", turns(size))):
            with filled(report.folder / f"{name}-{size}", batches) as engine:
                for words, texts_asked in asked.items():
                    measure(report, engine, f"{size:,} {name}, {words}", texts_asked, target=target(size, words))
                if name == "turns":
                    measure(report, engine, f"{size:,} turns, and a month", [f"{text} in March 2025" for text in mid])
                    measure(report, engine, f"{size:,} turns, ten prompts a session", mid, session=10)


def target(size: int, words: str) -> str:
    """Return what is aimed at: p95 under 10 ms at 100,000 records, under 100 ms at a million."""
    if "mid" not in words:
        return ""
    return {100_000: "p95 < 10 ms", 1_000_000: "p95 < 100 ms"}.get(size, "")


def facts(size: int) -> Iterator[list[Draft]]:
    """Yield batches of facts of 40 words with a source."""
    for number, text in enumerate(texts(size)):
        if number % BATCH == 0:
            batch: list[Draft] = []
        batch.append(Draft(content=text, kind="world", source=f"bank/page-{number // 50}.md#L{number % 50}"))
        if len(batch) == BATCH or number == size - 1:
            yield batch


def turns(size: int) -> Iterator[list[Draft]]:
    """Yield batches of turns of 40 words by two speakers, forty to a session, a session every two hours."""
    for number, text in enumerate(texts(size, seed=2)):
        if number % BATCH == 0:
            batch: list[Draft] = []
        metadata = {
            "session_id": f"s{number // TURNS}",
            "position": number % TURNS,
            "speaker": ("Ann", "Bo")[number % 2],
        }
        at = START + timedelta(hours=2 * (number // TURNS))
        batch.append(Draft(content=text, kind="episode", occurred_at=at, metadata=metadata))
        if len(batch) == BATCH or number == size - 1:
            yield batch


def filled(home: Path, batches: Iterator[list[Draft]]) -> Engine:
    """Return an engine with the plugins of recall on a new memory that holds these drafts."""
    engine = Engine.open(home=home, environ={}, settings={"plugins": "core,sqlite,prefetch,topics"})
    for batch in batches:
        engine.remember(batch)
    return engine


def measure(
    report: Report, engine: Engine, figure: str, asked: list[str], *, target: str = "", session: int = 0
) -> None:
    """Add a line with wall and CPU time of prefetch and, as its floor, of the bare index.

    With `session`, so many prompts belong to one session, which is not shown the same twice. On a busy machine the CPU
    time is what to look at.
    """
    connection = engine.workspace.connection()
    bare = [fts_query(query_terms(text)) for text in asked]
    floor = percentile(each(lambda match: connection.execute(MATCH, (match,)).fetchall(), bare), 0.5)
    each(engine.prefetch, asked[:10])
    wall, cpu = [], []
    for number, text in enumerate(asked):
        started, busy = time.perf_counter(), time.thread_time()
        engine.prefetch(text, session_id=f"s{number // session}" if session else None)
        wall.append(time.perf_counter() - started)
        cpu.append(time.thread_time() - busy)
    told = " ".join(f"{name} {percentile(spent, share) * 1000:.1f}" for name, spent, share in _columns(wall, cpu))
    report.row(
        f"prefetch, {figure}",
        f"{told} ms",
        floor=f"{floor * 1000:.1f} ms",
        ratio=percentile(wall, 0.5) / floor,
        target=target,
    )


def _columns(wall: list[float], cpu: list[float]) -> list[tuple[str, list[float], float]]:
    return [("p50", wall, 0.5), ("p95", wall, 0.95), ("CPU p50", cpu, 0.5), ("CPU p95", cpu, 0.95)]
