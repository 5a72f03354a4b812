"""Ingest: texts in, records out. Retain tags and memory files become drafts.

Copies meet in one record and keep their evidence.

The tag grammar is `memcore_toolkit.retain`. A letter it does not know gives kind `fact`, keeps its text and letter,
and is reported by lint. U-tags are left to the dialectic plugin. Who wants to know what an extraction left out gives
the source `metadata={"left_out": []}` and gets `(first line, last line, reason)` appended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from memcore import Draft, Hit, PluginInfo, Scope, hookimpl

from memcore_plugins.ingest.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    import click
    from memcore import Engine, Migration, Report, Session, Source, Verdict
    from memcore.records import PromptBlock, RetireEvent, Run, WriteEvent

    from memcore_plugins.ingest.sameness import Sameness

__all__ = ["IngestSettings", "Plugin"]


@frozen(kw_only=True)
class IngestSettings:
    """What is accepted, how large a record may be, and what the prompt block may cost."""

    secrets: str = field(
        default="refuse",
        metadata={
            "help": "a draft with a secret in it: refuse, redact or allow",
            "source": "a leaked key is not memory",
        },
    )
    shortest: int = field(
        default=2, metadata={"help": "letters or digits a record must have", "source": "a two-letter word"}
    )
    longest: int = field(
        default=4000,
        metadata={"help": "characters of a record; longer text is cut at sentences", "source": "about 1,000 tokens"},
    )
    chunk: int = field(
        default=800,
        metadata={
            "help": "characters of one section of a page kept together",
            "source": "about 200 tokens, a sixth of a prompt budget",
        },
    )
    harvest: tuple[str, ...] = field(
        default=("assistant", "user"),
        metadata={"help": "roles whose turns are searched for tags", "source": "tool output is untrusted"},
    )
    prompt_characters: int = field(
        default=2200, metadata={"help": "characters of the prompt block", "source": "the limit of Hermes' MEMORY.md"}
    )
    prompt_facts: int = field(
        default=20, metadata={"help": "facts considered for the prompt block", "source": "more do not fit"}
    )


class Plugin:
    """Extract, merge and remember."""

    info = PluginInfo(
        summary="Turns transcripts, logs and memory files into records; copies are merged and keep their evidence",
        tables=("identity", "sameness", "evidence", "session_turns"),
        settings=IngestSettings,
    )

    def __init__(self) -> None:
        self._sameness: Sameness | None = None

    @property
    def sameness(self) -> Sameness:
        """Return the keys under which copies meet."""
        if self._sameness is None:
            from memcore_plugins.ingest.sameness import Sameness

            self._sameness = Sameness()
        return self._sameness

    @hookimpl
    def memcore_migrations(self) -> Sequence[Migration]:
        """Give the tables of identity, sameness, evidence and sessions."""
        return TABLES

    @hookimpl
    def memcore_forget(self, engine: Engine, scope: Scope, record_ids: Sequence[str]) -> int:
        """Delete what is kept about forgotten records, and what a forgotten source said about others."""
        from memcore_plugins.ingest import schema

        return schema.forget(engine.workspace.connection(), record_ids, scope.source, scope.namespaces)

    @hookimpl
    def memcore_rerank(self, engine: Engine, hits: Sequence[Hit]) -> Sequence[Hit] | None:
        """Add the sources that said the same."""
        from memcore_plugins.ingest.evidence import with_sources

        return with_sources(engine, hits)

    @hookimpl
    def memcore_prompt_block(self, engine: Engine, scope: Scope) -> PromptBlock | None:
        """Give the identity files and the best-founded facts."""
        from memcore_plugins.ingest.identity import block

        return block(engine, scope, engine.settings("ingest", IngestSettings))

    @hookimpl
    def memcore_extract(self, engine: Engine, source: Source) -> Sequence[Draft]:
        """Read a text in its format."""
        from memcore_plugins.ingest.extract import extract

        found = extract(source, engine.settings("ingest", IngestSettings))
        told = source.metadata.get("left_out")
        if isinstance(told, list):
            told += [(each.line, each.end_line, each.reason) for each in found.left_out]
        return found.drafts

    @hookimpl
    def memcore_rewrite(self, engine: Engine, drafts: Sequence[Draft]) -> Sequence[Draft] | None:
        """Take secrets out of drafts where the settings say so."""
        if engine.settings("ingest", IngestSettings).secrets != "redact":
            return None
        from memcore_plugins.ingest.gate import redacted

        return [redacted(draft) for draft in drafts]

    @hookimpl
    def memcore_gate(self, engine: Engine, drafts: Sequence[Draft]) -> Sequence[Verdict | None]:
        """Refuse secrets and junk, and merge what says the same as something kept."""
        from memcore_plugins.ingest.gate import refusals

        verdicts = refusals(drafts, engine.settings("ingest", IngestSettings))
        merged = self.sameness.judge(engine, drafts, verdicts)
        return [verdicts.get(i) or merged.get(i) for i in range(len(drafts))]

    @hookimpl
    def memcore_written(self, engine: Engine, event: WriteEvent) -> None:
        """Keep the keys of new records, the evidence of repeated ones, and the places of identity files."""
        from memcore_plugins.ingest import evidence, identity

        self.sameness.note(engine, event.written)
        evidence.keep(engine, event.confirmed, event.at)
        identity.keep(engine, [*((record, record) for record in event.written), *event.confirmed], event.at)

    @hookimpl
    def memcore_retired(self, engine: Engine, event: RetireEvent) -> None:
        """Forget the keys and places of records that left active memory; their evidence stays."""
        from memcore_plugins.ingest import identity

        ids = [record.id for record in event.records]
        self.sameness.drop(engine, ids)
        identity.drop(engine, ids)

    @hookimpl
    def memcore_session_end(self, engine: Engine, session: Session) -> Report:
        """Keep the turns as episodes and the tags in them as facts."""
        from memcore_plugins.ingest.episodes import end_session

        return end_session(engine, session, engine.settings("ingest", IngestSettings))

    @hookimpl
    def memcore_maintain(self, engine: Engine, run: Run) -> Report:
        """Write the keys of sameness anew where they no longer agree with the active records."""
        from memcore_plugins.ingest.upkeep import repair

        return repair(engine, self.sameness, dry_run=run.dry_run)

    @hookimpl
    def memcore_stats(self, engine: Engine) -> Mapping[str, Any]:
        """Give the numbers of merged statements, identity entries and sessions."""
        from memcore_plugins.ingest.upkeep import figures

        return figures(engine)

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Bring `memcore ingest` and `memcore remember`."""
        from memcore_plugins.ingest.commands import ingest, remember

        return [ingest, remember]
