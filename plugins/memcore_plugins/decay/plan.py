"""What becomes of every fading record at a time: the one computation behind upkeep, command, check and figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from attrs import frozen
from memcore import Record, Scope

from memcore_plugins.decay import schema
from memcore_plugins.decay.curve import Rule, days_between, days_left, decayed, rules

if TYPE_CHECKING:
    from memcore import Engine

    from memcore_plugins.decay import DecaySettings

__all__ = ["CORPUS", "Fate", "current_rules", "fate", "fates", "measure"]

CORPUS = "decay:corpus"
"""The key in `meta` under which the last upkeep left the size of the memory, for `adapt`."""


@frozen(kw_only=True)
class Fate:
    """One record at one time: the confidence it stated, what is left, the days since, and what is to be done.

    `left` counts the days until it drops below the floor, 0 if it already has, None if it never will.
    """

    record: Record
    old: float
    new: float
    days: int
    confirmed_at: datetime
    left: int | None
    word: Literal["keep", "near", "archive"]


def measure(engine: Engine) -> int:
    """Count all records of the memory, whatever their status, so that archiving some does not change the rate."""
    return sum(1 for _ in engine.scan(Scope(statuses=())))


def current_rules(engine: Engine, settings: DecaySettings) -> Mapping[str, Rule]:
    """Return the rules in force, adapted to the size the last upkeep measured where `adapt` is on."""
    return rules(settings, int(engine.workspace.get_meta(CORPUS) or 0) if settings.adapt else 0)


def fate(record: Record, confirmed: datetime | None, rule: Rule, settings: DecaySettings, now: datetime) -> Fate:
    """Decide about one record; without a confirmation on file it counts from the day it speaks of or was written."""
    since = confirmed or record.occurred_at or record.created_at
    old = settings.unstated if record.confidence is None else record.confidence
    new, days = decayed(old, since, now, rule.rate), days_between(since, now)
    lifetime = days_left(old, rule.floor, rule.rate)
    left = None if lifetime is None else max(0, lifetime - days)
    near = left is not None and left <= settings.near_days
    word: Literal["keep", "near", "archive"] = "archive" if left == 0 else "near" if near else "keep"
    return Fate(record=record, old=old, new=new, days=days, confirmed_at=since, left=left, word=word)


def fates(engine: Engine, settings: DecaySettings, found: Mapping[str, Rule], now: datetime) -> list[Fate]:
    """Return the fate of every active record of a fading kind, the weakest first."""
    decided = []
    for batch in _batches(engine.scan(Scope(kinds=tuple(found))) if found else ()):
        dates = schema.last_confirmed(engine.workspace.connection(), [record.id for record in batch])
        decided += [fate(r, dates.get(r.id), found[r.kind], settings, now) for r in batch]
    return sorted(decided, key=lambda each: (each.new, -each.days, each.record.id))


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for record in records:
        batch.append(record)
        if len(batch) == 500:
            yield batch
            batch = []
    if batch:
        yield batch
