"""A failing or slow embedder is left alone for a while, in every process: it must not cost each prompt a wait."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from attrs import asdict, frozen
from memcore.errors import MemcoreError

if TYPE_CHECKING:
    from memcore import Engine

__all__ = ["Pause", "begin", "current", "describe", "end", "holds"]

KEY = "vectors:pause"
LONGEST = 600.0
"""Seconds of the longest pause: a server that is started again is used again within ten minutes."""


@frozen(kw_only=True)
class Pause:
    """Until when (ISO-8601) the embedder of these settings is left alone, why, and after how many failures in a row."""

    until: str
    reason: str
    failures: int
    origin: str


def current(engine: Engine, origin: str) -> Pause | None:
    """Return the pause of an embedder with these settings, over or not; None if its last answer was good."""
    text = engine.workspace.get_meta(KEY)
    found = Pause(**json.loads(text)) if text else None
    return found if found and found.origin == origin else None


def holds(engine: Engine, pause: Pause) -> bool:
    """Return whether the pause is not over yet; one that ends absurdly late was made by a wrong clock."""
    left = (datetime.fromisoformat(pause.until) - engine.now()).total_seconds()
    return 0 < left <= LONGEST


def begin(engine: Engine, origin: str, before: Pause | None, reason: str, seconds: float) -> Pause:
    """Begin a pause, twice as long as the one before if that has done no good."""
    failures = before.failures + 1 if before else 1
    length = min(seconds * 2 ** min(failures - 1, 10), LONGEST)
    until = (engine.now() + timedelta(seconds=length)).isoformat()
    pause = Pause(until=until, reason=reason, failures=failures, origin=origin)
    if not engine.workspace.read_only:
        engine.workspace.set_meta(KEY, json.dumps(asdict(pause)))
    return pause


def end(engine: Engine) -> None:
    """Forget the pause: the embedder has answered."""
    if not engine.workspace.read_only and engine.workspace.get_meta(KEY):
        engine.workspace.set_meta(KEY, None)


def describe(error: Exception) -> str:
    """Return why an embedder failed; a foreign error only by its type, because its text may quote what was embedded."""
    if isinstance(error, MemcoreError):
        return ": ".join(filter(None, (error.what, error.why)))
    return f"the embedder failed: {type(error).__name__}"
