"""Decisions: the queue of judgments that no rule can make, answered by a person, by the host, or by a language model.

Plugins ask through `engine.decide(DecisionRequest(...))` and carry out the answer in `memcore_decided`. This one
keeps the queue and asks three questions of its own: whether a held draft may be kept (REVIEW, asked by the core),
which of two facts holds (CONFLICT_RESOLVE), and what an old log comes to (CHANGELOG_SUMMARIZE, off by default).
Without anybody to answer, everything stays queued and nothing else stops. A passed deadline is reported; it decides
nothing. No answer destroys text: the fact that loses is superseded, and returns to the queue if it returns to memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from memcore import PluginInfo, hookimpl

from memcore_plugins.decisions.schema import NAMES, TABLES

if TYPE_CHECKING:
    import click
    from memcore import Engine, Finding, Migration, Report, Scope
    from memcore.records import Answer, DecisionItem, DecisionRequest, RetireEvent, Run, WriteEvent

__all__ = ["DecisionsSettings", "Plugin"]


@frozen(kw_only=True)
class DecisionsSettings:
    """How long the queue waits, how much is asked at once, and what counts as a possible conflict."""

    deadline_days: int = field(
        default=14, metadata={"help": "days until an item without a deadline is overdue", "source": "two weekly looks"}
    )
    answers_per_run: int = field(
        default=20, metadata={"help": "items that one upkeep run puts to those who can answer"}
    )
    long_queue: int = field(default=50, metadata={"help": "queued items from which a warning is given"})
    conflict_kinds: tuple[str, ...] = field(
        default=("fact", "world", "opinion", "knowledge", "identity"),
        metadata={"help": "kinds of records that can contradict each other; empty: look for no conflicts"},
    )
    conflict_overlap: float = field(
        default=0.6,
        metadata={
            "help": "share of the shorter text's content words that both must have",
            "source": "one question in the 255 records of the sample workspace",
        },
    )
    conflict_candidates: int = field(default=10, metadata={"help": "similar records that are compared with a new one"})
    conflicts_per_record: int = field(
        default=3,
        metadata={"help": "contradicted records from which a record is one of a series and raises no question"},
    )
    conflict_lookups: int = field(
        default=20,
        metadata={"help": "records of one batch that are compared as they are written; upkeep compares larger batches"},
    )
    conflict_catch_up: int = field(default=500, metadata={"help": "records that one upkeep run compares"})
    changelog: bool = field(default=False, metadata={"help": "ask for summaries of long, old logs"})
    changelog_lines: int = field(
        default=200,
        metadata={"help": "lines from which a log is long", "source": "Hermes' llm-wiki splits pages at 200 lines"},
    )
    changelog_days: int = field(
        default=30, metadata={"help": "days from which a log is old", "source": "the staleness of project state"}
    )


class Plugin:
    """Keep the queue of judgments, detect possible conflicts, and carry out what was decided."""

    info = PluginInfo(
        summary="The queue of judgments no rule can make: reviews, conflicts, summaries",
        tables=NAMES,
        settings=DecisionsSettings,
    )

    @hookimpl
    def memcore_migrations(self) -> Sequence[Migration]:
        """Give the tables of the queue."""
        return TABLES

    @hookimpl
    def memcore_forget(self, engine: Engine, scope: Scope, record_ids: Sequence[str]) -> int:
        """Delete the items about forgotten records, held drafts included."""
        from memcore_plugins.decisions.upkeep import forget

        return forget(engine, scope, record_ids)

    @hookimpl
    def memcore_written(self, engine: Engine, event: WriteEvent) -> None:
        """Look for facts that contradict what was written."""
        from memcore_plugins.decisions import carry, conflicts

        carry.withdraw_written(engine, event.written, event.at)
        conflicts.note_written(engine, engine.settings("decisions", DecisionsSettings), event)

    @hookimpl
    def memcore_retired(self, engine: Engine, event: RetireEvent) -> None:
        """Withdraw questions that the removal has answered."""
        from memcore_plugins.decisions.carry import withdraw_retired

        withdraw_retired(engine, event.records, event.at)

    @hookimpl
    def memcore_decide(self, engine: Engine, request: DecisionRequest) -> str:
        """Queue a request."""
        from memcore_plugins.decisions.desk import enqueue

        return enqueue(engine, request, engine.settings("decisions", DecisionsSettings))

    @hookimpl
    def memcore_decided(self, engine: Engine, item: DecisionItem, answer: Answer) -> None:
        """Carry out answers to reviews, conflicts and summaries."""
        from memcore_plugins.decisions.carry import carry_out

        carry_out(engine, item, answer)

    @hookimpl
    def memcore_maintain(self, engine: Engine, run: Run) -> Report:
        """Look for conflicts left behind, ask those who can answer, flag what is overdue."""
        from memcore_plugins.decisions.upkeep import maintain

        return maintain(engine, engine.settings("decisions", DecisionsSettings), run)

    @hookimpl
    def memcore_check(self, engine: Engine) -> Iterable[Finding]:
        """Report overdue items, open conflicts and a long queue."""
        from memcore_plugins.decisions.upkeep import findings

        return findings(engine, engine.settings("decisions", DecisionsSettings))

    @hookimpl
    def memcore_stats(self, engine: Engine) -> Mapping[str, Any]:
        """Give the length and age of the queue."""
        from memcore_plugins.decisions.upkeep import figures

        return figures(engine)

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Bring `memcore decisions`."""
        from memcore_plugins.decisions.commands import decisions

        return [decisions]
