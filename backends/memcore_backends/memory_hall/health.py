"""What `memcore doctor` tells of a server: can it be used, who are we to it, how its embedder is doing, what waits here."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from memcore.contracts import Health
from memcore.errors import BackendError, MemcoreError

from memcore_backends.memory_hall.directory import LARGEST_PAGE
from memcore_backends.memory_hall.failures import LockedError

if TYPE_CHECKING:
    from memcore_backends.memory_hall.store import MemoryHall

__all__ = ["examine", "outbox_facts"]

SKEW = 60.0  # seconds by which the two clocks may differ before it is said


def examine(backend: MemoryHall) -> Health:
    """Ask the server for one entry, its own health report, and its newest thousand entries."""
    facts: dict[str, Any] = {"endpoint": backend.link.transport.endpoint}
    if backend.closed:
        return Health(ok=False, detail="the backend is closed", facts=facts)
    try:
        facts |= outbox_facts(backend)
        answer = backend.link.probe()
        facts |= {"reachable": True, "authorised": True}
        facts |= dict(_clock(answer.date, backend.clock()))
        facts |= dict(_embedder(backend))
    except (MemcoreError, sqlite3.Error) as error:
        facts |= {"reachable": isinstance(error, LockedError), "authorised": False} if "reachable" not in facts else {}
        return Health(ok=False, detail=" ".join(str(error).split()), facts=facts)
    return Health(ok=True, detail=_sentence(facts, backend), facts=facts)


def outbox_facts(backend: MemoryHall) -> dict[str, Any]:
    """Return how much waits in the outbox, how much was refused, and since when the oldest waits."""
    waiting, refused, oldest = backend.outbox.depth()
    facts: dict[str, Any] = {"waiting": waiting, "refused": refused}
    return facts | ({"waiting_since": oldest.isoformat()} if oldest else {})


def _clock(date: str, now: datetime) -> Iterator[tuple[str, float]]:
    try:
        yield "clock_skew_s", (parsedate_to_datetime(date) - now).total_seconds().__round__(0)
    except (TypeError, ValueError):
        return


def _embedder(backend: MemoryHall) -> Iterator[tuple[str, Any]]:
    link = backend.link
    try:
        answer = link.transport.send("GET", "/v1/health", timeout=backend.settings.read_timeout, also=503)
        yield "embedder", answer.data.get("embedder", "unknown")
    except BackendError as error:
        yield "embedder", f"unknown: {error.what}"
    entries = link.read("/v1/memory", limit=LARGEST_PAGE).part("entries")
    states = [entry.get("sync_status") for entry in entries]
    yield "not_embedded_yet", states.count("pending")
    yield "never_embedded", states.count("failed")


def _sentence(facts: dict[str, Any], backend: MemoryHall) -> str:
    parts = [f"{backend.link.transport.where} answers and accepts our credentials"]
    if facts.get("embedder") != "ok":
        parts.append("its embedder does not work, so it finds words only")
    if facts["never_embedded"]:
        parts.append(f"{facts['never_embedded']} of its newest entries were given up and need its admin reindex")
    if abs(facts.get("clock_skew_s", 0.0)) > SKEW:
        parts.append(f"its clock is {facts['clock_skew_s']:+.0f} s off ours")
    if facts["waiting"] or facts["refused"]:
        parts.append(f"{facts['waiting']} writes wait here, {facts['refused']} were refused")
    return "; ".join(parts)
