"""Migrate: a folder of memory files becomes records, in four phases: identify, chunk, link, verify.

The folder is read, never written to. A file that did not change is not read again; a changed file adds what is new in
it and retires what it no longer says, unless another source still says it. Files are taken over in batches, each in
one transaction: whatever stops a run, the next one goes on from there to the same result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from memcore import PluginInfo, Scope, hookimpl

from memcore_plugins.bank_migrate.schema import TABLES

if TYPE_CHECKING:
    import click
    from memcore import Engine, Migration
    from memcore.records import WriteEvent

__all__ = ["MigrateSettings", "Plugin"]


@frozen(kw_only=True)
class MigrateSettings:
    """Which files are read, and in what portions."""

    largest: int = field(
        default=5_000_000,
        metadata={"help": "bytes of the largest file that is read", "source": "100 times a long MEMORY.md"},
    )
    suffixes: tuple[str, ...] = field(
        default=(".md", ".markdown", ".txt", ".jsonl"),
        metadata={"help": "files that are read", "source": "what agents write"},
    )
    batch: int = field(
        default=2000,
        metadata={"help": "drafts taken over in one transaction", "source": "measured: larger ones gain nothing"},
    )


class Plugin:
    """Take over a folder of memory files."""

    info = PluginInfo(
        summary="Takes over a folder of memory files: identify, chunk, link, verify; the folder is only read",
        tables=("migrated_files", "migrated_records", "migrated_elsewhere"),
        settings=MigrateSettings,
    )

    @hookimpl
    def memcore_migrations(self) -> Sequence[Migration]:
        """Give the tables of file state."""
        return TABLES

    @hookimpl
    def memcore_forget(self, engine: Engine, scope: Scope, record_ids: Sequence[str]) -> int:
        """Delete which file said a forgotten record; a forgotten namespace may be migrated again from the start."""
        from memcore_plugins.bank_migrate import schema

        return schema.forget(engine.workspace.connection(), scope, record_ids)

    @hookimpl
    def memcore_written(self, engine: Engine, event: WriteEvent) -> None:
        """Note what somebody else than a migrated file said again: it stays when the file no longer says it."""
        from memcore_plugins.bank_migrate.elsewhere import migrating, note

        if event.confirmed and not migrating():
            note(engine, event.confirmed)

    @hookimpl
    def memcore_stats(self, engine: Engine) -> Mapping[str, Any]:
        """Give the numbers of files and records taken over."""
        from memcore_plugins.bank_migrate import schema

        return schema.figures(engine.workspace.connection())

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Bring `memcore migrate`."""
        from memcore_plugins.bank_migrate.commands import migrate

        return [migrate]
