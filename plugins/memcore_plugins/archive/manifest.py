"""The manifest of one archiving: written before a file moves, read to finish a broken run or to undo a whole one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from attrs import evolve, frozen
from memcore.errors import InvalidInputError

from memcore_plugins.archive.dailies import ARCHIVED, MEMORY

__all__ = ["Manifest", "Move", "create", "load", "save", "sync_folder", "unfinished"]

FORMAT, VERSION = "memcore-archive", 1
State = Literal["moving", "moved", "undoing", "undone"]


@frozen(kw_only=True)
class Move:
    """One file and where it goes, both as paths from the workspace."""

    source: str
    target: str


@frozen(kw_only=True)
class Manifest:
    """What one run moves; `state` is moving until all is done, and undoing until all is back."""

    path: Path
    namespace: str
    created_at: str
    state: State
    moves: tuple[Move, ...]

    @property
    def workspace(self) -> Path:
        """Return the workspace, three folders above the manifest."""
        return self.path.parent.parent.parent


def create(workspace: Path, namespace: str, now: datetime, moves: Iterable[Move]) -> Manifest:
    """Write a new manifest in state moving, durably, under a name of its own; one archiving at a time may do so."""
    folder = workspace / ARCHIVED
    folder.mkdir(exist_ok=True)
    _sweep(folder)
    stamp, number = now.strftime("%Y%m%dT%H%M%SZ"), 0
    while True:
        path = folder / f"manifest-{stamp}{f'-{number}' if number else ''}.json"
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            break
        except FileExistsError:
            number += 1
    created = Manifest(path=path, namespace=namespace, created_at=now.isoformat(), state="moving", moves=tuple(moves))
    return save(created, "moving")


def _sweep(folder: Path) -> None:
    """Remove names that a run took and then was killed, before it had written its manifest and moved anything."""
    for path in folder.glob("manifest-*.json"):
        if path.stat().st_size == 0:
            path.with_suffix(".json.tmp").unlink(missing_ok=True)
            path.unlink()


def save(manifest: Manifest, state: State) -> Manifest:
    """Write the manifest with a new state: a temporary file, synced and renamed, so that it is whole or unchanged."""
    changed = evolve(manifest, state=state)
    plain = {
        "format": FORMAT,
        "version": VERSION,
        "state": state,
        "namespace": changed.namespace,
        "created_at": changed.created_at,
        "moves": [{"from": move.source, "to": move.target} for move in changed.moves],
    }
    temporary = changed.path.with_suffix(".json.tmp")
    handle = os.open(temporary, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(plain, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, changed.path)
    sync_folder(changed.path.parent)
    return changed


def load(path: Path) -> Manifest:
    """Read a manifest; raise InvalidInputError for a file that is none, or that names files outside its workspace."""
    what, cure = f"{path} is not a manifest of memcore archive", "name a manifest-*.json in memory/archived/"
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if plain["format"] != FORMAT or plain["version"] != VERSION:
            raise ValueError(f"format {plain['format']!r}, version {plain['version']!r}")
        moves = tuple(_move(item) for item in plain["moves"])
        if plain["state"] not in ("moving", "moved", "undoing", "undone"):
            raise ValueError(f"state {plain['state']!r}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInputError(what, why=f"{type(error).__name__}: {error}", cure=cure) from None
    return Manifest(
        path=path.resolve(),
        namespace=str(plain["namespace"]),
        created_at=str(plain["created_at"]),
        state=plain["state"],
        moves=moves,
    )


def _move(item: Any) -> Move:
    source, target = str(item["from"]), str(item["to"])
    name = source.removeprefix(f"{MEMORY}/")
    if (
        "/" in name
        or "\\" in name
        or source != f"{MEMORY}/{name}"
        or target != f"{ARCHIVED}/{name}"
        or name in ("", "..", ".")
    ):
        raise ValueError(f"moves {source!r} to {target!r}")
    return Move(source=source, target=target)


def unfinished(workspace: Path) -> list[Manifest]:
    """Return the manifests of runs that were broken off, oldest first.

    Files that are no manifest are passed over: ours are whole, or empty if the run was killed before anything moved.
    """
    found = []
    for path in sorted((workspace / ARCHIVED).glob("manifest-*.json")):
        with suppress(InvalidInputError):
            manifest = load(path)
            if manifest.state in ("moving", "undoing"):
                found.append(manifest)
    return found


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
