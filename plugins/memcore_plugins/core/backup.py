"""`memcore backup`: a consistent copy of the workspace file while others go on writing, verified before it is named."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from memcore.cli import Context, pass_context

if TYPE_CHECKING:
    from memcore.workspace import Workspace

__all__ = ["backup", "copy_database"]


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@click.option("--dry-run", is_flag=True, help="Check everything, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def backup(context: Context, file: Path, force: bool, dry_run: bool, as_json: bool) -> None:
    """Copy the memory to FILE while it is in use.

    The copy is one SQLite file of mode 0600, checked before it gets its name: FILE is whole, or not there. It holds
    all tables of all plugins. With a remote backend the records stay on its server and need its own backup.

    \b
    Examples:
      memcore backup ~/backups/memory-monday.db
      memcore backup --force /mnt/usb/memory.db
    """
    from memcore.config import Config
    from memcore.errors import WorkspaceError
    from memcore.workspace import Workspace
    from memcore_toolkit import console

    from memcore_plugins.core.files import check_target

    config = Config(home=context.home, overrides=context.overrides)
    if not config.database.exists():
        raise WorkspaceError(f"there is no database {config.database}", cure="check --home and --db")
    target = file.expanduser().absolute()
    check_target(target, force=force, database=config.database)
    covered = _coverage(context, config)
    workspace = Workspace(config.database, read_only=True)
    try:
        facts = {} if dry_run else copy_database(workspace, target)
    finally:
        workspace.close()
    done = {"file": str(target), "written": not dry_run, **facts, "covers": covered}
    if as_json:
        console.emit_json(done)
    elif dry_run:
        click.echo(f"would write {target}; {covered}")
    else:
        click.echo(f"{target}: {facts['bytes']} bytes, checked; {covered}")


def copy_database(workspace: Workspace, target: Path) -> dict[str, Any]:
    """Copy the open database to `target`, verified by quick_check; return its size in bytes and its number of tables.

    Raises CorruptError if the copy does not pass the check; then `target` is what it was before.
    """
    from memcore.errors import CorruptError

    from memcore_plugins.core.files import publish, temporary_beside

    with temporary_beside(target) as path:
        copy = sqlite3.connect(path, isolation_level=None)
        try:
            with workspace.errors():
                workspace.connection().backup(copy)
                copy.execute(
                    "PRAGMA journal_mode=DELETE"
                )  # the copied header says WAL, which would need two more files
                verdict = str(copy.execute("PRAGMA quick_check(1)").fetchone()[0])
                tables = int(copy.execute("SELECT count(*) FROM sqlite_master WHERE type='table'").fetchone()[0])
        finally:
            copy.close()
        if verdict != "ok":
            cure = "the database is damaged: restore an older backup, or try sqlite3 FILE .recover"
            raise CorruptError("the copy failed its check; nothing was written", why=verdict, cure=cure)
        size = path.stat().st_size
        publish(path, target)
    return {"bytes": size, "tables": tables}


def _coverage(context: Context, config: Any) -> str:
    from memcore.contracts import Capability

    from memcore_plugins.core.listing import chosen_backend, core_settings

    settings, _ = core_settings(config)
    spec = chosen_backend(context.catalog(), settings.backend)
    if spec is None:
        return "holds this file only: the backend cannot be asked where its records are"
    if Capability.TRANSACTIONAL in spec.capabilities:
        return "holds all of memory"
    return f"holds the state of the plugins; the records are on the side of the backend {spec.name}: back them up there"
