"""Promotion: local -> lessons -> global, through gates that are enforced, with every step on file.

A fact begins as `local`. What is recalled again and again, by different questions, in different sessions, and comes
from a named and trusted source becomes a lesson, and what holds beyond that becomes global; both are told in the
system prompt. Records are immutable, so the tier is kept beside them. Untrusted text never climbs, an open conflict
stops both sides, and every refusal names the gate and by how much it was missed.

A host hands a write of its own memory to `engine.remember([Draft(content=..., metadata={"tier": "local", "origin":
"memory_write"})])`: this plugin's `memcore_gate` is the Tier gate it passes. A draft that asks for a higher tier is
held for review.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from memcore import PluginInfo, hookimpl

from memcore_plugins.promotion.schema import NAMES, TABLES

if TYPE_CHECKING:
    import click
    from memcore import Draft, Engine, Finding, Hit, Migration, Query, Recall, Report, Scope, Verdict
    from memcore.records import Answer, DecisionItem, DecisionRequest, PromptBlock, RetireEvent, Run, WriteEvent

__all__ = ["Plugin", "PromotionSettings"]

_DREAMING = "OpenClaw docs/cli/memory.md: scheduled dreaming"
_BY_HAND = "OpenClaw docs/cli/memory.md: memory promote"
_REMEMBER = "Claude Code's remember prompt: a pattern in two or more sessions"
_WIKI = "Hermes' llm-wiki: a page at two or more sources"
_HIGH = "pattern files in the wild: HIGH from five examples"


@frozen(kw_only=True)
class PromotionSettings:
    """What the tiers ask for, and how much of them is told."""

    automatic: bool = field(default=True, metadata={"help": "upkeep promotes; false: it only proposes"})
    score: float = field(default=0.8, metadata={"help": "least score for upkeep to promote", "source": _DREAMING})
    recalls: int = field(default=3, metadata={"help": "recalls a lesson needs", "source": _DREAMING})
    queries: int = field(default=3, metadata={"help": "different questions a lesson needs", "source": _DREAMING})
    sessions: int = field(default=2, metadata={"help": "sessions a lesson needs", "source": _REMEMBER})
    sources: int = field(
        default=1, metadata={"help": "sources a lesson needs", "source": "OpenClaw: must cite its source"}
    )
    max_age_days: int = field(default=30, metadata={"help": "days in which recalls count", "source": _DREAMING})
    global_recalls: int = field(default=5, metadata={"help": "recalls a global fact needs", "source": _HIGH})
    global_queries: int = field(
        default=5, metadata={"help": "different questions a global fact needs", "source": _HIGH}
    )
    global_sessions: int = field(default=3, metadata={"help": "sessions a global fact needs"})
    global_sources: int = field(default=2, metadata={"help": "sources a global fact needs", "source": _WIKI})
    hand_score: float = field(default=0.75, metadata={"help": "least score by hand", "source": _BY_HAND})
    hand_recalls: int = field(default=3, metadata={"help": "recalls a lesson needs by hand", "source": _BY_HAND})
    hand_queries: int = field(default=2, metadata={"help": "different questions by hand", "source": _BY_HAND})
    lessons_factor: float = field(default=1.05, metadata={"help": "factor of a lesson's rank in recall"})
    global_factor: float = field(default=1.10, metadata={"help": "factor of a global fact's rank in recall"})
    prompt_records: int = field(default=20, metadata={"help": "records in the prompt block"})
    prompt_chars: int = field(
        default=2200, metadata={"help": "characters of the prompt block", "source": "the limit of Hermes' MEMORY.md"}
    )


class Plugin:
    """Lift proven facts to the tiers that are told in every prompt, and say why others stay."""

    info = PluginInfo(
        summary="Tiers local, lessons, global: enforced gates with history", tables=NAMES, settings=PromotionSettings
    )

    @hookimpl
    def memcore_migrations(self) -> Sequence[Migration]:
        """Give the tables of tiers and signals."""
        return TABLES

    @hookimpl
    def memcore_forget(self, engine: Engine, record_ids: Sequence[str]) -> int:
        """Delete the tiers, signals and history of forgotten records."""
        from memcore_plugins.promotion import schema

        return schema.delete(engine.workspace.connection(), record_ids)

    @hookimpl
    def memcore_rerank(self, engine: Engine, query: Query, hits: Sequence[Hit]) -> Sequence[Hit] | None:
        """Lift hits of higher tiers a little."""
        from memcore_plugins.promotion.recall import reranked

        return reranked(engine, engine.settings("promotion", PromotionSettings), hits)

    @hookimpl
    def memcore_recalled(self, engine: Engine, recall: Recall) -> None:
        """Count the recall as a signal."""
        from memcore_plugins.promotion.recall import note_recalled

        note_recalled(engine, recall)

    @hookimpl
    def memcore_prompt_block(self, engine: Engine, scope: Scope) -> PromptBlock | None:
        """Give the promoted facts."""
        from memcore_plugins.promotion.upkeep import prompt_block

        return prompt_block(engine, engine.settings("promotion", PromotionSettings), scope)

    @hookimpl
    def memcore_gate(self, engine: Engine, drafts: Sequence[Draft]) -> Sequence[Verdict | None] | None:
        """Stop drafts that ask for a tier they have not earned."""
        from memcore_plugins.promotion.upkeep import gate

        return gate(engine.settings("promotion", PromotionSettings), drafts)

    @hookimpl
    def memcore_written(self, engine: Engine, event: WriteEvent) -> None:
        """Note who says a record again, and tiers that were approved."""
        from memcore_plugins.promotion.ladder import note_written

        note_written(engine, event)

    @hookimpl
    def memcore_retired(self, engine: Engine, event: RetireEvent) -> None:
        """Hand the tier of a replaced record to its successor."""
        from memcore_plugins.promotion.ladder import hand_over

        hand_over(engine, event)

    @hookimpl
    def memcore_decide(self, engine: Engine, request: DecisionRequest) -> None:
        """Note that two facts are in conflict; the queue itself belongs to another plugin."""
        from memcore_plugins.promotion.upkeep import note_question

        note_question(engine, request)

    @hookimpl
    def memcore_decided(self, engine: Engine, item: DecisionItem, answer: Answer) -> None:
        """Note that a conflict was decided."""
        from memcore_plugins.promotion import schema

        schema.close_conflicts(engine.workspace.connection(), item.request.key)

    @hookimpl
    def memcore_maintain(self, engine: Engine, run: Run) -> Report:
        """Promote what has passed all gates."""
        from memcore_plugins.promotion.ladder import maintain

        return maintain(engine, engine.settings("promotion", PromotionSettings), run)

    @hookimpl
    def memcore_check(self, engine: Engine) -> Iterable[Finding]:
        """Report promoted facts that are contradicted or do not fit into the prompt."""
        from memcore_plugins.promotion.upkeep import findings

        return findings(engine, engine.settings("promotion", PromotionSettings))

    @hookimpl
    def memcore_stats(self, engine: Engine) -> Mapping[str, Any]:
        """Give the records by tier."""
        from memcore_plugins.promotion.upkeep import figures

        return figures(engine)

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Bring `memcore promote`."""
        from memcore_plugins.promotion.commands import promote

        return [promote]
