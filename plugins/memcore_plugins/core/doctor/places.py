"""The home and the files in it: permissions, space on the disk, the size of the WAL, what a crash left behind."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from memcore_plugins.core.doctor.look import Check, Look

__all__ = ["examine"]

MB = 1_000_000
LEAST_FREE = 100 * MB
"""Below this a few days of use, or one backup, may fill the disk."""
LARGE_WAL = 64 * MB
"""SQLite starts to empty the WAL at 4 MB; sixteen times that means that a reader never lets go."""


def examine(look: Look) -> Iterator[Check]:
    """Yield what is wrong with the home, the database's files, and the disk they are on."""
    home, database = look.config.home, look.database
    if not home.exists():
        yield Check(area="files", name="home", state="info", detail=f"{home} does not exist yet", cure="nothing to do")
    else:
        yield _private(home, "home", 0o700)
    for name, path in _files(database).items():
        if path.exists():
            yield _private(path, name, 0o600)
    yield _space(database)
    wal = _files(database)["wal"]
    size = wal.stat().st_size if wal.exists() else 0
    if size > LARGE_WAL:
        detail = f"{size // MB} MB of changes wait in {wal.name}: a process keeps an old snapshot open"
        cure = "memcore housekeeping; if it stays large, stop the process that reads for hours"
        yield Check(area="files", name="wal size", state="warning", detail=detail, cure=cure)
    left = list(database.parent.glob(".*.memcore-*.tmp")) if database.parent.exists() else []
    if left:
        detail = f"{len(left)} temporary files in {database.parent}"
        yield Check(area="files", name="leftovers", state="info", detail=detail, cure="memcore housekeeping")


def _files(database: Path) -> dict[str, Path]:
    return {"database": database, **{e: database.with_name(f"{database.name}-{e}") for e in ("wal", "shm")}}


def _private(path: Path, name: str, wanted: int) -> Check:
    mode = path.stat().st_mode & 0o777
    if mode & ~wanted:
        detail = f"{path} has mode {mode:04o}: other users can get at your memory"
        return Check(area="files", name=name, state="warning", detail=detail, cure=f"chmod {wanted:o} {path}")
    return Check(area="files", name=name, state="ok", detail=f"{path}, mode {mode:04o}")


def _space(database: Path) -> Check:
    place = next(folder for folder in (database.parent, *database.parent.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    size = database.stat().st_size if database.exists() else 0
    detail = f"{free // MB} MB free, the database takes {size / MB:.1f} MB"
    if free < LEAST_FREE or free < 2 * size:  # tidying up writes a second copy of the file
        cure = "free some space: a backup or a clean-up needs twice the size of the database"
        return Check(area="files", name="disk", state="warning", detail=detail, cure=cure)
    return Check(area="files", name="disk", state="ok", detail=detail)
