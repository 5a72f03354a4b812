"""The memory-hall backend against a server in a process of its own: what a write, a flush and a dead server cost.

The server of the tests is faster than the real one, which spends 26 ms on every write. Its embedder takes as long here, so
that the share of the client is neither hidden nor blown up; the figure without it is given as well.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "support"))

import httpx
from harness import Report, percentile, texts
from memcore import Draft, Engine, Scope
from memory_hall_server import MemoryHallProcess

__all__ = ["main"]

TOKEN = "test-token"
NAMESPACE = "project:bench"


def main(report: Report) -> None:
    """Measure writes, a flush and a search with the server dead."""
    for delay in (0.026, 0.0):
        _write(report, delay, 60 if report.quick else 200 if delay else 600)
        _flush(report, delay, (100 if delay else 300) if report.quick else 1000)
    _dead(report, 200 if report.quick else 2000)


@contextmanager
def _served(report: Report, delay: float) -> Iterator[tuple[MemoryHallProcess, Engine]]:
    folder = report.folder / f"hall-{delay}-{time.monotonic_ns()}"
    folder.mkdir(parents=True)
    with MemoryHallProcess(folder / "hall.db", token=TOKEN, embed_delay=delay) as server:
        settings = {
            "backend": "memory-hall",
            "memory-hall.endpoint": server.url,
            "memory-hall.token": TOKEN,
            "plugins": "memory-hall,prefetch",
        }
        with Engine.open(home=folder / "home", environ={}, settings=settings) as engine:
            yield server, engine


def _body(text: str) -> dict[str, Any]:
    return {"agent_id": "bench", "namespace": NAMESPACE, "type": "fact", "content": text, "metadata": {}}


def _timed(call: Callable[[Any], object], items: list[Any]) -> list[float]:
    spent = []
    for item in items:
        started = time.perf_counter()
        call(item)
        spent.append(time.perf_counter() - started)
    return spent


def _write(report: Report, delay: float, count: int) -> None:
    """Put records one by one, in turn with bare posts of texts of the same length, and with the outbox's own commits."""
    words = list(texts(3 * count))
    with (
        _served(report, delay) as (server, engine),
        httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False) as client,
    ):
        backend: Any = engine.backend
        post, put, commit = [], [], []
        for start in range(0, count, 20):
            posted = [_body(text) for text in words[3 * start : 3 * start + 20]]
            drafts = [[Draft(content=text, namespace=NAMESPACE)] for text in words[3 * start + 20 : 3 * start + 40]]
            post += _timed(lambda body: client.post("/v1/memory/write", json=body).raise_for_status(), posted)
            put += _timed(backend.put, drafts)
            commit += _timed(lambda text: _commit(backend, text), words[3 * start + 40 : 3 * start + 60])
        bare, ours, twice = (percentile(samples, 0.5) for samples in (post, put, commit))
    label = f"memory-hall: write, embedder {delay * 1000:.0f} ms"
    floor = f"{bare * 1000:.2f} ms bare post + {twice * 1000:.2f} ms outbox commits"
    report.row(label, f"{ours * 1000:.2f} ms", floor=floor, ratio=(ours - twice) / bare, target="at most 1.15")


def _commit(backend: Any, text: str) -> None:
    """Do what the outbox does for one record: one transaction to take it in, one to let it go."""
    from memcore_backends.memory_hall.outbox import Done

    entered = backend.outbox.enter([_prepared(backend, text)], lambda seq: None)
    ops = backend.outbox.still([item.seq for item in entered])
    backend.outbox.confirm([Done(op=ops[0], entry_id="none", content_hash="none")])


def _flush(report: Report, delay: float, count: int) -> None:
    """Send queued writes, beside bare posts over one and over four connections: the better of the two is what it can take."""
    words = list(texts(3 * count, seed=3))
    with _served(report, delay) as (server, engine):
        backend: Any = engine.backend
        limits = httpx.Limits(max_connections=8)
        with httpx.Client(
            base_url=server.url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False, limits=limits
        ) as client:

            def post(text: str) -> None:
                client.post("/v1/memory/write", json=_body(text)).raise_for_status()

            post("warm-up")
            one = _rate(lambda: [post(text) for text in words[:count]], count)
            with ThreadPoolExecutor(4) as pool:
                four = _rate(lambda: list(pool.map(post, words[count : 2 * count])), count)
        backend.outbox.enter([_prepared(backend, text) for text in words[2 * count :]], lambda seq: None)
        ours = _rate(backend.courier.flush, count)
        assert backend.outbox.depth()[0] == 0
    label = f"memory-hall: flush of {count}, embedder {delay * 1000:.0f} ms"
    floor = f"{one:.0f}/s over one connection, {four:.0f}/s over four"
    report.row(label, f"{ours:.0f} writes/s", floor=floor, ratio=ours / max(one, four), target="at least 0.90")


def _prepared(backend: Any, text: str) -> Any:
    """Return what the outbox is given for a text."""
    from memcore_backends.memory_hall.wire import record_of

    return record_of(Draft(content=text, namespace=NAMESPACE), backend.clock())


def _rate(work: Callable[[], object], count: int) -> float:
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def _dead(report: Report, count: int) -> None:
    """Prefetch with the server killed, from the copies of this many records."""
    words = list(texts(count, seed=5))
    with _served(report, 0.0) as (server, engine):
        scope = Scope(namespaces=(NAMESPACE,))
        backend: Any = engine.backend
        backend.outbox.enter([_prepared(backend, text) for text in words], lambda seq: None)
        engine.prefetch("something else", scope=scope)
        server.kill()
        asked = [" ".join(text.split()[5:10]) for text in words[:: max(1, count // 40)]]
        spent = _timed(lambda text: engine.prefetch(text, scope=scope), asked)
        found = engine.prefetch(asked[0], scope=scope).hits
    assert found, "prefetch must answer from local state"
    report.latency(
        f"memory-hall: prefetch with the server dead, {count} records here", spent[1:], target="p95 below 50 ms"
    )
    report.row("memory-hall: the prefetch that notices it", f"{spent[0] * 1000:.0f} ms", target="below 50 ms")
