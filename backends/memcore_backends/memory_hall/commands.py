"""`memcore outbox`: what waits for the server, and sending it. `memcore revoke`: hide what the server cannot delete."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
from memcore.cli import Context, pass_context

if TYPE_CHECKING:
    from memcore.engine import Engine

    from memcore_backends.memory_hall.outbox import Op, Outbox
    from memcore_backends.memory_hall.store import MemoryHall

__all__ = ["outbox", "revoke"]

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_dry_run = click.option("--dry-run", is_flag=True, help="Only say what would happen.")
_yes = click.option("--yes", is_flag=True, help="Do not ask.")
_MOST = 1000


@click.group("outbox")
def outbox() -> None:
    """Show and send the writes that a memory-hall server has not confirmed."""


@outbox.command("show")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, _MOST), help="Rows of each kind.")
@_json
@pass_context
def show(context: Context, limit: int, as_json: bool) -> None:
    r"""List what waits and what the server refused, oldest first, each with the reason.

    A refused write is kept until it is sent again or dropped; it holds nothing up and is found by every search here.

    \b
    Examples:
      memcore outbox show
      memcore outbox show --limit 5 --json
    """
    from memcore_toolkit import console

    engine = context.engine
    box = _box(engine)
    waiting, refused, oldest = box.depth()
    ops = [*box.waiting(0, limit, refused=True), *box.waiting(0, limit)]
    plain = [_plain(op, box) for op in ops]
    if as_json:
        since = oldest.isoformat() if oldest else None
        console.emit_json({"waiting": waiting, "refused": refused, "waiting_since": since, "writes": plain})
        return
    if plain:
        rows = [
            (each["number"], each["what"], each["state"], each["namespace"], each["since"], each["reason"])
            for each in plain
        ]
        console.emit_table(["NUMBER", "WHAT", "STATE", "NAMESPACE", "SINCE", "REASON"], rows)
    click.echo(f"{waiting} writes wait, {refused} were refused")
    if refused:
        click.echo(
            "after the cause is removed: memcore outbox flush --refused; to give one up: memcore outbox drop NUMBER"
        )


def _plain(op: Op, box: Outbox) -> dict[str, Any]:
    known = box.known([op.id]).get(op.id)
    return {
        "number": op.seq,
        "id": op.id,
        "what": op.op,
        "state": "refused" if op.refused else "waiting",
        "namespace": known.namespace if known else "",
        "since": op.queued_at.isoformat(timespec="seconds"),
        "rounds": op.rounds,
        "reason": op.problem,
    }


@outbox.command("flush")
@click.option("--refused", is_flag=True, help="Send what was refused once more as well.")
@_dry_run
@_json
@pass_context
def flush(context: Context, refused: bool, dry_run: bool, as_json: bool) -> None:
    r"""Send everything that waits, in order. Exits 1 if something still waits or was refused.

    \b
    Examples:
      memcore outbox flush
      memcore outbox flush --refused
      memcore outbox flush --dry-run --json
    """
    from memcore_toolkit import console

    backend = _backend(context.engine)
    before, aside, _ = backend.outbox.depth()
    if dry_run:
        would = before + (aside if refused else 0)
        _tell({"dry_run": True, "would_send": would}, f"{would} writes would be sent", as_json)
        return
    if refused:
        backend.outbox.again()
    backend.link.probe()
    flushed = backend.courier.flush()
    waiting, aside, _ = backend.outbox.depth()
    said = {"dry_run": False, "sent": flushed.sent, "waiting": waiting, "refused": aside}
    if flushed.problem is not None and not as_json:
        console.warn(str(flushed.problem))
    problem = str(flushed.problem) if flushed.problem is not None else None
    _tell(said | {"problem": problem}, f"{flushed.sent} writes sent, {waiting} wait, {aside} were refused", as_json)
    if waiting or aside:
        raise SystemExit(1)


@outbox.command("drop")
@click.argument("numbers", nargs=-1, required=True, type=int, metavar="NUMBER...")
@_dry_run
@_yes
@_json
@pass_context
def drop(context: Context, numbers: tuple[int, ...], dry_run: bool, yes: bool, as_json: bool) -> None:
    r"""Give up refused writes for good: a record that the server never had is then nowhere.

    What merely waits cannot be dropped.

    \b
    Examples:
      memcore outbox drop 17 --dry-run
      memcore outbox drop 17 18 --yes
    """
    from memcore.errors import InvalidInputError

    box = _box(context.engine)
    refused = {op.seq for op in box.still(list(numbers)) if op.refused}
    if strangers := [number for number in numbers if number not in refused]:
        why = "it is not among the refused writes"
        raise InvalidInputError(f"write {strangers[0]} cannot be dropped", why=why, cure="memcore outbox show")
    if not dry_run:
        _confirm(f"Give up {len(refused)} refused writes for good?", yes=yes)
        box.drop(sorted(refused))
    _tell(
        {"dry_run": dry_run, "dropped": len(refused)},
        f"{len(refused)} writes {'would be ' if dry_run else ''}dropped",
        as_json,
    )


@click.command("revoke")
@click.option("--namespace", "namespaces", multiple=True, required=True, metavar="NAME", help="What to hide.")
@click.option("--reason", default="revoked by its owner", show_default=True, help="Kept with each record.")
@_dry_run
@_yes
@_json
@pass_context
def revoke(context: Context, namespaces: tuple[str, ...], reason: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    r"""Hide every record of a namespace on a memory-hall server. This deletes nothing there.

    The server cannot delete. Revoked records are no longer recalled by memcore; their text stays on the server, readable
    for everybody with its token, in lists, searches, database files and backups. Writes that it does not have yet are
    dropped unsent, and the copies in this workspace are removed. Only the operator of the server can delete.

    \b
    Examples:
      memcore revoke --namespace project:virtualme:alice --dry-run
      memcore revoke --namespace project:virtualme:alice --reason "left the study" --yes
    """
    from memcore.records import Scope

    backend = _backend(context.engine)
    scope = Scope(namespaces=namespaces)
    count = len(backend.everything(scope))
    if not dry_run and count:
        _confirm(f"Hide {count} records? Their text stays on the server.", yes=yes)
        count = backend.revoke(scope, reason=reason)
    left = "" if dry_run else f"; their text stays on {backend.link.transport.where} until its operator deletes it"
    _tell(
        {"dry_run": dry_run, "revoked": count},
        f"{count} records {'would be ' if dry_run else ''}revoked{left}",
        as_json,
    )


def _backend(engine: Engine) -> MemoryHall:
    """Return the backend; raises InvalidInputError if another one is chosen."""
    from memcore.errors import InvalidInputError

    from memcore_backends.memory_hall.upkeep import chosen

    backend = chosen(engine)
    if backend is None:
        why = f"the backend is {engine.backend.name}, which keeps its records itself"
        raise InvalidInputError("there is no server to talk to", why=why, cure="memcore --backend memory-hall ...")
    return backend


def _box(engine: Engine) -> Outbox:
    """Return the outbox of the workspace, whatever backend is chosen: writes may wait there from an earlier time."""
    from memcore_backends.memory_hall.access import Access
    from memcore_backends.memory_hall.outbox import Outbox
    from memcore_backends.memory_hall.upkeep import chosen

    backend = chosen(engine)
    found = backend.outbox if backend else Outbox(Access(engine.workspace), engine.now, copy=True)
    return found if backend or any(found.depth()[:2]) else _backend(engine).outbox


def _tell(value: dict[str, Any], sentence: str, as_json: bool) -> None:
    from memcore_toolkit import console

    if as_json:
        console.emit_json(value)
    else:
        click.echo(sentence)


def _confirm(question: str, *, yes: bool) -> None:
    from memcore.errors import InvalidInputError

    if yes:
        return
    if not sys.stdin.isatty():
        raise InvalidInputError(
            "nothing was changed", why="there is no terminal to ask on", cure="add --yes, or look first with --dry-run"
        )
    click.confirm(question, abort=True, err=True)
