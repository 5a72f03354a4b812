"""The memory files of Hermes: entries joined by a line with nothing but the section sign. They are only read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

__all__ = ["TARGETS", "Watch", "split_entries"]

TARGETS = {"memory": "MEMORY.md", "user": "USER.md"}
Stamp = tuple[int, int]
"""Time of the last change in nanoseconds, and size in bytes."""
_DELIMITER = "\n§\n"


def split_entries(text: str) -> list[str]:
    """Return the entries of a memory file; a section sign inside a line is content."""
    return [entry for part in text.replace("\r\n", "\n").split(_DELIMITER) if (entry := part.strip())]


class Watch:
    """Tell which memory files changed since they were taken over last, by time and size."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, Stamp] = {}

    def changed(self) -> Iterator[tuple[str, list[str], Stamp]]:
        """Yield (target, entries, stamp) of each file that is new, changed or gone; one that cannot be read waits.

        A file that is gone has no entries (`hermes memory reset` deletes it); without the folder nothing is said.
        """
        for target, name in TARGETS.items():
            path = self._folder / name
            try:
                stat = path.stat()
                stamp = (stat.st_mtime_ns, stat.st_size)
                text = "" if self._seen.get(target) == stamp else path.read_text(encoding="utf-8", errors="replace")
            except FileNotFoundError:
                stamp, text = (0, 0), ""
                if not self._folder.is_dir():
                    continue
            except OSError:
                continue
            if self._seen.get(target) != stamp:
                yield target, split_entries(text), stamp

    def seen(self, target: str, stamp: Stamp) -> None:
        """Note that what this stamp stands for was taken over."""
        self._seen[target] = stamp
