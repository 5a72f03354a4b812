"""Embedding on write: by one thread of its own, after the write is committed, so that no writer waits for a model."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

__all__ = ["Soon"]

LONGEST_CLOSE = 5.0
"""Seconds the batch that is just being embedded is waited for at the end; what is left waits for the next upkeep."""


class Soon:
    """Call `work` in the background whenever woken, never twice at once; what it is given says when to stop."""

    def __init__(self, work: Callable[[Callable[[], bool]], object]) -> None:
        self._work = work
        self._wanted, self._stopping, self._lock = threading.Event(), threading.Event(), threading.Lock()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Note that there is work; returns at once."""
        self._wanted.set()
        with self._lock:
            if self._thread is None and not self.stopping:
                self._thread = threading.Thread(target=self._run, name="memcore-vectors", daemon=True)
                self._thread.start()

    @property
    def stopping(self) -> bool:
        """Return whether the engine is about to close."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """End the thread after the batch it is at."""
        self._stopping.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join(LONGEST_CLOSE)

    def _run(self) -> None:
        while self._wanted.wait() and not self.stopping:
            self._wanted.clear()
            try:
                self._work(lambda: self.stopping)
            except Exception as error:  # noqa: BLE001 - what was not embedded waits; only the type is logged
                logging.getLogger("memcore").warning("embedding on write failed: %s", type(error).__name__)
