"""The gates between the tiers: every one is a comparison of what a record has with what the next tier asks for.

Source of the rule: OpenClaw's dreaming, whose candidates must pass all thresholds at once. There the gates were once
configured, displayed and not enforced; here a record moves only through `judge`, and the answer of each gate is kept
with the step.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING

from attrs import frozen

from memcore_plugins.promotion.schema import TIERS, Signals, Tier

if TYPE_CHECKING:
    from memcore import Record

    from memcore_plugins.promotion import PromotionSettings

__all__ = ["Gate", "Needs", "highest", "judge", "needs", "score"]

_DAY = 86_400

WEIGHTS = {
    "relevance": 0.30,
    "frequency": 0.24,
    "diversity": 0.15,
    "recency": 0.15,
    "consolidation": 0.10,
    "richness": 0.06,
}
"""The published ranking weights of OpenClaw's dreaming; they sum to one."""

_HALF_LIFE_DAYS = 14.0  # OpenClaw: recency half-life
_FULL_RECALLS, _FULL_QUERIES, _FULL_DAYS, _FULL_CONCEPTS = 10, 5, 5, 5  # where a part of the score is full; ours


@frozen(kw_only=True)
class Needs:
    """What a tier asks for."""

    recalls: int
    queries: int
    sessions: int
    sources: int
    max_age_days: int
    score: float


@frozen(kw_only=True)
class Gate:
    """One gate: what it asked for, what it got, and by how much it fell short (0 if it is open)."""

    name: str
    have: float
    need: float
    short: float
    note: str = ""

    @property
    def ok(self) -> bool:
        """Return whether the gate is open."""
        return self.short <= 0

    def __str__(self) -> str:
        if self.note:
            return f"{self.name}: {self.note}"
        return f"{self.name}: {self.have:g} of {self.need:g}" + ("" if self.ok else f", {self.short:g} short")


def needs(settings: PromotionSettings, tier: Tier, *, by_hand: bool = False) -> Needs:
    """Return what a tier asks for; by hand the score and the number of questions may be lower."""
    if tier == "global":
        recalls, queries = settings.global_recalls, settings.global_queries
        sessions, sources = settings.global_sessions, settings.global_sources
    else:
        recalls = settings.hand_recalls if by_hand else settings.recalls
        queries = settings.hand_queries if by_hand else settings.queries
        sessions, sources = settings.sessions, settings.sources
    return Needs(
        recalls=recalls,
        queries=queries,
        sessions=sessions,
        sources=sources,
        max_age_days=settings.max_age_days,
        score=settings.hand_score if by_hand else settings.score,
    )


def score(record: Record, signals: Signals, now: datetime) -> float:
    """Return how well a record has proved itself, 0..1: the weighted sum of six signals, rounded to four digits."""
    age = max(0.0, (now - signals.last).total_seconds() / _DAY) if signals.last else math.inf
    parts = {
        "relevance": signals.relevance,
        "frequency": math.log1p(signals.recalls) / math.log1p(_FULL_RECALLS),
        "diversity": signals.queries / _FULL_QUERIES,
        "recency": 0.5 ** (age / _HALF_LIFE_DAYS),
        "consolidation": signals.days / _FULL_DAYS,
        "richness": len({*record.tags, *record.entities}) / _FULL_CONCEPTS,
    }
    return float(round(sum(WEIGHTS[name] * min(1.0, max(0.0, value)) for name, value in parts.items()), 4))


def judge(
    record: Record, signals: Signals, wanted: Needs, *, now: datetime, sources: int, conflicts: int, tainted: str
) -> tuple[Gate, ...]:
    """Return all gates of a tier for one record.

    `sources` are the places that say it, `conflicts` the open questions about it, `tainted` why its text is
    untrusted, empty if it is not. Who a person has confirmed needs no second session: Claude Code's "remember" asks
    for two unless the user states it.
    """
    age = math.floor(max(0.0, (now - signals.last).total_seconds()) / _DAY) if signals.last else math.inf
    sessions = 0 if record.provenance == "human_confirmed" else wanted.sessions
    return (
        Gate(name="status", have=0, need=0, short=float(record.status != "active"), note=record.status),
        Gate(name="provenance", have=0, need=0, short=float(bool(tainted)), note=tainted or record.provenance),
        Gate(name="conflicts", have=conflicts, need=0, short=conflicts, note=f"{conflicts} open, none allowed"),
        _least("recalls", signals.recalls, wanted.recalls),
        _least("queries", signals.queries, wanted.queries),
        _least("sessions", signals.sessions, sessions),
        _least("sources", sources, wanted.sources),
        _at_most("age", age, wanted.max_age_days),
        _least("score", score(record, signals, now), wanted.score),
    )


def _least(name: str, have: float, need: float) -> Gate:
    return Gate(name=name, have=have, need=need, short=round(max(0.0, need - have), 4))


def _at_most(name: str, have: float, limit: int) -> Gate:
    over = max(0.0, have - limit)
    if math.isinf(have):
        return Gate(name=name, have=have, need=limit, short=over, note="never recalled")
    note = f"last recalled {have:g} days ago, at most {limit}" + (f", {over:g} too many" if over else "")
    return Gate(name=name, have=have, need=limit, short=over, note=note)


def highest(current: Tier, ceiling: Tier, opened: dict[Tier, bool]) -> Tier:
    """Return the highest tier reached through open gates only, at least the current one, at most the ceiling."""
    reached = current
    for tier in TIERS[TIERS.index(current) + 1 : TIERS.index(ceiling) + 1]:
        if not opened[tier]:
            break
        reached = tier
    return reached
