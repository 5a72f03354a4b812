"""`memcore ingest` and `memcore remember`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from memcore.cli import Context, pass_context

if TYPE_CHECKING:
    from memcore.records import Draft, Outcome, Source

__all__ = ["ingest", "remember"]

_STDIN = "stdin"


@click.command("ingest")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--as",
    "format_",
    metavar="FORMAT",
    help="Read in this format, whatever the name says (daily, memory, session, ...).",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be kept.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def ingest(context: Context, files: tuple[str, ...], format_: str | None, dry_run: bool, as_json: bool) -> None:
    r"""Turn files into records: logs, bank pages, MEMORY.md, transcripts, notes; `-` reads standard input.

    What says the same as something kept is merged into it and remembered as its evidence. Exits with 1 if anything was
    refused.

    \b
    Examples:
      memcore ingest memory/2026-01-31.md
      memcore ingest --dry-run --json bank/*.md
      pbpaste | memcore ingest --as daily -
    """
    from memcore_toolkit import console

    engine = context.engine
    sources = [_source(name, format_, engine.core.namespace) for name in files]
    left_out: list[dict[str, Any]] = []
    drafts: list[Draft] = []
    for source in sources:
        drafts += engine.extract(source)
        told: list[tuple[int, int, str]] = source.metadata["left_out"]
        left_out += ({"source": source.path, "line": line, "end_line": end, "reason": why} for line, end, why in told)
    if dry_run:
        rows = [(draft.kind, draft.source or "", draft.content) for draft in drafts]
        console.emit_table(
            ["KIND", "SOURCE", "TEXT"], rows, json_value={"drafts": drafts, "left_out": left_out}, as_json=as_json
        )
        return
    outcomes = engine.remember(drafts) if drafts else ()
    counts = Counter(outcome.state for outcome in outcomes)
    refused = [outcome for outcome in outcomes if outcome.state in {"held", "refused"}]
    if as_json:
        console.emit_json({"counts": counts, "refused": [_plain(each) for each in refused], "left_out": left_out})
    else:
        for outcome in refused:
            console.warn(f"{outcome.state}: {outcome.reason}")
        click.echo(f"{len(files)} files -> {_told(counts)}")
    if refused:
        raise SystemExit(1)


@click.command("remember")
@click.argument("text")
@click.option(
    "--kind", default="fact", show_default=True, help="Kind of record: world, experience, opinion, observation, ..."
)
@click.option("--entity", "entities", multiple=True, metavar="NAME", help="Who or what it is about; may be repeated.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="A tag; may be repeated.")
@click.option("--confidence", type=click.FloatRange(0, 1), help="How sure it is, from 0 to 1.")
@click.option("--source", metavar="SOURCE", help="Where it comes from.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def remember(
    context: Context,
    text: str,
    kind: str,
    entities: Sequence[str],
    tags: Sequence[str],
    confidence: float | None,
    source: str | None,
    as_json: bool,
) -> None:
    r"""Keep one fact. Exits with 1 if it is refused.

    \b
    Examples:
      memcore remember "The lease ends in March" --entity office
      memcore remember "Short mails are better" --kind opinion --confidence 0.8
    """
    from memcore.errors import RefusedError
    from memcore.records import Draft
    from memcore_toolkit import console

    engine = context.engine
    draft = Draft(
        content=text,
        kind=kind,
        namespace=engine.core.namespace,
        entities=tuple(entity.removeprefix("@") for entity in entities),
        tags=tuple(tags),
        confidence=confidence,
        source=source,
    )
    (outcome,) = engine.remember(draft)
    if outcome.record is None:
        raise RefusedError(f"the text was {outcome.state}", why=outcome.reason)
    if as_json:
        console.emit_json({"state": outcome.state, "record": outcome.record, "reason": outcome.reason})
    else:
        click.echo(f"{outcome.state}: {outcome.record.id}")


def _source(name: str, format_: str | None, namespace: str) -> Source:
    """Read one file; raise InvalidInputError for what cannot be read or is no text."""
    from memcore.config import suggest
    from memcore.errors import InvalidInputError
    from memcore.records import Source
    from memcore_toolkit.markdown import decode

    from memcore_plugins.ingest.formats import FORMATS

    if format_ is not None and format_ not in FORMATS:
        raise InvalidInputError(f"there is no format {format_!r}", cure=suggest(format_, FORMATS))
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise InvalidInputError(
            f"cannot read {name}", why=error.strerror or str(error), cure="check the path"
        ) from None
    decoded = decode(data)
    if decoded.binary:
        raise InvalidInputError(f"{name} is not text", why=decoded.notes[-1], cure="name a text file")
    path = _STDIN if name == "-" else name
    return Source(text=decoded.text, path=path, kind=format_, namespace=namespace, metadata={"left_out": []})


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "nothing to keep"


def _plain(outcome: Outcome) -> dict[str, Any]:
    return {"state": outcome.state, "source": outcome.draft.source, "reason": outcome.reason}
