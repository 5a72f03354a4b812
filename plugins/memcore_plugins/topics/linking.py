"""Which topics a record belongs to, by rule: its page, its headings, its tags and entities, and the words in it.

Rules also bring topics about: the page of a wiki, and a heading or a tag that several records share. Daily logs,
identity files and instructions to agents have headings too ("09:00", "Retain"), but no topics in them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen
from memcore import Record
from memcore_toolkit.stopwords import words

from memcore_plugins.topics import schema
from memcore_plugins.topics.registry import Registry, slug_of
from memcore_plugins.topics.schema import Link, Topic

if TYPE_CHECKING:
    from memcore import Draft, Engine

    from memcore_plugins.topics import TopicSettings

__all__ = ["Subject", "link", "subject_of"]

#: Formats (see `metadata["format"]`) whose headings name what the text is about.
NAMED_BY_HEADINGS = frozenset({"bank", "memory", "wiki", "pages", ""})
#: Pages of a bank that are sorted by kind, and files that hold everything: their titles say nothing.
GENERAL = words(
    """
    world experience experiences opinions opinion observations reflections memory user identity soul index log
    readme retain notes preferences
    """
)
LONGEST_NAME = 60


@frozen(kw_only=True)
class Subject:
    """What the rules look at: the record to link, and what its draft said of where it comes from."""

    record_id: str
    namespace: str
    content: str
    page: str = ""
    sections: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()


def subject_of(draft: Draft, record: Record) -> Subject:
    """Return what the rules look at in a record, or in a draft that said the record again."""
    metadata = draft.metadata
    sections = [part.strip() for part in str(metadata.get("section") or "").split(" > ") if part.strip()]
    kind = str(metadata.get("format") or "")
    if kind not in NAMED_BY_HEADINGS:
        sections = []
    page = ""
    if kind == "wiki":
        page, sections = _page_title(draft, metadata, sections), []
    elif sections and GENERAL & {slug_of(sections[0]), _stem(draft.source)}:
        sections = sections[1:]  # the title of a file that holds everything
    return Subject(
        record_id=record.id,
        namespace=record.namespace,
        content=draft.content,
        page=page,
        sections=tuple(part for part in sections if _is_name(part)),
        tags=tuple(tag for tag in draft.tags if _is_name(tag)),
        entities=draft.entities,
    )


def _page_title(draft: Draft, metadata: Mapping[str, Any], sections: Sequence[str]) -> str:
    title = metadata.get("title") or (sections[0] if sections else "")
    title = str(title or _stem(draft.source))
    return title if _is_name(title) else ""


def _stem(source: str | None) -> str:
    return (source or "").partition("#")[0].rpartition("/")[2].rpartition(".")[0].casefold()


def _is_name(text: str) -> bool:
    """Tell whether a heading or tag can name a topic: short, with letters, not a date, time or file of everything."""
    slug = slug_of(text)
    letters = sum(map(str.isalpha, slug))
    return len(text) <= LONGEST_NAME and letters > 1 and letters > sum(map(str.isdigit, slug)) and slug not in GENERAL


def link(engine: Engine, subjects: Sequence[Subject], settings: TopicSettings) -> tuple[int, int]:
    """Make the topics these subjects bring about and link them all; return the numbers of new topics and new links."""
    now, topics_made, links_made = engine.now().isoformat(), 0, 0
    with engine.workspace.transaction() as connection:
        for namespace in sorted({subject.namespace for subject in subjects}):
            own = [subject for subject in subjects if subject.namespace == namespace]
            registry = Registry(schema.load_topics(connection, [namespace]))
            if fresh := _new_topics(registry, own, namespace, now, settings):
                schema.save_topics(connection, fresh)
                registry = Registry(schema.load_topics(connection, [namespace]))
                topics_made += len(fresh)
            links_made += schema.add_links(connection, links(registry, own, settings), now)
    return topics_made, links_made


def links(registry: Registry, subjects: Iterable[Subject], settings: TopicSettings) -> list[Link]:
    """Return the links the rules make, the strongest reason of each: page, heading, tag, entity, cue, name."""
    found: dict[tuple[int, str], Link] = {}
    for subject in subjects:
        named = [(subject.page, "page"), *((part, "heading") for part in subject.sections)]
        named += [(tag, "tag") for tag in subject.tags] + [(entity, "entity") for entity in subject.entities]
        reasons = [(registry.find(name), f"{kind}: {name}") for name, kind in named if name]
        if settings.in_text:
            reasons += registry.in_text(subject.content)
        for topic, reason in reasons:
            if topic is not None and topic.id is not None:
                key = (topic.id, subject.record_id)
                found.setdefault(key, Link(topic_id=topic.id, record_id=subject.record_id, reason=reason))
    return list(found.values())


def _new_topics(
    registry: Registry, subjects: Sequence[Subject], namespace: str, now: str, settings: TopicSettings
) -> list[Topic]:
    """Return topics for pages, and for headings and tags that at least `least_records` of the subjects share."""
    shared: Counter[tuple[str, str]] = Counter()
    for subject in subjects:
        shared.update({(part, "section") for part in subject.sections} | {(tag, "tag") for tag in subject.tags})
    named = [(subject.page, "page") for subject in subjects if subject.page]
    named += [key for key, number in sorted(shared.items()) if number >= settings.least_records]
    fresh: dict[str, Topic] = {}
    for name, origin in named if settings.discover else ():
        if registry.find(name) is None:
            topic = Topic(namespace=namespace, slug=slug_of(name), name=name, origin=origin, created_at=now)
            fresh.setdefault(topic.slug, topic)
    return list(fresh.values())
