"""Run one life of the server between a start and a kill: the write queue, embedding, search and health (§4, §6, §7)."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from attrs import define, frozen

from memory_hall_sim.controls import Controls, EmbedderFailed, EmbedderTimeout
from memory_hall_sim.entries import Filters, Row, render
from memory_hall_sim.schema import ServerError
from memory_hall_sim.store import Stopped, Store
from memory_hall_sim.text import has_ideograph

__all__ = ["Hall", "Written"]

EMBED_ATTEMPTS: Final = 5
"""Failed attempts after which an entry is given up (§7.3)."""

RRF_K: Final = 60
"""The constant of reciprocal rank fusion (§4.2)."""


@frozen(kw_only=True)
class Written:
    """Hold the outcome of a write: the row, whether it is new, and the status code that says so (§3.2)."""

    row: Row
    created: bool

    @property
    def status(self) -> int:
        """Return 201 for new and embedded, 202 for new and pending, 200 for content that was there before."""
        if not self.created:
            return 200
        return 201 if self.row["sync_status"] == "embedded" else 202


@define
class _Candidate:
    """Collect what the two lists of a search say about one entry."""

    bm25: float = 0.0
    semantic: float = 0.0
    rrf: float = 0.0


class Hall:
    """Serve one data file until `kill` or `drain`.

    Writes, links and reindexing go through one queue, one at a time, embedding included (§0.10, §7.4).
    """

    def __init__(self, path: Path, controls: Controls) -> None:
        self.store = Store(path)
        self.stopped = threading.Event()
        self._controls = controls
        self._queue = ThreadPoolExecutor(max_workers=1, thread_name_prefix="memory-hall-writer")
        self._health: tuple[float, dict[str, Any]] | None = None
        self._health_lock = threading.Lock()
        self._last_success: str | None = None
        threading.Thread(target=self._retry_forever, name="memory-hall-retry", daemon=True).start()

    def kill(self) -> None:
        """Die at once: queued jobs are lost, the entry being embedded stays `pending` (§7.5)."""
        self.stopped.set()
        self._queue.shutdown(wait=False, cancel_futures=True)
        self.store.close()

    def drain(self) -> None:
        """Finish the queue, then stop, as on SIGTERM (§7.5)."""
        self._queue.shutdown()
        self.kill()

    def write(self, principal: str, fields: Mapping[str, Any]) -> Written:
        """Queue a write and wait for its end."""
        outcome: Written = self._queued(lambda: self._write(principal, fields))
        return outcome

    def link(self, source: str, target: str) -> Row:
        """Queue a link and wait for it; raise `KeyError` when either entry is unknown."""
        row: Row = self._queued(lambda: self.store.add_reference(self._tenant, source, target))
        return row

    def reindex(self) -> dict[str, int]:
        """Queue the embedding of everything that has no vector, given-up entries included, and wait for it (§6)."""
        counts: dict[str, int] = self._queued(lambda: self._embed_again(["pending", "failed"]))
        return counts

    def retry_pending(self) -> dict[str, int]:
        """Queue one background pass over the pending entries and wait for it (§7.3)."""
        counts: dict[str, int] = self._queued(lambda: self._embed_again(["pending"]))
        return counts

    def search(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a search: filters bind the lexical list only, vector hits come from everywhere (§0.1, §4)."""
        query, mode, limit = asked["query"], asked["mode"], asked["limit"]
        deep = limit * self._controls.settings.candidate_multiplier
        lexical: list[tuple[str, float]] = []
        semantic: list[tuple[str, float]] = []
        state = "not_attempted"
        if mode != "semantic":
            lexical = self.store.lexical(self._tenant, query, _filters(asked), deep)
        if mode != "lexical":
            state, semantic = self._semantic(query, deep)
        hits = self._fuse(query, lexical, semantic, state)[:limit]
        results = [hit | {"entry": render(self.store.get(self._tenant, hit["entry_id"]))} for hit in hits]
        return {"results": results, "total": len(results), "degraded": state in {"timeout", "embedder_error"}}

    def health(self) -> dict[str, Any]:
        """Return the health report, up to `health_ttl` seconds old (§7.4)."""
        with self._health_lock:
            if self._health is None or time.monotonic() - self._health[0] >= self._controls.settings.health_ttl:
                self._health = (time.monotonic(), self._probe())
            return self._health[1]

    def expire_health(self) -> None:
        """Forget the cached health report, as if its time had passed."""
        with self._health_lock:
            self._health = None

    @property
    def _tenant(self) -> str:
        return self._controls.settings.tenant

    def _queued(self, job: Callable[[], Any]) -> Any:
        try:
            future = self._queue.submit(job)
        except RuntimeError as error:
            raise Stopped from error
        try:
            return future.result()
        except CancelledError as error:
            raise Stopped from error

    def _retry_forever(self) -> None:
        while not self.stopped.wait(self._controls.settings.retry_every):
            with contextlib.suppress(ServerError, Stopped):
                self.retry_pending()

    def _write(self, principal: str, fields: Mapping[str, Any]) -> Written:
        row, created = self.store.insert(self._tenant, principal, fields, self._controls.now())
        return Written(row=self._embed(row) if created else row, created=created)

    def _embed(self, row: Row) -> Row:
        try:
            vector = self._controls.embedder.embed(row["content"], timeout=self._controls.settings.embed_timeout)
        except (EmbedderFailed, EmbedderTimeout) as error:
            return self.store.not_embedded(row, str(error), self._controls.now(), limit=EMBED_ATTEMPTS)
        return self.store.embedded(row, vector, self._controls.now())

    def _embed_again(self, statuses: Sequence[str]) -> dict[str, int]:
        done = [self._embed(row) for row in self.store.unembedded(self._tenant, statuses)]
        embedded = sum(row["sync_status"] == "embedded" for row in done)
        return {"scanned": self.store.count(self._tenant), "embedded": embedded, "pending": len(done) - embedded}

    def _semantic(self, query: str, limit: int) -> tuple[str, list[tuple[str, float]]]:
        try:
            vector = self._controls.embedder.embed(query, timeout=self._controls.settings.search_embed_timeout)
        except EmbedderTimeout:
            return "timeout", []
        except EmbedderFailed:
            return "embedder_error", []
        return "ok", self.store.nearest(self._tenant, vector, limit)

    def _fuse(
        self, query: str, lexical: Sequence[tuple[str, float]], semantic: Sequence[tuple[str, float]], state: str
    ) -> list[dict[str, Any]]:
        found: dict[str, _Candidate] = {}
        weight = 2.0 if len(query) < 5 and has_ideograph(query) else 1.0
        for rank, (entry_id, score) in enumerate(lexical, start=1):
            candidate = found.setdefault(entry_id, _Candidate())
            candidate.bm25 = score
            candidate.rrf += weight / (RRF_K + rank)
        for rank, (entry_id, score) in enumerate(semantic, start=1):
            candidate = found.setdefault(entry_id, _Candidate())
            candidate.semantic = score
            candidate.rrf += 1.0 / (RRF_K + rank)
        mode, alpha = self._fusion(lexical=bool(lexical), semantic=state == "ok")
        hits = [_hit(entry_id, candidate, mode, alpha, state) for entry_id, candidate in found.items()]
        return sorted(hits, key=lambda hit: -hit["score"])

    def _fusion(self, *, lexical: bool, semantic: bool) -> tuple[str, float]:
        settings = self._controls.settings
        if settings.hybrid_mode == "rrf":
            return "rrf", 0.0
        if not semantic:
            return settings.hybrid_mode, 1.0
        return settings.hybrid_mode, settings.hybrid_alpha if lexical else 0.0

    def _probe(self) -> dict[str, Any]:
        error: str | None = None
        try:
            self._controls.embedder.embed("health", timeout=self._controls.settings.health_embed_timeout)
        except (EmbedderFailed, EmbedderTimeout) as failure:
            error = f"embedder: {failure}"
        if error is None:
            self._last_success = self._controls.now().isoformat().replace("+00:00", "Z")
        return {
            "status": "degraded" if error else "ok",
            "storage": "ok",
            "vector_store": "ok",
            "embedder": "degraded" if error else "ok",
            "last_success_at": self._last_success,
            "last_error": error,
        }


def _filters(asked: Mapping[str, Any]) -> Filters:
    return Filters(
        namespace=asked["namespace"] or (),
        agent_id=asked["agent_id"] or "",
        type=asked["type"] or (),
        tags=asked["tags"] or (),
    )


def _hit(entry_id: str, candidate: _Candidate, mode: str, alpha: float, state: str) -> dict[str, Any]:
    linear = alpha * candidate.bm25 + (1.0 - alpha) * candidate.semantic
    score = candidate.rrf if mode == "rrf" else linear
    breakdown: dict[str, Any] = {"bm25": candidate.bm25, "semantic": candidate.semantic, "rrf": candidate.rrf}
    breakdown |= {"hybrid_mode": mode, "alpha": alpha, "semantic_status": state}
    return {"entry_id": entry_id, "score": score, "score_breakdown": breakdown}
