"""Who else said it: what was merged into a record keeps its own words, source, confidence and date."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from memcore.records import Draft, Hit, Record, evolve

from memcore_plugins.ingest.schema import select_in

if TYPE_CHECKING:
    from memcore import Engine

__all__ = ["keep", "path_of", "with_sources"]


def path_of(source: str | None) -> str:
    """Return a source without its line."""
    return (source or "").partition("#L")[0]


def keep(engine: Engine, confirmed: Iterable[tuple[Draft, Record]], at: datetime) -> None:
    """Keep what each draft said of its record; a file that says the same again in another line replaces its own row."""
    from memcore_plugins.ingest.sameness import text_digest  # builds what a search does not need

    rows = []
    for draft, record in confirmed:
        same = draft.content == record.content
        if same and draft.source and path_of(draft.source) == path_of(record.source):
            continue
        when = draft.occurred_at.isoformat() if draft.occurred_at else None
        content = None if same else draft.content
        digest = text_digest(draft.content)
        rows.append(
            (
                record.id,
                path_of(draft.source),
                digest,
                draft.source or "",
                draft.namespace,
                content,
                draft.confidence,
                when,
                at.isoformat(),
            )
        )
    engine.workspace.connection().executemany(
        "INSERT INTO evidence VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET source=excluded.source, "
        "confidence=coalesce(excluded.confidence, confidence), "
        "occurred_at=coalesce(excluded.occurred_at, occurred_at), seen_at=excluded.seen_at",
        rows,
    )


def with_sources(engine: Engine, hits: Sequence[Hit]) -> list[Hit] | None:
    """Return the hits with every source that said the same; None if no hit has more than its own."""
    statement = "SELECT record_id, source FROM evidence WHERE source<>'' AND record_id IN (?) ORDER BY source"
    ids = [hit.record.id for hit in hits]
    sources: dict[str, list[str]] = {}
    for key, source in select_in(engine.workspace.connection(), statement.replace(" ORDER BY source", ""), ids):
        sources.setdefault(key, []).append(source)
    if not sources:
        return None
    return [
        evolve(hit, sources=tuple(dict.fromkeys(filter(None, (hit.record.source, *hit.sources, *sorted(more))))))
        if (more := sources.get(hit.record.id))
        else hit
        for hit in hits
    ]
