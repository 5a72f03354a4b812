"""`memcore forget`: show what will be removed, ask, then remove it everywhere or nowhere."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
from memcore.cli import Context, pass_context

if TYPE_CHECKING:
    from memcore import Engine, Record

__all__ = ["forget"]

_SHOWN = 20


@click.command("forget")
@click.option("--namespace", "namespaces", multiple=True, metavar="NAME", help="Everything in a namespace.")
@click.option("--record", "records", multiple=True, metavar="ID", help="One record.")
@click.option("--source", metavar="PATH", help="Everything from a source, with or without #LINE.")
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def forget(
    context: Context,
    namespaces: tuple[str, ...],
    records: tuple[str, ...],
    source: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Remove records for good, with all that plugins know of them.

    Several options narrow each other: --namespace work --source memory/2026-01-31.md means what came from that file in
    that namespace. It removes everything or nothing; afterwards no file of the workspace holds the text. Files that the
    records came from are not touched, nor are backups and exports you made.

    \b
    Examples:
      memcore forget --source memory/2026-01-31.md --dry-run
      memcore forget --namespace trial --yes
      memcore forget --record 3f2a9c --record 77e01b
    """
    from memcore.errors import InvalidInputError
    from memcore.records import Scope
    from memcore_toolkit import console

    if not (namespaces or records or source):
        cure = "name what to forget with --namespace, --record or --source"
        raise InvalidInputError("forget needs to know what to forget", why="without a limit it would be all", cure=cure)
    engine = context.engine
    scope = Scope(namespaces=namespaces, ids=records, source=source, statuses=())
    engine.forget(scope, dry_run=True)  # a backend that cannot delete says so before anybody is asked
    found = list(engine.scan(scope))
    if not as_json:
        _show(found)
        if not found:
            _hint(engine, namespaces)
    removed: dict[str, int] = {}
    if not dry_run and (found or yes):
        _confirm(len(found), yes=yes)
        removed = engine.forget(scope)
    if as_json:
        console.emit_json({"dry_run": dry_run, "found": [_plain(record) for record in found], "removed": removed})
    elif removed:
        parts = ", ".join(f"{count} of {owner}" for owner, count in removed.items() if count)
        click.echo(f"removed: {parts or 'nothing'}")


def _plain(record: Record) -> dict[str, Any]:
    keys = ("id", "namespace", "kind", "status", "source", "content")
    return {key: getattr(record, key) for key in keys}


def _show(found: Sequence[Record]) -> None:
    from memcore_toolkit import console

    if found:
        rows = [(r.id, r.namespace, r.kind, r.status, r.source or "", r.content) for r in found[:_SHOWN]]
        console.emit_table(["ID", "NAMESPACE", "KIND", "STATUS", "SOURCE", "TEXT"], rows)
    if len(found) > _SHOWN:
        click.echo(f"... and {len(found) - _SHOWN} more")
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(r.kind for r in found).items()))
    click.echo(f"{len(found)} records match{': ' + kinds if kinds else ''}")


def _hint(engine: Engine, namespaces: Sequence[str]) -> None:
    """Name the namespaces there are: a mistyped one must not look like a successful removal."""
    from memcore.records import Scope
    from memcore_toolkit import console

    if namespaces:
        known = sorted({record.namespace for record in engine.scan(Scope(statuses=()))})
        console.warn(f"no record in {', '.join(namespaces)}; there are: {', '.join(known) or 'none'}")


def _confirm(count: int, *, yes: bool) -> None:
    from memcore.errors import InvalidInputError

    if yes:
        return
    if not _on_terminal():
        cure = "add --yes, or look first with --dry-run"
        raise InvalidInputError("nothing was removed", why="there is no terminal to ask on", cure=cure)
    click.confirm(f"Remove these {count} records for good?", abort=True, err=True)


def _on_terminal() -> bool:
    return sys.stdin.isatty()
