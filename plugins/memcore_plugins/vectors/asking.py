"""The vector of a question, within the time a search has: a failing or hanging embedder costs one wait, then none."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from memcore_plugins.vectors import pause as pauses
from memcore_plugins.vectors.embedding import Chosen, embed

if TYPE_CHECKING:
    from memcore import Embedder, Engine

    from memcore_plugins.vectors.embedding import Choice
    from memcore_plugins.vectors.pause import Pause

__all__ = ["Asker"]

CURE = "look whether the embedder runs; memcore backfill-vectors tries it at once"
LONGEST_CLOSE = 10.0


class Asker:
    """Embed questions with the chosen embedder; what goes wrong shows in the status of the plugin, and passes again."""

    def __init__(self, chosen: Chosen) -> None:
        self._chosen = chosen
        self._lock = threading.Condition()
        self._asked: dict[int, float] = {}
        self._busy = 0  # searches that may be using SQLite just now
        self._closing = False
        self._failed = False
        self._unwritten: Pause | None = None  # of a memory that is open for reading only

    def ask(self, engine: Engine, text: str, *, pause: float) -> tuple[Embedder, Sequence[float]] | None:
        """Return the embedder and the question's vector, or None; `pause` is what a failure costs, in seconds."""
        choice = self._chosen.find(engine)
        if choice is None:
            return None
        before = self.paused(engine, choice)
        if before and pauses.holds(engine, before):
            self._degrade(engine, before.reason)
            return None
        patience = engine.core.search_timeout
        if self._hangs(patience):
            self.fail(engine, choice, f"the embedder has not answered for {patience:g} s", pause)
            return None
        try:
            embedder = self._chosen.get(engine, patience=patience)
            if embedder is None:
                return None
            vector, spent = self._timed(embedder, text)
        except _ClosingError:
            return None
        except Exception as error:  # noqa: BLE001 - whatever an embedder raises costs this strategy only
            if self._closing:
                return None
            self.fail(engine, choice, pauses.describe(error), pause)
            return None
        if spent > patience:
            self.fail(engine, choice, f"the embedder took {spent:.1f} s for a question, of {patience:g} s", pause)
        elif before or self._failed:
            self.recover(engine)
        return embedder, vector

    def paused(self, engine: Engine, choice: Choice) -> Pause | None:
        """Return the pause that was begun last, over or not; None if the embedder answered since."""
        return pauses.current(engine, choice.origin) or self._unwritten

    def fail(self, engine: Engine, choice: Choice, reason: str, seconds: float) -> None:
        """Leave the embedder alone for a while and say so in the status of the plugin."""
        self._degrade(engine, reason)
        pause = pauses.begin(engine, choice.origin, self.paused(engine, choice), reason, seconds)
        self._unwritten = pause if engine.workspace.read_only else None

    def recover(self, engine: Engine) -> None:
        """Take note that the embedder answers."""
        plugin = engine.catalog.plugins.get("vectors")
        if plugin and self._failed and plugin.hint == CURE:
            plugin.mark("active", "")
        self._failed, self._unwritten = False, None
        pauses.end(engine)

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Run one search; False once the engine closes: SQLite crashes if a connection is closed while it is used."""
        with self._lock:
            self._busy += 1
            open_ = not self._closing
        try:
            yield open_
        finally:
            with self._lock:
                self._busy -= 1
                self._lock.notify_all()

    def finish(self, seconds: float) -> None:
        """Let no search begin or go on, and wait for those under way; for an embedder only so many seconds."""
        with self._lock:
            self._closing = True
            self._lock.wait_for(lambda: not self._asked, seconds)
            self._lock.wait_for(lambda: not self._busy, LONGEST_CLOSE)

    def _timed(self, embedder: Embedder, text: str) -> tuple[Sequence[float], float]:
        started = time.monotonic()
        with self._lock:
            if self._closing:
                raise _ClosingError
            self._asked[threading.get_ident()] = started
            self._busy -= 1
            self._lock.notify_all()
        try:
            vector = embed(embedder, [text], query=True)[0]
        finally:
            with self._lock:
                del self._asked[threading.get_ident()]
                self._busy += 1
                self._lock.notify_all()
        if self._closing:
            raise _ClosingError
        return vector, time.monotonic() - started

    def _hangs(self, patience: float) -> bool:
        with self._lock:
            return any(time.monotonic() - started > patience for started in self._asked.values())

    def _degrade(self, engine: Engine, reason: str) -> None:
        self._failed = True
        if plugin := engine.catalog.plugins.get("vectors"):
            plugin.mark("degraded", reason, CURE)


class _ClosingError(Exception):
    """The engine closes: the answer is of no use any more."""
