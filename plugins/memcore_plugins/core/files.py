"""Writing a file that is whole or absent: a temporary file beside it, synced, then renamed; leftovers are swept."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memcore.errors import InvalidInputError, RefusedError, WorkspaceError

__all__ = ["check_target", "publish", "sweep", "temporary_beside"]

_LEFTOVER = re.compile(r"\..+\.memcore-(\d+)\.tmp(?:-journal|-wal|-shm)?")


def check_target(target: Path, *, force: bool, database: Path) -> None:
    """Raise unless a file may be written here: in a folder, new or with `force`, and not over the database."""
    if target.is_dir():
        raise InvalidInputError(f"{target} is a folder", cure="name a file in it")
    if not target.parent.is_dir():
        raise InvalidInputError(f"there is no folder {target.parent}", cure="create it, or name another file")
    beside = [database, *(database.with_name(database.name + end) for end in ("-wal", "-shm", "-journal"))]
    if any(target.resolve() == each.resolve() for each in beside):
        raise RefusedError(f"{target} is the database itself", why="it would be lost", cure="name another file")
    if target.exists() and not force:
        raise RefusedError(f"{target} exists; nothing was written", cure="name another file, or add --force")


@contextmanager
def temporary_beside(target: Path) -> Iterator[Path]:
    """Give the path of a new private file (mode 0600) beside the target, removed again unless it was published."""
    sweep(target.parent)
    path = target.with_name(f".{target.name}.memcore-{os.getpid()}.tmp")
    try:
        os.close(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
    except OSError as error:
        why, cure = error.strerror or str(error), "check the permissions of the folder, or name another file"
        raise WorkspaceError(f"cannot write to {target.parent}", why=why, cure=cure) from error
    try:
        yield path
    finally:
        for end in ("", "-journal", "-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)


def publish(path: Path, target: Path) -> None:
    """Make a finished temporary file durable and give it its name."""
    for each in (path, path.parent):
        handle = os.open(each, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    os.replace(path, target)


def sweep(folder: Path) -> list[Path]:
    """Remove the temporary files that processes which no longer run left in a folder; return them."""
    removed = []
    for path in folder.iterdir():
        found = _LEFTOVER.fullmatch(path.name)
        if found and not _running(int(found[1])):
            path.unlink(missing_ok=True)
            removed.append(path)
    return removed


def _running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
