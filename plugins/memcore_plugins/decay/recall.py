"""What decay does to a search: fading hits count for what is left of their confidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from memcore.records import evolve

from memcore_plugins.decay import schema
from memcore_plugins.decay.plan import current_rules, fate

if TYPE_CHECKING:
    from memcore import Engine, Hit, Query

    from memcore_plugins.decay import DecaySettings

__all__ = ["rescaled"]


def rescaled(engine: Engine, settings: DecaySettings, query: Query, hits: Sequence[Hit]) -> Sequence[Hit] | None:
    """Return the hits with fading ones scaled and annotated, and without those below their floor.

    Who asks for records that left active memory gets the faded ones too.
    """
    found = current_rules(engine, settings)
    fading = [hit.record.id for hit in hits if hit.record.kind in found]
    if not fading:
        return None
    dates = schema.last_confirmed(engine.workspace.connection(), fading)
    wants_all = not query.scope.statuses or bool({"retired", "archived"} & set(query.scope.statuses))
    kept = []
    for hit in hits:
        if hit.record.kind not in found:
            kept.append(hit)
            continue
        now = fate(hit.record, dates.get(hit.record.id), found[hit.record.kind], settings, query.now)
        if wants_all or now.word != "archive":
            note = f"confidence {now.old:.2f}, now {now.new:.2f} after {now.days} days without confirmation"
            notes = (*hit.notes, note) if now.new < now.old else hit.notes
            kept.append(evolve(hit, score=hit.score * now.new, notes=notes))
    return kept
