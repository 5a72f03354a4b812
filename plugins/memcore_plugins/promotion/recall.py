"""What promotion does on the prompt path: rank by tier, and count what was shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from memcore_plugins.promotion import schema
from memcore_plugins.promotion.schema import Place

if TYPE_CHECKING:
    from memcore import Engine, Hit, Recall

    from memcore_plugins.promotion import PromotionSettings

__all__ = ["note_recalled", "reranked"]


def note_recalled(engine: Engine, recall: Recall) -> None:
    """Count what was shown, for which question and in which session."""
    from memcore_toolkit.text import query_terms

    best = max((hit.score for hit in recall.hits), default=0.0)
    shown = {hit.record.id: hit.score / best if best > 0 else 1.0 for hit in recall.hits}
    question = schema.digest(
        " ".join(sorted(query_terms(recall.query.text.lower())))
    )  # the same words are the same question
    with engine.workspace.transaction() as connection:
        schema.note_recall(connection, shown, question, recall.query.session_id or "", engine.now())


def reranked(engine: Engine, settings: PromotionSettings, hits: Sequence[Hit]) -> Sequence[Hit] | None:
    """Return the hits with those of higher tiers lifted a little."""
    places = schema.places(engine.workspace.connection(), [hit.record.id for hit in hits])
    factors = {"lessons": settings.lessons_factor, "global": settings.global_factor}
    if not any(place.tier in factors for place in places.values()):
        return None
    return [
        evolve(hit, score=hit.score * factors[tier], notes=(*hit.notes, f"tier {tier}"))
        if (tier := places.get(hit.record.id, Place()).tier) in factors
        else hit
        for hit in hits
    ]
