"""`memcore topics`: look at the registry and change it by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
from attrs import evolve
from memcore.cli import Context, pass_context
from memcore.errors import InvalidInputError

from memcore_plugins.topics import schema
from memcore_plugins.topics.registry import Registry, slug_of
from memcore_plugins.topics.schema import Link, Topic

if TYPE_CHECKING:
    from memcore import Engine

__all__ = ["topics"]

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_DRY = click.option("--dry-run", is_flag=True, help="Say what would change and change nothing.")


@click.group("topics")
def topics() -> None:
    r"""What memory is about: topics, their names and cues, and the records under them.

    \b
    Examples:
      memcore topics list
      memcore topics show "quiet hours"
      memcore topics add Deployment --cue kubernetes --cue rollout
      memcore topics merge deploys Deployment --dry-run
    """


@topics.command("list")
@_JSON
@pass_context
def list_(context: Context, as_json: bool) -> None:
    r"""List topics with the number of their records, largest first.

    \b
    Examples:
      memcore topics list
      memcore topics list --json
    """
    from memcore_toolkit import console

    engine = context.engine
    connection = engine.workspace.connection()
    numbers = schema.counts(connection)
    found = schema.load_topics(connection, [engine.core.namespace])
    found.sort(key=lambda topic: (-numbers.get(topic.id or 0, 0), topic.slug))
    if as_json:
        console.emit_json([_plain(topic, numbers.get(topic.id or 0, 0)) for topic in found])
    elif found:
        rows = [[t.name, numbers.get(t.id or 0, 0), t.origin, ", ".join((*t.aliases, *t.cues))] for t in found]
        console.emit_table(["NAME", "RECORDS", "FROM", "ALIASES AND CUES"], rows)
    else:
        click.echo("no topics yet: wiki pages, shared headings and shared tags bring them, or: memcore topics add NAME")


@topics.command("show")
@click.argument("name")
@click.option("-n", "--limit", default=20, show_default=True, type=click.IntRange(min=1), help="Records at most.")
@_JSON
@pass_context
def show(context: Context, name: str, limit: int, as_json: bool) -> None:
    r"""Show one topic and its records, each with the reason of its link.

    \b
    Examples:
      memcore topics show Suppliers
      memcore topics show Suppliers --json
    """
    from memcore_toolkit import console

    engine = context.engine
    topic = _topic(engine, name)
    links = schema.links_of(engine.workspace.connection(), topic.id or 0)
    records = {record.id: record for record in engine.get([link.record_id for link in links[:limit]])}
    shown = [(link, records[link.record_id]) for link in links[:limit] if link.record_id in records]
    if as_json:
        rows = [
            {"id": record.id, "content": record.content, "source": record.source, "reason": link.reason}
            for link, record in shown
        ]
        console.emit_json({**_plain(topic, len(links)), "records": rows})
        return
    click.echo(console.printable(f"{topic.name}: {topic.description or 'no description'}"))
    for label, words in (("aliases", topic.aliases), ("cues", topic.cues)):
        if words:
            click.echo(console.printable(f"{label}: {', '.join(words)}"))
    console.emit_table(
        ["ID", "REASON", "CONTENT", "SOURCE"],
        [[record.id, link.reason, record.content, record.source] for link, record in shown],
    )
    if len(links) > len(shown):
        click.echo(f"{len(links) - len(shown)} more; -n shows them")


@topics.command("add")
@click.argument("name")
@click.option("--alias", "aliases", multiple=True, help="Another name; may be repeated.")
@click.option("--cue", "cues", multiple=True, help="A word or phrase that tells the topic; may be repeated.")
@click.option("--description", default="", help="One sentence.")
@_DRY
@pass_context
def add(context: Context, /, name: str, dry_run: bool, **more: Any) -> None:
    r"""Add a topic, or more aliases and cues to one, and link the records that mention it.

    \b
    Examples:
      memcore topics add Deployment --cue kubernetes --cue rollout
      memcore topics add Deployment --alias releases --dry-run
    """
    engine = context.engine
    registry = _registry(engine)
    old = registry.find(name)
    if not slug_of(name):
        raise InvalidInputError(f"{name!r} names nothing", why="it has no letter or digit", cure="give it a name")
    for alias in more["aliases"]:
        owner = registry.find(alias)
        if owner is not None and owner is not old:
            raise InvalidInputError(
                f"{alias!r} already names {owner.name!r}", cure=f"memcore topics merge {alias} {name}"
            )
    base = old or Topic(
        namespace=engine.core.namespace, slug=slug_of(name), name=name, created_at=engine.now().isoformat()
    )
    topic = evolve(
        base,
        origin="hand",
        aliases=dict.fromkeys((*base.aliases, *more["aliases"])),
        cues=dict.fromkeys((*base.cues, *more["cues"])),
        description=more["description"] or base.description,
    )
    found = _mentions(engine, topic)
    if not dry_run:
        with engine.workspace.transaction() as connection:
            schema.save_topics(connection, [topic])
            saved = _topic(engine, name)
            links = [Link(topic_id=saved.id or 0, record_id=key, reason=reason) for key, reason in found]
            schema.add_links(connection, links, engine.now().isoformat())
    verb = "would be" if dry_run else "is"
    click.echo(f"{topic.name!r} {verb} {'changed' if old else 'added'}; {len(found)} records mention it")


@topics.command("rename")
@click.argument("old")
@click.argument("new")
@_DRY
@pass_context
def rename(context: Context, old: str, new: str, dry_run: bool) -> None:
    r"""Give a topic another name; the old one stays as an alias.

    \b
    Examples:
      memcore topics rename deploys Deployment
    """
    engine = context.engine
    topic, owner = _topic(engine, old), _registry(engine).find(new)
    if owner is not None and owner.id != topic.id:
        raise InvalidInputError(
            f"{new!r} already names a topic", cure=f"memcore topics merge {topic.slug} {owner.slug}"
        )
    if not slug_of(new):
        raise InvalidInputError(f"{new!r} names nothing", why="it has no letter or digit", cure="give it a name")
    aliases = tuple(name for name in dict.fromkeys((*topic.aliases, topic.name)) if slug_of(name) != slug_of(new))
    if not dry_run:
        with engine.workspace.transaction() as connection:
            schema.save_topics(connection, [evolve(topic, slug=slug_of(new), name=new, aliases=aliases, origin="hand")])
    click.echo(f"{topic.name!r} {'would be' if dry_run else 'is'} renamed to {new!r}")


@topics.command("merge")
@click.argument("names", nargs=-1, required=True, metavar="FROM... INTO")
@_DRY
@pass_context
def merge(context: Context, names: Sequence[str], dry_run: bool) -> None:
    r"""Move the records, names and cues of topics into the last one named, and drop the emptied topics.

    \b
    Examples:
      memcore topics merge deploys releases Deployment
    """
    engine = context.engine
    if len(names) < 2:
        raise InvalidInputError("merging takes two topics or more", cure="memcore topics merge FROM... INTO")
    into = _topic(engine, names[-1])
    others = {topic.id or 0: topic for topic in (_topic(engine, name) for name in names[:-1]) if topic.id != into.id}
    connection = engine.workspace.connection()
    links = [link for key in others for link in schema.links_of(connection, key)]
    if not dry_run:
        aliases = [name for topic in others.values() for name in (topic.name, *topic.aliases)]
        whole = evolve(
            into,
            aliases=dict.fromkeys((*into.aliases, *aliases)),
            cues=dict.fromkeys((*into.cues, *(cue for topic in others.values() for cue in topic.cues))),
        )
        with engine.workspace.transaction() as open_connection:
            schema.save_topics(open_connection, [whole])
            moved = [evolve(link, topic_id=into.id or 0) for link in links]
            schema.add_links(open_connection, moved, engine.now().isoformat())
            schema.drop_topics(open_connection, others)
    verb = "would move" if dry_run else "moved"
    click.echo(f"{verb} {len(links)} links of {len(others)} topics into {into.name!r}")


@topics.command("link")
@click.argument("name")
@click.argument("records", nargs=-1, required=True)
@_DRY
@pass_context
def link(context: Context, name: str, records: Sequence[str], dry_run: bool) -> None:
    r"""Put records under a topic by hand.

    \b
    Examples:
      memcore topics link Deployment m6l6mmpipi3ozlbqphgi7aivbsu
    """
    engine = context.engine
    topic, known = _topic(engine, name), _records(engine, records)
    if not dry_run:
        with engine.workspace.transaction() as connection:
            rows = [Link(topic_id=topic.id or 0, record_id=key, reason="by hand") for key in known]
            schema.add_links(connection, rows, engine.now().isoformat(), replace=True)
    click.echo(f"{len(known)} records {'would be' if dry_run else 'are'} under {topic.name!r}")


@topics.command("unlink")
@click.argument("name")
@click.argument("records", nargs=-1, required=True)
@_DRY
@pass_context
def unlink(context: Context, name: str, records: Sequence[str], dry_run: bool) -> None:
    r"""Take records out of a topic for good: no rule puts them back.

    \b
    Examples:
      memcore topics unlink Deployment m6l6mmpipi3ozlbqphgi7aivbsu
    """
    engine = context.engine
    topic, known = _topic(engine, name), _records(engine, records)
    if dry_run:
        standing = {each.record_id for each in schema.links_of(engine.workspace.connection(), topic.id or 0)}
        gone = len(standing & set(known))
    else:
        with engine.workspace.transaction() as connection:
            gone = schema.unlink(connection, topic.id or 0, known, "by hand", engine.now().isoformat())
    click.echo(f"{gone} records {'would be' if dry_run else 'are'} taken out of {topic.name!r}")


def _registry(engine: Engine) -> Registry:
    return Registry(schema.load_topics(engine.workspace.connection(), [engine.core.namespace]))


def _topic(engine: Engine, name: str) -> Topic:
    registry = _registry(engine)
    topic = registry.find(name)
    if topic is None:
        from memcore.config import suggest

        known = [each.name for each in registry.topics]
        raise InvalidInputError(f"there is no topic {name!r}", cure=suggest(name, known))
    return topic


def _records(engine: Engine, ids: Sequence[str]) -> list[str]:
    known = [record.id for record in engine.get(ids)]
    if unknown := [key for key in ids if key not in known]:
        cure = "memcore search QUERY --json shows the ids"
        raise InvalidInputError(f"there is no record {unknown[0]!r}; nothing was changed", cure=cure)
    return known


def _mentions(engine: Engine, topic: Topic) -> list[tuple[str, str]]:
    """Return the records whose page, headings, tags, entities or words tell the topic, with the reason."""
    from memcore.records import Scope

    from memcore_plugins.topics import TopicSettings
    from memcore_plugins.topics.linking import links, subject_of

    settings = engine.settings("topics", TopicSettings)
    alone = Registry([evolve(topic, id=topic.id or -1)])
    records = (r for r in engine.scan(Scope(namespaces=(topic.namespace,))) if settings.episodes or r.kind != "episode")
    found = links(alone, (subject_of(record, record) for record in records), settings)
    return [(each.record_id, each.reason) for each in found]


def _plain(topic: Topic, records: int) -> dict[str, Any]:
    return {
        "name": topic.name,
        "slug": topic.slug,
        "namespace": topic.namespace,
        "aliases": list(topic.aliases),
        "cues": list(topic.cues),
        "description": topic.description,
        "origin": topic.origin,
        "records": records,
    }
