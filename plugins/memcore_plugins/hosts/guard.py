"""What keeps a host whole: every entry catches, has a deadline, and notes why it gave nothing, without the text."""

from __future__ import annotations

import json
import os
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

    def run(self, entry: str, work: Callable[[], T], default: T, *, seconds: float | None = None) -> T:
        """Return what the work returns, or the default if it fails or takes longer than its seconds.

        Work that is late goes on in its thread: what it writes is kept, what it returns is dropped.
        """
        if seconds is None:
            return self._caught(entry, work, default)
        results: list[T] = []
        thread = threading.Thread(
            target=lambda: results.append(self._caught(entry, work, default)), name=f"memcore-{entry}", daemon=True
        )
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            self.note(entry, "Late", f"took longer than {seconds:g} s")
            return default
        return results[0] if results else default

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
    return found
