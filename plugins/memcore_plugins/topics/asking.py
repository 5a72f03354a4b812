"""TOPIC_CLASSIFY: records that no rule gives a topic, asked about by the heading they stand under, a few at a time.

One question settles a whole section, so that thousands of imported records do not become thousands of questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from memcore import Record
from memcore.records import Answer, DecisionItem, DecisionRequest

from memcore_plugins.topics import schema
from memcore_plugins.topics.registry import Registry, slug_of
from memcore_plugins.topics.schema import NO_TOPIC, Link, Topic

if TYPE_CHECKING:
    from memcore import Engine

    from memcore_plugins.topics import TopicSettings

__all__ = ["KIND", "carry_out", "requests"]

KIND = "TOPIC_CLASSIFY"
NONE = "no topic"
SAMPLES = 3
SAMPLE_LENGTH = 120
MOST_OPTIONS = 30
MOST_RECORDS = 200


def requests(records: Iterable[Record], topics: Sequence[Topic], settings: TopicSettings) -> list[DecisionRequest]:
    """Return one request for each of the largest groups of undecided records, at most `questions_per_run`."""
    groups: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        path = (record.source or "").partition("#")[0]
        groups.setdefault((record.namespace, path, str(record.metadata.get("section") or "")), []).append(record)
    large = [item for item in groups.items() if len(item[1]) >= settings.least_records and item[0][1]]
    large.sort(key=lambda item: (-len(item[1]), item[0]))
    return [_request(key, found, topics) for key, found in large[: settings.questions_per_run]]


def _request(key: tuple[str, str, str], records: Sequence[Record], topics: Sequence[Topic]) -> DecisionRequest:
    namespace, path, section = key
    names = [topic.name for topic in topics if topic.namespace == namespace][: MOST_OPTIONS - 2]
    own = section.rpartition(" > ")[2] or path.rpartition("/")[2].rpartition(".")[0]
    where = f"{path}, section {section!r}" if section else path
    return DecisionRequest(
        kind=KIND,
        key=f"{KIND}:{namespace}:{path}:{section}",
        question=f"Which topic do {len(records)} records from {where} belong to?",
        options=tuple(dict.fromkeys((*names, own, NONE))),
        record_ids=tuple(record.id for record in records[:MOST_RECORDS]),
        evidence={
            "namespace": namespace,
            "samples": [" ".join(record.content.split())[:SAMPLE_LENGTH] for record in records[:SAMPLES]],
        },
    )


def carry_out(engine: Engine, item: DecisionItem, answer: Answer) -> None:
    """Link the records of a request to the topic chosen, which may be a new one, or note that they have none."""
    namespace = str(item.request.evidence.get("namespace") or engine.core.namespace)
    reason = f"decided by {answer.by or 'somebody'}" + (f": {answer.reason}" if answer.reason else "")
    now = engine.now().isoformat()
    with engine.workspace.transaction() as connection:
        topic_id = NO_TOPIC
        if answer.choice != NONE and slug_of(answer.choice):
            topic_id = _topic_id(engine, namespace, answer.choice, now)
        known = [record.id for record in engine.get(item.request.record_ids) if record.status == "active"]
        refused = topic_id == NO_TOPIC
        rows = [Link(topic_id=topic_id, record_id=key, reason=reason, refused=refused) for key in known]
        schema.add_links(connection, rows, now, replace=True)


def _topic_id(engine: Engine, namespace: str, name: str, now: str) -> int:
    connection = engine.workspace.connection()
    for _ in range(2):
        topic = Registry(schema.load_topics(connection, [namespace])).find(name)
        if topic is not None and topic.id is not None:
            return topic.id
        fresh = Topic(namespace=namespace, slug=slug_of(name), name=name, origin="hand", created_at=now)
        schema.save_topics(connection, [fresh])
    return NO_TOPIC
