"""Moving files by a manifest, forward and back. Every step may be broken off and repeated; nothing is overwritten."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from memcore.errors import RefusedError, WorkspaceError

from memcore_plugins.archive.dailies import ARCHIVED, MEMORY
from memcore_plugins.archive.manifest import Manifest, sync_folder

__all__ = ["blocked", "move_all"]

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def blocked(manifest: Manifest, *, back: bool = False) -> list[str]:
    """Return the paths that are taken by another file, so that this manifest cannot be carried out."""
    taken = []
    for start, end in _pairs(manifest, back):
        if os.path.lexists(start) and os.path.lexists(end) and not start.samefile(end):
            taken.append(end.relative_to(manifest.workspace).as_posix())
    return taken


def move_all(manifest: Manifest, *, back: bool = False) -> list[str]:
    """Move what has not moved yet; return the names of files that are at neither place any more.

    Raises RefusedError, before anything moves, if a path is taken.
    """
    if taken := blocked(manifest, back=back):
        raise RefusedError(
            f"nothing was moved: {', '.join(taken)} would be overwritten",
            why="another file has that name",
            cure="rename that file and run the command again",
        )
    gone = []
    for start, end in _pairs(manifest, back):
        if os.path.lexists(start):
            _move(start, end)
        elif not os.path.lexists(end):
            gone.append(start.name)
    sync_folder(manifest.workspace / ARCHIVED)
    sync_folder(manifest.workspace / MEMORY)
    return gone


def _pairs(manifest: Manifest, back: bool) -> list[tuple[Path, Path]]:
    base = manifest.workspace
    pairs = [(base / move.source, base / move.target) for move in manifest.moves]
    return [(end, start) for start, end in pairs] if back else pairs


def _move(start: Path, end: Path) -> None:
    """Give the file its new name, then take the old one: a kill in between leaves both names of one file."""
    try:
        try:
            os.link(start, end, follow_symlinks=False)
        except FileExistsError:
            if not start.samefile(end):
                raise
        except OSError as error:
            if error.errno not in _NO_LINKS or os.path.lexists(end):
                raise
            start.rename(end)
            return
        start.unlink()
    except OSError as error:
        cure = "correct it and run the same command again: it goes on where it stopped"
        raise WorkspaceError(f"cannot move {start} to {end}", why=error.strerror or str(error), cure=cure) from error
