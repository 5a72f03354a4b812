"""What decay does when something is written, maintained, checked or counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from memcore import Finding, Report

from memcore_plugins.decay import schema
from memcore_plugins.decay.curve import rules
from memcore_plugins.decay.plan import CORPUS, Fate, current_rules, fates, measure

if TYPE_CHECKING:
    from memcore import Engine
    from memcore.records import WriteEvent

    from memcore_plugins.decay import DecaySettings

__all__ = ["archive", "figures", "findings", "note_confirmations", "report", "snippet"]

_FORECAST_DAYS = (7, 30, 90)


def note_confirmations(engine: Engine, settings: DecaySettings, event: WriteEvent) -> None:
    """Record when each record of a fading kind was last said, by the latest date of what was said or of the event.

    A record that came back without a draft to date it was said now; a date in the future counts as now.
    """
    kinds = rules(settings)
    written = [record for record in event.written if record.kind in kinds]
    known = schema.last_confirmed(engine.workspace.connection(), [record.id for record in written])
    said = {r.id: r.occurred_at or r.created_at for r in written if r.id not in known}
    for draft, record in event.confirmed:
        if record.kind in kinds:
            at = draft.occurred_at or event.at
            said[record.id] = max(at, said.get(record.id, at))
    back = {r.id: event.at for r in written}
    with engine.workspace.transaction() as connection:
        schema.confirm(connection, {key: min(at, event.at) for key, at in {**back, **said}.items()})


def archive(engine: Engine, settings: DecaySettings, now: datetime, *, dry_run: bool = False) -> list[Fate]:
    """Archive every active record below its floor, in one transaction; return the fate of every fading record."""
    if dry_run:
        return fates(engine, settings, rules(settings, measure(engine) if settings.adapt else 0), now)
    with engine.writing():
        if settings.adapt:
            engine.workspace.set_meta(CORPUS, str(measure(engine)))
        found = current_rules(engine, settings)
        decided = fates(engine, settings, found, now)
        for kind, rule in found.items():
            gone = [each.record.id for each in decided if each.word == "archive" and each.record.kind == kind]
            if gone:
                engine.retire(gone, reason=f"decayed below {rule.floor:.2f}")
    return decided


def report(decided: Sequence[Fate]) -> Report:
    """Say what was archived and what is near, one line per change."""
    gone = [each for each in decided if each.word == "archive"]
    near = sum(each.word == "near" for each in decided)
    return Report(
        summary=f"{len(gone)} archived, {near} near the floor, {len(decided) - len(gone) - near} kept",
        counts={"archived": len(gone), "near": near, "kept": len(decided) - len(gone) - near},
        lines=tuple(f"archived {e.old:.2f} -> {e.new:.2f} after {e.days} days: {snippet(e)}" for e in gone),
    )


def findings(engine: Engine, settings: DecaySettings) -> Iterator[Finding]:
    """Yield one finding per record that is near its floor, and one if upkeep has not run for those below it."""
    decided = fates(engine, settings, current_rules(engine, settings), engine.now())
    if gone := [each.record.id for each in decided if each.word == "archive"]:
        yield Finding(
            code="decay.overdue",
            severity="warning",
            message=f"{len(gone)} faded records are still in curated memory: upkeep does not run",
            cure="run memcore maintain daily",
            record_ids=tuple(gone),
        )
    for each in decided:
        if each.word == "near":
            yield Finding(
                code="decay.near",
                severity="info",
                message=f"{each.new:.2f}, archived in {each.left} days unless confirmed: {snippet(each)}",
                where=each.record.source or each.record.id,
                cure="write it again if it still holds",
                record_ids=(each.record.id,),
            )


def figures(engine: Engine, settings: DecaySettings) -> Mapping[str, Any]:
    """Return the rules in force, the records by fate, and how many leave curated memory within 7, 30 and 90 days."""
    found = current_rules(engine, settings)
    decided = fates(engine, settings, found, engine.now())
    words = [each.word for each in decided]
    lasting = [each.left for each in decided if each.left is not None]
    return {
        "rules": {kind: {"rate": rule.rate, "floor": rule.floor} for kind, rule in found.items()},
        "records": {word: words.count(word) for word in ("keep", "near", "archive")},
        "forecast": {f"{days} days": sum(left <= days for left in lasting) for days in _FORECAST_DAYS},
        "confirmations": schema.count(engine.workspace.connection()),
    }


def snippet(each: Fate, width: int = 60) -> str:
    """Return the beginning of a record's text on one line."""
    text = " ".join(each.record.content.split())
    return text if len(text) <= width else text[: width - 1] + "…"
