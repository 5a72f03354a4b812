"""What keeps a host whole: every entry catches, has a deadline, and notes why it gave nothing, without the text."""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

__all__ = ["LOG_NAME", "LOG_SIZE", "Guard", "read_log"]

T = TypeVar("T")
LOG_NAME = "hosts.log"
LOG_SIZE = 200_000
"""Bytes of the log in the home after which its older half is dropped."""


class Guard:
    """Run the work of one host under deadlines; failures go to `hosts.log` in the home as JSON lines.

    A line holds the time, the entry, the type of the error and its first line if memcore itself wrote it: text of a
    conversation is never in it.
    """

    def __init__(self, home: Path, host: str) -> None:
        self.home, self.host = Path(home), host
        self._lane: _Lane | None = None
        self._lock = threading.Lock()

    def run(self, entry: str, work: Callable[[], T], default: T, *, seconds: float | None = None) -> T:
        """Return what the work returns, or the default if it fails or takes longer than its seconds.

        Work with a deadline runs on one thread of this guard, because a host calls from a new thread every time and
        each thread holds connections of its own. Late work goes on there: what it writes is kept, what it returns is
        dropped, and while it goes on further work is late at once.
        """
        if seconds is None:
            return self._caught(entry, work, default)
        with self._lock:
            if self._lane is None:
                self._lane = _Lane()
            lane = self._lane
        if threading.current_thread() is lane.thread:
            return self._caught(entry, work, default)
        results: list[T] = []
        if lane.do(lambda: results.append(self._caught(entry, work, default)), seconds):
            return results[0]
        self.note(entry, "Late", f"took longer than {seconds:g} s")
        return default

    def close(self) -> None:
        """Let the thread end after what it does now; a later call starts a new one."""
        with self._lock:
            lane, self._lane = self._lane, None
        if lane is not None:
            lane.jobs.put(None)

    def _caught(self, entry: str, work: Callable[[], T], default: T) -> T:
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - a host is never broken by its memory
            self.note(entry, type(error).__name__, getattr(error, "what", ""))
            return default

    def note(self, entry: str, kind: str, detail: str) -> None:
        """Append one line to the log; a home that cannot be written is no reason to fail."""
        line = {"at": datetime.now(UTC).isoformat(), "host": self.host, "entry": entry, "kind": kind, "detail": detail}
        path = self.home / LOG_NAME
        try:
            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
            if path.exists() and path.stat().st_size > LOG_SIZE:
                kept = path.read_bytes()[-LOG_SIZE // 2 :].partition(b"\n")[2]
                path.write_bytes(kept)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError:
            return


class _Lane:
    """One daemon thread that does jobs in order."""

    def __init__(self) -> None:
        self.jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._late: threading.Event | None = None
        self.thread = threading.Thread(target=self._work, name="memcore-host", daemon=True)
        self.thread.start()

    def do(self, job: Callable[[], None], seconds: float) -> bool:
        """Do a job and return whether it was done in time; refuse it while an earlier one is late."""
        if self._late is not None and not self._late.is_set():
            return False
        done = threading.Event()

        def whole() -> None:
            job()
            done.set()

        self.jobs.put(whole)
        if not done.wait(seconds):
            self._late = done
            return False
        return True

    def _work(self) -> None:
        while (job := self.jobs.get()) is not None:
            job()


def read_log(home: Path, *, last: int = 20) -> list[dict[str, str]]:
    """Return the last lines of the log, oldest first; a torn line is left out."""
    try:
        lines = (Path(home) / LOG_NAME).read_text(encoding="utf-8", errors="replace").splitlines()[-last:]
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return [line for line in found if isinstance(line, dict)]
