"""A vault folder into the wiki: every file byte for byte. The folder is only read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from attrs import field, frozen
from memcore_toolkit.vault_folder import VaultFile, read_folder

from memcore_plugins.wiki import schema
from memcore_plugins.wiki.journal import note
from memcore_plugins.wiki.pages import digest_of, put

if TYPE_CHECKING:
    from memcore import Engine

    from memcore_plugins.wiki import WikiSettings

__all__ = ["Imported", "Step", "import_vault"]

State = Literal["new", "changed", "same", "kept", "conflict"]


@frozen(kw_only=True)
class Step:
    """What an import does with one file.

    kept: the folder has nothing new, the wiki is ahead or has retired the page. conflict: both changed.
    """

    path: str
    state: State
    role: str = "page"


@frozen(kw_only=True)
class Imported:
    """What an import did: a step per file, files that were left out and why, pages whose file is gone, refused text."""

    steps: tuple[Step, ...]
    skipped: tuple[tuple[str, str], ...]
    gone: tuple[str, ...]
    refused: tuple[str, ...] = field(default=())

    def count(self, state: State) -> int:
        """Return how many files are in this state."""
        return sum(step.state == state for step in self.steps)


def import_vault(
    engine: Engine, settings: WikiSettings, folder: Path, *, force: bool = False, dry_run: bool = False
) -> Imported:
    """Take over a vault. A file that changed on both sides is left alone, or with `force` becomes a new revision.

    Pages whose file is gone are named, not removed. A killed import is finished by running it again.
    """
    from memcore_toolkit.console import progress

    found = read_folder(folder, largest=settings.largest)
    vault, refused, steps = str(found.root), list[str](), list[Step]()
    for file in progress(found.files, total=len(found.files), label="import"):
        step = _judge(engine, vault, file)
        steps.append(step)
        take = step.state in ("new", "changed", "same") or (force and step.state == "conflict")
        if take and not dry_run:
            change = put(engine, file.path, file.data, action="import", vault=vault, root=settings.root)
            refused += change.refused
    names = {file.path for file in found.files} | {path for path, _ in found.skipped}
    connection = engine.workspace.connection()
    gone = [p.path for p in schema.pages(connection, engine.core.namespace) if p.vault == vault and p.path not in names]
    result = Imported(steps=tuple(steps), skipped=found.skipped, gone=tuple(gone), refused=tuple(refused))
    changed = result.count("new") + result.count("changed")
    if changed and not dry_run:
        note(engine, "import", f"{changed} files from {found.root.name}")
    return result


def _judge(engine: Engine, vault: str, file: VaultFile) -> Step:
    connection, digest = engine.workspace.connection(), digest_of(file.data)
    page = schema.find(connection, engine.core.namespace, file.path)
    if page is None:
        from memcore_toolkit.vault import role_of

        return Step(path=file.path, state="new", role=role_of(file.path))
    state: State
    if page.digest == digest and page.status == "active":
        state = "same"
    elif schema.knows(connection, page, digest):
        state = "kept"
    elif page.vault == vault and page.synced == page.digest and page.status == "active":
        state = "changed"
    else:
        state = "conflict"
    return Step(path=file.path, state=state, role=page.role)
