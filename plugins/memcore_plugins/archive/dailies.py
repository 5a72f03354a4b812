"""Which files are daily logs, and which of them are old enough to be archived."""

from __future__ import annotations

import re
import stat
from datetime import date
from pathlib import Path

from attrs import frozen
from memcore.errors import InvalidInputError

__all__ = ["ARCHIVED", "MEMORY", "Daily", "Skipped", "check_workspace", "day_of", "old_dailies"]

MEMORY = "memory"
ARCHIVED = "memory/archived"

_DAILY = re.compile(r"(\d{4})([-_])(\d\d)\2(\d\d)(?:[-_].*)?\.md", re.IGNORECASE)


@frozen(kw_only=True)
class Daily:
    """One daily log: its path from the workspace, where it would be archived, and its age in days."""

    path: str
    target: str
    age: int


@frozen(kw_only=True)
class Skipped:
    """A daily log that is old enough and stays where it is, and why."""

    path: str
    reason: str


def day_of(name: str) -> date | None:
    """Return the day a file name starts with (`2026-01-31.md`, `2026-01-31-slug.md`, `2026_01_31.md`), or None.

    A date at the end of a name (`oncall-2026-01-31.md`) belongs to a note about a subject, which is not a daily log.
    """
    found = _DAILY.fullmatch(name)
    try:
        return date(int(found[1]), int(found[3]), int(found[4])) if found else None
    except ValueError:
        return None


def check_workspace(workspace: Path) -> None:
    """Raise InvalidInputError unless this is a workspace whose memory folder can be moved within."""
    what, cure = f"{workspace} is not a workspace", "name the folder that holds memory/"
    if not workspace.is_dir():
        raise InvalidInputError(what, why="it is not a folder", cure=cure)
    if not (workspace / MEMORY).is_dir():
        inside = workspace.name == MEMORY
        raise InvalidInputError(
            what, why="it holds no folder memory/", cure=f"did you mean {workspace.parent}?" if inside else cure
        )
    for name in (MEMORY, ARCHIVED):
        if (workspace / name).is_symlink():
            raise InvalidInputError(what, why=f"{name} is a link, and links are not followed", cure="name its target")


def old_dailies(workspace: Path, today: date, older_than: int) -> tuple[tuple[Daily, ...], tuple[Skipped, ...]]:
    """Return the daily logs in memory/ of more than `older_than` days, oldest first, and those that must stay.

    Today's file is never among them, nor one from the future; folders below memory/ are not entered.
    """
    old, skipped = [], []
    for path in sorted((workspace / MEMORY).iterdir(), key=lambda each: each.name):
        day = day_of(path.name)
        if day is None or (age := (today - day).days) <= max(0, older_than):
            continue
        name, target = f"{MEMORY}/{path.name}", f"{ARCHIVED}/{path.name}"
        if not stat.S_ISREG(path.lstat().st_mode):
            skipped.append(Skipped(path=name, reason="not a regular file"))
        elif (workspace / target).exists() or (workspace / target).is_symlink():
            skipped.append(Skipped(path=name, reason=f"{target} exists"))
        else:
            old.append(Daily(path=name, target=target, age=age))
    return tuple(old), tuple(skipped)
