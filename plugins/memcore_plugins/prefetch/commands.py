"""The command `search`: hits in aligned lines, with their reasons if asked, or a sentence why there is nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
from memcore import Hit, Query, Scope
from memcore.cli import Context, pass_context
from memcore.errors import InvalidInputError
from memcore.recall import search as search_with_notes
from memcore.records import evolve
from memcore_toolkit.console import display_width, emit_json, printable

from memcore_plugins.prefetch import schema
from memcore_plugins.prefetch.question import read
from memcore_plugins.prefetch.settings import PrefetchSettings

if TYPE_CHECKING:
    from datetime import datetime

    from memcore import Engine

__all__ = ["search"]

#: Columns of a terminal that does not say how wide it is.
USUAL_WIDTH = 100
LEAST_CONTENT = 24


@click.command("search", short_help="Search memory and show the best hits with their sources.")
@click.argument("words", metavar="QUERY...", nargs=-1, required=True)
@click.option("-k", "--limit", default=10, show_default=True, type=click.IntRange(min=0), help="Hits at most.")
@click.option("--explain", is_flag=True, help="Say why each hit is where it is, and what was left out.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--all-namespaces", is_flag=True, help="Search every namespace.")
@click.option("--kind", "kinds", multiple=True, help="Only records of this kind; may be repeated.")
@click.option("--entity", "entities", multiple=True, help="Only records about this entity; may be repeated.")
@click.option("--since", help="Only what happened from this day or period on: 2026-03-01, last week.")
@click.option("--until", help="Only what happened up to the end of this day or period.")
@click.option("--session", help="Leave out what this session was already shown.")
@pass_context
def search(context: Context, /, words: Sequence[str], **options: Any) -> None:
    """Search memory for a question in any language; the best hit comes first.

    \b
    Examples:
      memcore search when did we move the weekly call
      memcore search "who is allergic to cats?" --explain
      memcore search release notes --kind world --since "last month" --json
    """
    engine = context.engine
    query = Query(
        text=" ".join(words),
        scope=_scope(engine, options),
        limit=options["limit"],
        session_id=options["session"],
        now=engine.now(),
    )
    hits, notes = search_with_notes(engine, query)
    if options["as_json"]:
        emit_json({"query": query.text, "hits": [_as_json(hit) for hit in hits], "notes": notes})
        return
    for line in _lines(hits, explain=options["explain"]):
        click.echo(printable(line))
    if not hits:
        click.echo(printable(_why_nothing(engine, query)))
    if options["explain"]:
        for note in notes:
            click.echo(printable(f"note: {note}"))


def _scope(engine: Engine, options: dict[str, Any]) -> Scope:
    return Scope(
        namespaces=() if options["all_namespaces"] else (engine.core.namespace,),
        kinds=options["kinds"],
        entities=options["entities"],
        since=_moment(options["since"], "--since", engine.now(), end=False),
        until=_moment(options["until"], "--until", engine.now(), end=True),
    )


def _moment(text: str | None, option: str, now: datetime, *, end: bool) -> datetime | None:
    if not text:
        return None
    from memcore_toolkit.dates import parse_when

    period = parse_when(text, now)
    if period is None:
        cure = "give a day (2026-03-01), a month (May 2026) or words (yesterday, last week)"
        raise InvalidInputError(f"{option} {text!r} is not a time", cure=cure)
    return period.end if end else period.start


def _lines(hits: Sequence[Hit], *, explain: bool) -> list[str]:
    width = _terminal_width()
    lines = []
    for hit in hits:
        record = hit.record
        when = (record.occurred_at or record.created_at).date().isoformat()
        sources = hit.sources or ((record.source,) if record.source else ())
        source = sources[0] + (f" +{len(sources) - 1}" if len(sources) > 1 else "") if sources else ""
        content = " ".join(record.content.split())
        room = None if width is None else max(LEAST_CONTENT, width - 20 - (display_width(source) + 2 if source else 0))
        shown, pad = (content, 0) if room is None else _cut(content, room)
        lines.append(
            f"{hit.score:6.2f}  {when}  {shown}{' ' * pad if source else ''}{'  ' + source if source else ''}".rstrip()
        )
        if explain:
            found_by = ", ".join(f"{name} {score:.2f}" for name, score in sorted(hit.strategies.items()))
            lines.append(f"        found by {found_by}; {record.kind}, {record.id}")
            lines += [f"        {note}" for note in hit.notes]
            lines += [f"        also {other}" for other in sources[1:]]
    return lines


def _terminal_width() -> int | None:
    """Return the columns of the terminal, or None when the output goes to a file or another program."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or USUAL_WIDTH
    except (OSError, ValueError):
        return None


def _cut(text: str, room: int) -> tuple[str, int]:
    """Return the text cut to some columns, and how many columns are left."""
    used = 0
    for place, char in enumerate(text):
        wide = display_width(char)
        if used + wide > room - 1 and display_width(text[place:]) > room - used:
            return text[:place] + "…", room - used - 1
        used += wide
    return text, room - used


def _why_nothing(engine: Engine, query: Query) -> str:
    if not query.limit:
        return "Nothing shown: the limit is 0."
    where = f"namespace {query.scope.namespaces[0]!r}" if query.scope.namespaces else "memory"
    if not engine.backend.scan(query.scope, limit=1).records:
        if engine.backend.scan(Scope(namespaces=query.scope.namespaces), limit=1).records:
            return "Nothing found: no record meets these conditions."
        return f"Nothing found: {where} is empty."
    if query.session_id:
        seen = schema.shown(engine.workspace, query.session_id, query.text)
        if seen and engine.search(evolve(query, session_id=None)):
            return f"Nothing new: all that was found was already shown in session {query.session_id!r}."
    words = ", ".join(term.word for term in read(query.text, query.now).terms)
    near = engine.backend.search(query)
    if not near:
        return f"Nothing found: no record in {where} holds any of: {words or query.text}."
    floor = engine.settings("prefetch", PrefetchSettings).floor
    return (
        f"Nothing relevant: records hold some of these words ({words}), none holds {floor:.0%} of what is rare in them."
        " --set prefetch.floor=0 shows them."
    )


def _as_json(hit: Hit) -> dict[str, Any]:
    record = hit.record
    when = record.occurred_at or record.created_at
    return {
        "id": record.id,
        "score": round(hit.score, 4),
        "content": record.content,
        "kind": record.kind,
        "namespace": record.namespace,
        "date": when.isoformat(),
        "source": record.source,
        "sources": list(hit.sources),
        "entities": list(record.entities),
        "confidence": record.confidence,
        "status": record.status,
        "strategies": dict(hit.strategies),
        "notes": list(hit.notes),
    }
