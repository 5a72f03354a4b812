"""Dialectic: what a person is like: observed, then a hypothesis, then verified. Contradictions are always kept.

An agent notes what it sees as U-tags (`memcore_plugins.dialectic.grammar` has the whole grammar):

    - U @Mina prefers_data_over_intuition: asked for the numbers before she chose a supplier
    - U(declared) @Mina prefers_data_over_intuition: "I never decide on a feeling."
    - U- @Mina prefers_data_over_intuition: took the red one because she liked it

They are harvested from the turns of a session and from files, stored as records of kind `observation`, and counted as
evidence by session. Upkeep moves each pattern to the phase its evidence supports. A pattern that is only declared is
never verified, and what somebody declares but does not do is reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from memcore import PluginInfo, hookimpl

from memcore_plugins.dialectic.tables import KEY, NAMES, TABLES, note_shown

if TYPE_CHECKING:
    import click
    from memcore import Draft, Engine, Finding, Migration, Recall, Report, Scope, Session, Source
    from memcore.records import PromptBlock, Run, WriteEvent

__all__ = ["DialecticSettings", "Plugin"]

_PAI = "the weights of PAI's OpinionTracker"
_LEGEND = "the confidence legend of a published agent workspace"


@frozen(kw_only=True)
class DialecticSettings:
    """How much evidence weighs, and how much of it a phase takes."""

    subject: str = field(default="user", metadata={"help": "whom a U-tag without @name speaks of"})
    hypothesis_sessions: int = field(
        default=2,
        metadata={
            "help": "sessions that must support a hypothesis",
            "source": "Honcho: an inductive conclusion needs 2 sources",
        },
    )
    hypothesis_confidence: float = field(
        default=0.40,
        metadata={"help": "least confidence of a hypothesis", "source": f"{_LEGEND}: below 0.40 speculative"},
    )
    verified_sessions: int = field(
        default=2,
        metadata={"help": "sessions in which it must have been done, not said", "source": "Honcho: 2 sources"},
    )
    verified_confidence: float = field(
        default=0.60,
        metadata={"help": "least confidence of a verified pattern", "source": f"{_LEGEND}: from 0.60 some evidence"},
    )
    start: float = field(default=0.50, metadata={"help": "confidence without evidence", "source": _PAI})
    support: float = field(default=0.02, metadata={"help": "per session in which it was done", "source": _PAI})
    counter: float = field(default=0.05, metadata={"help": "per session in which it was not", "source": _PAI})
    confirmation: float = field(default=0.10, metadata={"help": "per session in which it was declared", "source": _PAI})
    denial: float = field(default=0.20, metadata={"help": "per session in which it was denied", "source": _PAI})
    records: bool = field(default=True, metadata={"help": "write a record of kind pattern for every verified pattern"})
    prompt_chars: int = field(
        default=1375, metadata={"help": "characters of the prompt block", "source": "the limit of Hermes' USER.md"}
    )


class Plugin:
    """Harvest U-tags and move patterns from observation to hypothesis to verified, as their evidence says."""

    info = PluginInfo(
        summary="U-tags: observe, hypothesize, verify; contradictions are kept",
        tables=NAMES,
        settings=DialecticSettings,
    )

    @hookimpl
    def memcore_migrations(self) -> Sequence[Migration]:
        """Give the tables of patterns and their evidence."""
        return TABLES

    @hookimpl
    def memcore_forget(self, engine: Engine, record_ids: Sequence[str]) -> int:
        """Delete the evidence of forgotten records and the patterns that rested on nothing else."""
        from memcore_plugins.dialectic.upkeep import forget

        return forget(engine, record_ids)

    @hookimpl
    def memcore_recalled(self, engine: Engine, recall: Recall) -> None:
        """Note which evidence a session was shown, so that repeating it there does not count."""
        shown = [hit.record.id for hit in recall.hits if KEY in hit.record.metadata]
        if shown and recall.query.session_id:
            with engine.workspace.transaction() as connection:
                note_shown(connection, recall.query.session_id, shown, engine.now())

    @hookimpl
    def memcore_prompt_block(self, engine: Engine, scope: Scope) -> PromptBlock | None:
        """Give the verified patterns."""
        from memcore_plugins.dialectic.upkeep import prompt_block

        return prompt_block(engine, engine.settings("dialectic", DialecticSettings), scope)

    @hookimpl
    def memcore_extract(self, engine: Engine, source: Source) -> Sequence[Draft]:
        """Find the U-tags of a text."""
        from memcore_plugins.dialectic.harvest import drafts_of_source

        return drafts_of_source(source, engine.settings("dialectic", DialecticSettings))

    @hookimpl
    def memcore_written(self, engine: Engine, event: WriteEvent) -> None:
        """Store the evidence that was written or said again."""
        from memcore_plugins.dialectic.harvest import note_written

        note_written(engine, event)

    @hookimpl
    def memcore_session_end(self, engine: Engine, session: Session) -> Report | None:
        """Remember the U-tags of a session."""
        from memcore_plugins.dialectic.harvest import end_session

        return end_session(engine, session, engine.settings("dialectic", DialecticSettings))

    @hookimpl
    def memcore_maintain(self, engine: Engine, run: Run) -> Report:
        """Move patterns between the phases."""
        from memcore_plugins.dialectic.upkeep import maintain

        return maintain(engine, engine.settings("dialectic", DialecticSettings), run)

    @hookimpl
    def memcore_check(self, engine: Engine) -> Iterable[Finding]:
        """Report what is declared but not done, and contradictions nobody answered."""
        from memcore_plugins.dialectic.upkeep import findings

        return findings(engine, engine.settings("dialectic", DialecticSettings))

    @hookimpl
    def memcore_stats(self, engine: Engine) -> Mapping[str, Any]:
        """Give patterns by phase and the evidence."""
        from memcore_plugins.dialectic.upkeep import figures

        return figures(engine, engine.settings("dialectic", DialecticSettings))

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Bring `memcore patterns`."""
        from memcore_plugins.dialectic.commands import patterns

        return [patterns]
