"""Wiki: pages an agent keeps about what it read, with their sources, a log and every earlier revision.

The layout is Karpathy's LLM wiki: raw sources stay where they are, pages are written from them, `index.md` lists them,
`log.md` says what was done. A vault folder is imported and exported byte for byte; pages are kept as bytes, so line
ends, byte order marks and frontmatter that is no YAML survive. What a page says is found by search: its sections are
records of kind knowledge, read from the page as a migration of the same folder reads them, so both name one record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from memcore import Capability, PluginInfo, hookimpl

from memcore_plugins.wiki.schema import NAMES, TABLES

if TYPE_CHECKING:
    import click
    from memcore import Draft, Engine, Migration, Scope, Source
    from memcore.records import WriteEvent

__all__ = ["Plugin", "WikiSettings"]


@frozen(kw_only=True)
class WikiSettings:
    """Where pages are said to come from, and what an import takes."""

    root: str = field(
        default="wiki",
        metadata={"help": "folder that the sources of records name", "source": "the layout that a migration reads"},
    )
    largest: int = field(
        default=10_000_000,
        metadata={"help": "bytes of the largest file an import takes", "source": "attachments live in the database"},
    )


class Plugin:
    """Keep wiki pages with revisions, sources and a log, and make what they say findable."""

    info = PluginInfo(
        summary="LLM wiki: pages with revisions, sources and a log; vaults in and out",
        uses={Capability.UPDATE},
        tables=NAMES,
        settings=WikiSettings,
    )

    @hookimpl
    def memcore_migrations(self) -> Sequence[Migration]:
        """Give the tables of pages, sources and the log."""
        return TABLES

    @hookimpl
    def memcore_forget(self, engine: Engine, scope: Scope, record_ids: Sequence[str]) -> int:
        """Delete the pages of a forgotten namespace or source, and those that held a forgotten text."""
        from memcore_plugins.wiki.forget import forget

        return forget(engine, engine.settings("wiki", WikiSettings), scope, record_ids)

    @hookimpl
    def memcore_extract(self, engine: Engine, source: Source) -> Sequence[Draft] | None:
        """Hand over all pages to who asks with a source of kind `vault`; they are not stored."""
        if source.kind != "vault":
            return None
        from memcore_plugins.wiki.pages import handed_over

        return handed_over(engine, source.namespace)

    @hookimpl
    def memcore_written(self, engine: Engine, event: WriteEvent) -> None:
        """Note which records of pages somebody else says too: an edit of the page does not retire them."""
        from memcore_plugins.wiki.told import note_written

        note_written(engine, event)

    @hookimpl
    def memcore_stats(self, engine: Engine) -> Mapping[str, Any]:
        """Give the numbers of pages, their sources and log entries."""
        from memcore_plugins.wiki import schema

        return schema.figures(engine.workspace.connection())

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Bring `memcore wiki`."""
        from memcore_plugins.wiki.commands import wiki

        return [wiki]
