"""The memory files of Hermes: entries joined by a line with nothing but the section sign. They are only read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

__all__ = ["TARGETS", "Watch", "split_entries"]

TARGETS = {"memory": "MEMORY.md", "user": "USER.md"}
_DELIMITER = "\n§\n"


def split_entries(text: str) -> list[str]:
    """Return the entries of a memory file; a section sign inside a line is content."""
    return [entry for part in text.replace("\r\n", "\n").split(_DELIMITER) if (entry := part.strip())]


class Watch:
    """Tell which memory files changed since they were read last, by time and size."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, tuple[int, int]] = {}

    def changed(self) -> Iterator[tuple[str, list[str]]]:
        """Yield (target, entries) of each file that is new or changed; one that cannot be read waits."""
        for target, name in TARGETS.items():
            path = self._folder / name
            try:
                stat = path.stat()
                stamp = (stat.st_mtime_ns, stat.st_size)
                if self._seen.get(target) == stamp:
                    continue
                text = path.read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            self._seen[target] = stamp
            yield target, split_entries(text)
