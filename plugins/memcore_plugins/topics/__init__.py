"""Topics: what memory is about. A registry with names, aliases and cues, and links of records to any number of them.

Rules link first: pages, headings, tags, entities, cues. What no rule decides is asked about in groups. A question that
names a topic brings its records.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from memcore import Hit, PluginInfo, Query, Scope, hookimpl

if TYPE_CHECKING:
    import click
    from memcore import Engine, Finding, Migration, Report
    from memcore.records import Answer, DecisionItem, PromptBlock, RetireEvent, Run, WriteEvent

__all__ = ["Plugin", "TopicSettings"]


@frozen(kw_only=True)
class TopicSettings:
    """Where topics come from, what is asked about, and how much of them is shown."""

    discover: bool = field(
        default=True, metadata={"help": "make topics from wiki pages, shared headings and shared tags"}
    )
    least_records: int = field(
        default=3,
        metadata={"help": "records that must share a heading or tag to make it a topic", "source": "two are a pair"},
    )
    in_text: bool = field(default=True, metadata={"help": "link records that mention a cue or a telling name"})
    episodes: bool = field(default=False, metadata={"help": "link turns of conversations too"})
    ask: bool = field(default=True, metadata={"help": "let upkeep ask about groups of records that no rule decides"})
    questions_per_run: int = field(
        default=5, metadata={"help": "groups asked about in one upkeep run", "source": "a person answers five"}
    )
    hits: int = field(default=20, metadata={"help": "records of named topics that take part in a search"})
    prompt_topics: int = field(default=30, metadata={"help": "topics named in the system prompt; 0: no block"})


class Plugin:
    """Keeps the registry of topics and the links of records to them."""

    info = PluginInfo(
        summary="Topics: a registry with cues, links with reasons, and search by topic",
        tables=("topics", "topic_curated"),
        settings=TopicSettings,
    )

    @hookimpl
    def memcore_migrations(self) -> Sequence[Migration]:
        """Give the tables of topics and links."""
        from memcore_plugins.topics.schema import TABLES

        return TABLES

    @hookimpl
    def memcore_forget(self, engine: Engine, scope: Scope, record_ids: Sequence[str]) -> int:
        """Delete the links of forgotten records and the topics that only they had."""
        from memcore_plugins.topics.upkeep import forget

        return forget(engine, scope, record_ids)

    @hookimpl
    def memcore_search(self, engine: Engine, query: Query) -> Sequence[Hit]:
        """Return the records of the topics a question names."""
        from memcore_plugins.topics.searching import search

        return search(engine, query, engine.settings("topics", TopicSettings))

    @hookimpl
    def memcore_prompt_block(self, engine: Engine, scope: Scope) -> PromptBlock | None:
        """Name the largest topics, in alphabetical order."""
        from memcore.records import PromptBlock

        from memcore_plugins.topics import schema

        most = engine.settings("topics", TopicSettings).prompt_topics
        numbers = schema.counts(engine.workspace.connection())
        topics = [t for t in schema.load_topics(engine.workspace.connection(), scope.namespaces) if t.id in numbers]
        largest = sorted(topics, key=lambda topic: (-numbers[topic.id or 0], topic.slug))[:most]
        if not largest:
            return None
        names = "; ".join(sorted(" ".join(topic.name.split()) for topic in largest))
        return PromptBlock(title="Topics in memory", text=names.replace("<", "&lt;"))

    @hookimpl
    def memcore_written(self, engine: Engine, event: WriteEvent) -> None:
        """Link new records, all of a batch at once."""
        from memcore_plugins.topics.upkeep import note

        note(engine, event, engine.settings("topics", TopicSettings))

    @hookimpl
    def memcore_retired(self, engine: Engine, event: RetireEvent) -> None:
        """Hand links on to the successor, or drop them."""
        from memcore_plugins.topics.upkeep import follow

        follow(engine, event)

    @hookimpl
    def memcore_decided(self, engine: Engine, item: DecisionItem, answer: Answer) -> None:
        """Carry out an answer to TOPIC_CLASSIFY."""
        from memcore_plugins.topics.asking import KIND, carry_out

        if item.request.kind == KIND:
            carry_out(engine, item, answer)

    @hookimpl
    def memcore_maintain(self, engine: Engine, run: Run) -> Report:
        """Link what was missed, drop stale links, ask about groups without a topic."""
        from memcore_plugins.topics.upkeep import maintain

        return maintain(engine, run, engine.settings("topics", TopicSettings))

    @hookimpl
    def memcore_check(self, engine: Engine) -> Iterable[Finding]:
        """Report empty topics, ambiguous names and stale links."""
        from memcore_plugins.topics.upkeep import findings

        return findings(engine)

    @hookimpl
    def memcore_stats(self, engine: Engine) -> Mapping[str, Any]:
        """Count topics and links."""
        from memcore_plugins.topics import schema

        connection = engine.workspace.connection()
        numbers = schema.counts(connection)
        return {"topics": len(schema.load_topics(connection)), "links": sum(numbers.values())}

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Bring `memcore topics`."""
        from memcore_plugins.topics.commands import topics

        return [topics]
