"""What keeps links true: relinking what was missed, dropping what is gone, and the checks and figures of both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from memcore import Record, Scope
from memcore.records import Finding, Report

from memcore_plugins.topics import asking, schema
from memcore_plugins.topics.linking import link, subject_of

if TYPE_CHECKING:
    from memcore import Engine
    from memcore.records import RetireEvent, Run, WriteEvent

    from memcore_plugins.topics import TopicSettings

__all__ = ["findings", "follow", "forget", "maintain", "note"]

BATCH = 2000


def note(engine: Engine, event: WriteEvent, settings: TopicSettings) -> None:
    """Link what was written, and what was said again in another place."""
    subjects = [subject_of(record, record) for record in event.written if _takes_part(record, settings)]
    subjects += [subject_of(draft, record) for draft, record in event.confirmed if _takes_part(record, settings)]
    if subjects:
        link(engine, subjects, settings)


def follow(engine: Engine, event: RetireEvent) -> None:
    """Hand the links of superseded records to their successor; drop those of removed records."""
    ids = [record.id for record in event.records]
    with engine.workspace.transaction() as connection:
        if event.superseded_by and event.superseded_by not in ids:
            schema.move_links(connection, ids, event.superseded_by)
        else:
            schema.drop_records(connection, ids)


def forget(engine: Engine, scope: Scope, record_ids: Sequence[str]) -> int:
    """Drop the links of forgotten records and the topics this leaves empty: their names tell what was there."""
    with engine.workspace.transaction() as connection:
        before = schema.counts(connection)
        gone = schema.drop_records(connection, record_ids)
        left = schema.counts(connection)
        whole = scope == Scope(namespaces=scope.namespaces, statuses=scope.statuses)
        told = []
        for topic in schema.load_topics(connection):
            inside = whole and (not scope.namespaces or topic.namespace in scope.namespaces)
            emptied = topic.origin != "hand" and topic.id in before and topic.id not in left
            if topic.id is not None and (inside or emptied):
                told.append(topic.id)
        return gone + schema.drop_topics(connection, told)


def maintain(engine: Engine, run: Run, settings: TopicSettings) -> Report:
    """Link what has no topic yet, drop links of what is gone, and ask about the largest groups that no rule decides."""
    connection = engine.workspace.connection()
    stale = _stale(engine)
    made = topics = asked = 0
    undecided: list[Record] = []
    for batch in _batches(engine, settings):
        known = schema.settled(connection, [record.id for record in batch])
        waiting = [record for record in batch if record.id not in known]
        if not run.dry_run and waiting:
            fresh, links = link(engine, [subject_of(record, record) for record in waiting], settings)
            topics, made = topics + fresh, made + links
            known = schema.settled(connection, [record.id for record in waiting])
        undecided += [record for record in waiting if record.id not in known]
    if settings.ask and not run.dry_run:
        for request in asking.requests(undecided, schema.load_topics(connection), settings):
            asked += engine.decide(request) is not None
    if stale and not run.dry_run:
        with engine.workspace.transaction() as open_connection:
            schema.drop_records(open_connection, stale)
    done = f"{made} links and {topics} topics added, {len(stale)} stale links dropped"
    return Report(
        summary=f"{done}, {len(undecided)} records without topic",
        counts={"links": made, "topics": topics, "stale": len(stale), "without": len(undecided), "asked": asked},
    )


def findings(engine: Engine) -> Iterator[Finding]:
    """Report topics without records, names that two topics share, and links to records that are gone."""
    connection = engine.workspace.connection()
    numbers, names = schema.counts(connection), dict[tuple[str, str], str]()
    for topic in schema.load_topics(connection):
        if topic.id not in numbers:
            yield Finding(
                code="topics.empty",
                severity="info",
                message=f"the topic {topic.name!r} has no records",
                where=topic.namespace,
                cure=f"memcore topics link {topic.slug} RECORD, or merge it into another",
            )
        for name in (topic.name, *topic.aliases):
            other = names.setdefault((topic.namespace, name.casefold()), topic.slug)
            if other != topic.slug:
                yield Finding(
                    code="topics.ambiguous",
                    severity="warning",
                    message=f"{name!r} names both {other!r} and {topic.slug!r}",
                    where=topic.namespace,
                    cure=f"memcore topics merge {topic.slug} {other}",
                )
    if stale := _stale(engine):
        yield Finding(
            code="topics.stale",
            severity="warning",
            message=f"{len(stale)} linked records are gone or no longer active",
            cure="memcore maintain",
            record_ids=stale,
        )


def _takes_part(record: Record, settings: TopicSettings) -> bool:
    return record.status == "active" and (settings.episodes or record.kind != "episode")


def _batches(engine: Engine, settings: TopicSettings) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for record in engine.scan(Scope()):
        if _takes_part(record, settings):
            batch.append(record)
            if len(batch) == BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


def _stale(engine: Engine) -> list[str]:
    ids = schema.linked(engine.workspace.connection())
    alive: set[str] = set()
    for start in range(0, len(ids), BATCH):
        alive |= {record.id for record in engine.get(ids[start : start + BATCH]) if record.status == "active"}
    return [key for key in ids if key not in alive]
