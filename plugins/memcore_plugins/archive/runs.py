"""One archiving from plan to manifest, the finishing of a broken one, and the way back; records follow their files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen
from memcore import Capability, Scope
from memcore.errors import InvalidInputError, RefusedError
from memcore_toolkit.paths import portable_path

from memcore_plugins.archive.dailies import ARCHIVED, Daily, Skipped, check_workspace, old_dailies
from memcore_plugins.archive.manifest import Manifest, Move, create, load, save, unfinished
from memcore_plugins.archive.mover import blocked, move_all

if TYPE_CHECKING:
    from memcore import Engine

__all__ = ["Result", "archive", "undo"]


@frozen(kw_only=True)
class Result:
    """What a run moved or would move, how many records follow, and what stands in the way.

    `behind` counts records that keep their old source because the backend cannot update; `finished` names manifests of
    earlier runs that were broken off and are completed first; `gone` names files that are at neither place.
    """

    files: tuple[Daily, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    finished: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    manifest: str = ""
    records: int = 0
    behind: int = 0


def archive(engine: Engine, workspace: Path, now: datetime, older_than: int, *, dry_run: bool = False) -> Result:
    """Finish runs that were broken off, then move daily logs older than `older_than` days; `dry_run` only plans.

    Age is counted in the local calendar of the machine, the one the files are named by.
    """
    if older_than < 0:
        raise InvalidInputError(f"--older-than must be 0 or more days, not {older_than}")
    workspace = workspace.resolve()
    check_workspace(workspace)
    pending = unfinished(workspace)
    finished = tuple(_name(manifest) for manifest in pending)
    if dry_run:
        files, skipped = old_dailies(workspace, now.astimezone().date(), older_than)
        moves = [Move(source=each.path, target=each.target) for each in files]
        records, behind = _follow(engine, engine.core.namespace, _names(moves), dry_run=True)
        return Result(files=files, skipped=skipped, finished=finished, records=records, behind=behind)
    gone: tuple[str, ...] = ()
    records = behind = 0
    for manifest in pending:
        lost, moved, stayed = _carry_out(engine, manifest)
        gone, records, behind = (*gone, *lost), records + moved, behind + stayed
    files, skipped = old_dailies(workspace, now.astimezone().date(), older_than)
    name = ""
    if files:
        moves = [Move(source=each.path, target=each.target) for each in files]
        with engine.workspace.transaction():  # no other archiving takes a name meanwhile
            manifest = create(workspace, engine.core.namespace, now, moves)
        lost, moved, stayed = _carry_out(engine, manifest)
        gone, records, behind, name = (*gone, *lost), records + moved, behind + stayed, _name(manifest)
    return Result(
        files=files, skipped=skipped, finished=finished, gone=gone, manifest=name, records=records, behind=behind
    )


def undo(engine: Engine, workspace: Path, path: Path, *, dry_run: bool = False) -> Result:
    """Move the files of a manifest back, and their records; refuse, with nothing moved, if a name is taken again."""
    check_workspace(workspace)
    manifest = load(path)
    if manifest.workspace != workspace.resolve():
        raise InvalidInputError(
            f"{path} does not belong to {workspace}",
            why=f"it lies in {manifest.path.parent}",
            cure=f"memcore archive {manifest.workspace} --undo {path}",
        )
    if taken := blocked(manifest, back=True):
        raise RefusedError(
            f"nothing was moved: {', '.join(taken)} would be overwritten",
            why="another file has that name again",
            cure="rename that file and run the command again",
        )
    if dry_run:
        records, behind = _follow(engine, manifest.namespace, _names(manifest.moves, back=True), dry_run=True)
        return Result(files=_back(manifest), records=records, behind=behind, manifest=_name(manifest))
    files = _back(manifest)
    gone, records, behind = _carry_out(engine, save(manifest, "undoing"))
    return Result(files=files, gone=gone, records=records, behind=behind, manifest=_name(manifest))


def _carry_out(engine: Engine, manifest: Manifest) -> tuple[tuple[str, ...], int, int]:
    back = manifest.state == "undoing"
    gone = move_all(manifest, back=back)
    records, behind = _follow(engine, manifest.namespace, _names(manifest.moves, back=back))
    save(manifest, "undone" if back else "moved")
    return tuple(gone), records, behind


def _back(manifest: Manifest) -> tuple[Daily, ...]:
    there = [move for move in manifest.moves if (manifest.workspace / move.target).exists()]
    return tuple(Daily(path=move.target, target=move.source, age=0) for move in there)


def _name(manifest: Manifest) -> str:
    return f"{ARCHIVED}/{manifest.path.name}"


def _names(moves: Iterable[Move], *, back: bool = False) -> dict[str, str]:
    """Return where the sources of records lead after these moves, spelt as `source` spells paths."""
    pairs = [(portable_path(move.source), portable_path(move.target)) for move in moves]
    return {end: start for start, end in pairs} if back else dict(pairs)


def _follow(engine: Engine, namespace: str, names: Mapping[str, str], *, dry_run: bool = False) -> tuple[int, int]:
    """Give records the new path of their source; return how many follow and how many cannot."""
    if not names:
        return 0, 0
    changes = []
    for record in engine.scan(Scope(namespaces=(namespace,), statuses=())):
        path, mark, line = (record.source or "").partition("#")
        if path in names:
            changes.append((record.id, names[path] + mark + line))
    if Capability.UPDATE not in engine.backend.capabilities:
        return 0, len(changes)
    if not dry_run:
        with engine.writing():
            for key, source in changes:
                engine.backend.update(key, source=source)  # type: ignore[attr-defined]
    return len(changes), 0
