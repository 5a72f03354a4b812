"""Moving records between the tiers: by upkeep, by hand, at a write, and with the record that replaces another."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from attrs import frozen
from memcore import Draft, Record, Report
from memcore.errors import InvalidInputError, RefusedError

from memcore_plugins.promotion import schema
from memcore_plugins.promotion.gates import Gate, highest, judge, needs
from memcore_plugins.promotion.schema import TIERS, Place, Tier

if TYPE_CHECKING:
    from memcore import Engine
    from memcore.records import RetireEvent, Run, WriteEvent

    from memcore_plugins.promotion import PromotionSettings

__all__ = ["Climb", "consider", "hand_over", "maintain", "move_by_hand", "note_written", "origin", "tainted"]

_DEPTH, _MOST_UPSTREAM = 5, 100


@frozen(kw_only=True)
class Climb:
    """What the gates say of one record: where it is, how far it may go, and the gates of every tier above `local`."""

    record: Record
    place: Place
    target: Tier
    judged: Mapping[Tier, tuple[Gate, ...]]

    @property
    def moves(self) -> bool:
        """Return whether it may climb."""
        return self.target != self.place.tier

    @property
    def next(self) -> Tier | None:
        """Return the first tier it does not reach, None at the top."""
        rank = TIERS.index(self.target) + 1
        return TIERS[rank] if rank < len(TIERS) else None

    @property
    def next_above(self) -> Tier:
        """Return the tier above the current one, or the current one at the top."""
        return TIERS[min(TIERS.index(self.place.tier) + 1, len(TIERS) - 1)]

    @property
    def refusals(self) -> tuple[str, ...]:
        """Return the closed gates of the first tier it does not reach, each with by how much."""
        return tuple(str(gate) for gate in self.judged[self.next] if not gate.ok) if self.next else ()


def origin(draft: Draft) -> str:
    """Return the place a draft comes from, for counting sources: file, session or host; empty if unknown."""
    if draft.source:
        return draft.source.partition("#")[0]
    for key in ("session_id", "origin"):
        if draft.metadata.get(key):
            return f"{key}:{draft.metadata[key]}"
    return ""


def tainted(engine: Engine, record: Record) -> str:
    """Return why a record is untrusted: by itself or by what it was derived from; empty if it is not."""
    if record.provenance == "untrusted":
        return "untrusted text never climbs"
    seen, wave = {record.id}, list(record.upstream_ids)
    for _ in range(_DEPTH):
        wave = [key for key in dict.fromkeys(wave) if key not in seen][:_MOST_UPSTREAM]
        seen.update(wave)
        above = engine.get(wave) if wave else ()
        if bad := [each.id for each in above if each.provenance == "untrusted"]:
            return f"derived from untrusted {bad[0]}"
        wave = [key for each in above for key in each.upstream_ids]
    return ""


def consider(
    engine: Engine, settings: PromotionSettings, record: Record, now: datetime, *, by_hand: bool = False
) -> Climb:
    """Judge one record for every tier, by the thresholds of upkeep or by the lower ones a person may use."""
    connection = engine.workspace.connection()
    place = schema.places(connection, [record.id]).get(record.id, Place())
    signals = schema.signals(connection, record.id, now, settings.max_age_days)
    sources = len({origin(record), *signals.sources} - {""})
    taint, conflicts = tainted(engine, record), schema.conflicts_about(connection, record.id)
    judged: dict[Tier, tuple[Gate, ...]] = {
        tier: judge(
            record,
            signals,
            needs(settings, tier, by_hand=by_hand),
            now=now,
            sources=sources,
            conflicts=conflicts,
            tainted=taint,
        )
        for tier in TIERS[1:]
    }
    ceiling = "global" if by_hand else place.ceiling
    target = highest(place.tier, ceiling, {tier: all(gate.ok for gate in gates) for tier, gates in judged.items()})
    return Climb(record=record, place=place, target=target, judged=judged)


def maintain(engine: Engine, settings: PromotionSettings, run: Run) -> Report:
    """Lift every record as far as its gates allow, or only propose it; a pure function of the signals and the time."""
    connection = engine.workspace.connection()
    found = schema.candidates(connection, min(settings.recalls, settings.global_recalls))
    climbs = [consider(engine, settings, record, run.now) for record in engine.get(found)]
    moving = [climb for climb in climbs if climb.moves]
    act = settings.automatic and not run.dry_run
    if not run.dry_run:
        with engine.workspace.transaction() as writing:
            schema.prune(writing, run.now - timedelta(days=2 * settings.max_age_days))
            for climb in moving if act else ():
                climb_to(engine, climb, climb.target, run.now, by="upkeep")
    word = "promoted" if act else "would be promoted"
    lines = [f"{word} {climb.place.tier} -> {climb.target}: {snippet(climb.record)}" for climb in moving]
    counts = {"examined": len(climbs), "promoted" if act else "proposed": len(moving)}
    return Report(summary=f"{len(moving)} of {len(climbs)} candidates {word}", counts=counts, lines=tuple(lines))


def climb_to(engine: Engine, climb: Climb, target: Tier, now: datetime, *, by: str) -> None:
    """Move a record up one tier at a time, with the gates as the reason."""
    connection = engine.workspace.connection()
    ladder = TIERS[TIERS.index(climb.place.tier) : TIERS.index(target) + 1]
    for before, after in itertools.pairwise(ladder):
        why = "; ".join(str(gate) for gate in climb.judged[after])
        schema.move(connection, climb.record.id, before, after, at=now, by=by, why=why)


def move_by_hand(
    engine: Engine, settings: PromotionSettings, record: Record, to: Tier | None, *, dry_run: bool
) -> Climb:
    """Move one record to a tier, by default the next one; raises RefusedError with every closed gate.

    The way down is always open, and upkeep will not lift the record again beyond where a person has put it.
    """
    now = engine.now()
    climb = consider(engine, settings, record, now, by_hand=True)
    rank, goal = TIERS.index(climb.place.tier), to or climb.next_above
    if to is None and goal == climb.place.tier:
        raise InvalidInputError(f"{record.id} is on the highest tier", cure="there is nothing to do")
    if TIERS.index(goal) > TIERS.index(climb.target):
        what = f"{record.id} stays {climb.place.tier}"
        raise RefusedError(what, why="; ".join(climb.refusals), cure="it climbs once these gates are open")
    if not dry_run:
        with engine.workspace.transaction() as connection:
            if TIERS.index(goal) < rank:
                schema.move(connection, record.id, climb.place.tier, goal, at=now, by="hand", why="moved down by hand")
            climb_to(engine, climb, goal, now, by="hand")
            schema.set_ceiling(connection, record.id, goal if TIERS.index(goal) <= rank else "global", now)
    return climb


def note_written(engine: Engine, event: WriteEvent) -> None:
    """Note who says a record again, and the tier of drafts that passed the gate with one: somebody approved it."""
    asked = [(record, record) for record in event.written] + list(event.confirmed)
    tiers = [(record, draft.metadata["tier"]) for draft, record in asked if draft.metadata.get("tier") in TIERS[1:]]
    sources = [(record.id, place) for draft, record in event.confirmed if (place := origin(draft))]
    if not tiers and not sources:
        return
    with engine.workspace.transaction() as connection:
        schema.add_source(connection, sources)
        known = schema.places(connection, [record.id for record, _ in tiers])
        for record, tier in tiers:
            before = known.get(record.id, Place()).tier
            if TIERS.index(tier) > TIERS.index(before) and record.provenance != "untrusted":
                schema.move(
                    connection,
                    record.id,
                    before,
                    cast(Tier, tier),
                    at=event.at,
                    by="review",
                    why="approved with its tier",
                )


def hand_over(engine: Engine, event: RetireEvent) -> None:
    """Settle questions about records that left, and give the tier of a replaced record to its successor."""
    with engine.workspace.transaction() as connection:
        schema.drop_conflicts(connection, [record.id for record in event.records])
        successor = next(iter(engine.get([event.superseded_by] if event.superseded_by else [])), None)
        if successor is None or tainted(engine, successor):
            return
        held = schema.places(connection, [record.id for record in event.records])
        for record in event.records:
            before = schema.places(connection, [successor.id]).get(successor.id, Place()).tier
            tier = held.get(record.id, Place()).tier
            if TIERS.index(tier) > TIERS.index(before):
                why = f"takes the place of {record.id}"
                schema.move(connection, successor.id, before, tier, at=event.at, by="succession", why=why)


def snippet(record: Record, width: int = 60) -> str:
    """Return the beginning of a record's text on one line."""
    text = " ".join(record.content.split())
    return text if len(text) <= width else text[: width - 1] + "…"
