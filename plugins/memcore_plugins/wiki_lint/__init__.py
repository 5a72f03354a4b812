"""Wiki lint: contradiction, stale, orphan, gap, size, citation and frontmatter, over a vault folder or the wiki.

The folder is only read. Without one, the pages are those that some plugin hands over when it is asked for a source of
kind `vault` (see `memcore_toolkit.vault`): this plugin knows no table of another. What cannot be told for sure is a
note, not a warning: a link that several pages answer to is ambiguous, never broken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from attrs import field, frozen
from memcore import PluginInfo, hookimpl

if TYPE_CHECKING:
    import click
    from memcore import Engine, Finding

__all__ = ["Plugin", "WikiLintSettings"]

_HERMES = "Hermes' bundled llm-wiki skill 2.0.0"


@frozen(kw_only=True)
class WikiLintSettings:
    """Which vault upkeep looks at, and from where on something is worth a word."""

    vault: str = field(default="", metadata={"help": "folder that doctor and warn look at; empty: the wiki's pages"})
    stale_days: int = field(
        default=90, metadata={"help": "days a page may lag behind the newest source", "source": _HERMES}
    )
    verify_days: int = field(
        default=90,
        metadata={"help": "days a page with verification_required stays verified", "source": "a surveyed vault's rule"},
    )
    page_lines: int = field(default=200, metadata={"help": "lines above which a page is split", "source": _HERMES})
    outbound_links: int = field(default=2, metadata={"help": "links a page should have", "source": _HERMES})
    index_section: int = field(
        default=50, metadata={"help": "entries above which a section of the index is split", "source": _HERMES}
    )
    index_entries: int = field(
        default=200, metadata={"help": "entries above which the index needs a topic map", "source": _HERMES}
    )
    log_entries: int = field(
        default=500, metadata={"help": "entries above which the log is rotated", "source": _HERMES}
    )
    required: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "fields every page must have; empty: those of the frontmatter example in SCHEMA.md",
            "source": "Karpathy's gist leaves the page format to each wiki",
        },
    )
    largest: int = field(default=10_000_000, metadata={"help": "bytes of the largest page that is read"})


class Plugin:
    """Check wiki pages without crying wolf."""

    info = PluginInfo(summary="Seven checks over wiki pages, in the tables or in a folder", settings=WikiLintSettings)

    @hookimpl
    def memcore_check(self, engine: Engine) -> Iterable[Finding]:
        """Report what is wrong with the vault of the settings, or with the pages of the wiki."""
        from pathlib import Path

        from memcore_plugins.wiki_lint.run import lint
        from memcore_plugins.wiki_lint.view import from_engine, from_folder

        settings = engine.settings("wiki_lint", WikiLintSettings)
        folder = Path(settings.vault).expanduser() if settings.vault else None
        view = from_folder(folder, settings.largest) if folder else from_engine(engine)
        return lint(view, settings, engine.now().date())

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Bring `memcore wiki-lint`."""
        from memcore_plugins.wiki_lint.commands import wiki_lint

        return [wiki_lint]
