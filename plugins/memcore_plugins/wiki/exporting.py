"""The wiki into a vault folder: every file byte for byte. Nothing foreign is overwritten, nothing is deleted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from attrs import evolve, field, frozen
from memcore.errors import InvalidInputError, RefusedError, WorkspaceError
from memcore_toolkit.vault_folder import disk_path

from memcore_plugins.wiki import schema
from memcore_plugins.wiki.pages import digest_of

if TYPE_CHECKING:
    from memcore import Engine

__all__ = ["Exported", "export_vault"]

State = Literal["new", "same", "updated", "forced"]


@frozen(kw_only=True)
class Exported:
    """What an export did: the state of each file, and removed pages whose file is still in the folder."""

    files: tuple[tuple[str, State], ...]
    left: tuple[str, ...] = field(default=())

    def count(self, state: State) -> int:
        """Return how many files are in this state."""
        return sum(each == state for _, each in self.files)


def export_vault(engine: Engine, folder: Path, *, force: bool = False, dry_run: bool = False) -> Exported:
    """Write all files. A file in the folder is only replaced if its bytes are a revision the wiki has, or by `force`.

    Raises RefusedError before anything is written if a file is foreign, or if a path would leave the folder.
    """
    connection = engine.workspace.connection()
    every = list(schema.pages(connection, engine.core.namespace, retired=True))
    if folder.exists() and not folder.is_dir():
        raise InvalidInputError(f"{folder} is no folder", cure="name a folder, new or with an earlier export")
    root = Path(os.path.realpath(folder))
    files, foreign, left = list[tuple[schema.StoredPage, Path, State]](), list[str](), list[str]()
    for page in every:
        target = _target(root, page.path)
        there = _digest(target)
        if page.status != "active":
            left += [page.path] if there else []
            continue
        if there and not schema.knows(connection, page, there):
            foreign.append(page.path)
        replaced: State = "forced" if page.path in foreign[-1:] else "updated"
        files.append((page, target, "new" if not there else "same" if there == page.digest else replaced))
    if foreign and not force:
        shown = ", ".join(foreign[:5]) + (f" and {len(foreign) - 5} more" if len(foreign) > 5 else "")
        why = "the wiki has never seen what they hold"
        cure = "import the folder first (memcore wiki import), or add --force"
        raise RefusedError(f"nothing was written: {shown} would be overwritten", why=why, cure=cure)
    if not dry_run:
        _write(engine, root, files)
    return Exported(files=tuple((page.path, state) for page, _, state in files), left=tuple(left))


def _write(engine: Engine, root: Path, files: list[tuple[schema.StoredPage, Path, State]]) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for page, target, state in files:
        if state != "same":
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                _place(target, page.data, new=state == "new")
            except OSError as error:
                cure = "correct it and export again: what is written already stays as it is"
                raise WorkspaceError(f"cannot write {target}", why=error.strerror or str(error), cure=cure) from error
        if page.vault in ("", str(root)):
            with engine.workspace.transaction() as connection:
                schema.save(connection, evolve(page, vault=str(root), synced=page.digest))


def _place(target: Path, data: bytes, *, new: bool) -> None:
    """Write a file whole or not at all; a new one never replaces what has appeared meanwhile."""
    temporary = target.with_name(f".{target.name}.memcore-{os.getpid()}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if new and os.path.lexists(target):
            why = "another page has the same name on this disk, or the file has just been made"
            raise RefusedError(f"{target} exists", why=why, cure="rename the page: memcore wiki add, then remove")
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _target(root: Path, path: str) -> Path:
    """Return where a file goes; raise RefusedError where a link or its name leads out of the folder."""
    target = root / disk_path(path)
    parent = Path(os.path.realpath(target.parent))
    if not parent.is_relative_to(root) or ".." in target.parts or target.is_symlink() or target.is_dir():
        why = "a link, or a folder of that name, stands in its way"
        raise RefusedError(f"nothing was written: {path} would leave the folder", why=why, cure="export elsewhere")
    return target


def _digest(target: Path) -> str:
    """Return the digest of the file at a place, empty where there is none."""
    try:
        return digest_of(target.read_bytes()) if os.path.lexists(target) else ""
    except OSError as error:
        raise WorkspaceError(f"cannot read {target}", why=error.strerror or str(error), cure="check it") from error
