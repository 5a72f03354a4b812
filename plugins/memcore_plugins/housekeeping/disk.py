"""What housekeeping finds on the disk: leftovers of broken runs, the WAL, and free pages."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memcore import Workspace

__all__ = ["free_pages", "leftovers", "write_ahead_log"]

_LEFTOVER = re.compile(r"(?:\..+\.memcore-(\d+)\.tmp(?:-journal|-wal|-shm)?|plugins\.(\d+))")


def leftovers(home: Path, folder: Path) -> list[Path]:
    """Return the temporary files that processes which no longer run left in the home, its cache and this folder.

    The names are those of backups, exports and settings being written, and of the index of plugins.
    """
    found = []
    for place in dict.fromkeys((home, home / "cache", folder)):
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            match = _LEFTOVER.fullmatch(path.name)
            if match and path.is_file() and not _running(int(match[1] or match[2])):
                found.append(path)
    return found


def _running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def write_ahead_log(workspace: Workspace) -> int:
    """Return the size of the WAL in bytes."""
    path = workspace.path.with_name(workspace.path.name + "-wal")
    return path.stat().st_size if path.exists() else 0


def free_pages(workspace: Workspace) -> tuple[int, float]:
    """Return the bytes in free pages and their share of the file."""
    connection = workspace.connection()
    size, free, pages = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_size", "freelist_count", "page_count")
    )
    return size * free, free / pages if pages else 0.0
