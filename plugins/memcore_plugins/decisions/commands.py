"""`memcore decisions`: the queue of judgments, one of them in full, and the answer to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from memcore.cli import Context, pass_context

if TYPE_CHECKING:
    from memcore_plugins.decisions.schema import Item

__all__ = ["decisions"]


@click.group("decisions")
def decisions() -> None:
    """Show and answer the judgments that no rule can make.

    \b
    Examples:
      memcore decisions list
      memcore decisions show d41f
      memcore decisions answer d41f keep_new --reason "moved in May"
    """


@decisions.command("list")
@click.option("--all", "everything", is_flag=True, help="Also what was answered or withdrawn.")
@click.option("--kind", default="", help="Only this kind, for example CONFLICT_RESOLVE.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def list_(context: Context, everything: bool, kind: str, as_json: bool) -> None:
    """List the queue, the most urgent first.

    \b
    Examples:
      memcore decisions list
      memcore decisions list --kind REVIEW --json
    """
    from memcore_toolkit import console

    from memcore_plugins.decisions import schema

    engine = context.engine
    found = schema.items(engine.workspace.connection(), "" if everything else "queued", kind)
    now = engine.now()
    if as_json:
        console.emit_json([{**_plain(item), "overdue": _overdue(item, now)} for item in found])
        return
    if found:
        rows = [
            (item.id, item.kind, f"{item.deadline.date()}{' overdue' if _overdue(item, now) else ''}", item.status,
             _gist(item))
            for item in found
        ]  # fmt: skip
        console.emit_table(["ID", "KIND", "DEADLINE", "STATUS", "QUESTION"], rows)
    click.echo(f"{sum(item.status == 'queued' for item in found)} queued")


@decisions.command("show")
@click.argument("id_", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def show(context: Context, id_: str, as_json: bool) -> None:
    """Show one decision: the question, the options, the evidence and the history. The beginning of an ID is enough.

    \b
    Examples:
      memcore decisions show d41f
      memcore decisions show d41f --json
    """
    from memcore_toolkit import console

    from memcore_plugins.decisions.desk import the_item

    item = the_item(context.engine, id_)
    if as_json:
        console.emit_json(_plain(item))
        return
    click.echo(f"{item.id} {item.kind}, {item.status}, until {item.deadline.date()}")
    click.echo(console.printable(item.question))
    click.echo(f"options: {', '.join(item.options) or 'an answer in words'}")
    for key, value in item.evidence.items():
        for name, text in value.items() if isinstance(value, dict) else [("", value)]:
            if text not in (None, "", [], {}):
                click.echo(console.printable(f"  {key}{'.' if name else ''}{name}: {text}"))
    for event in item.history:
        said = " ".join(str(event[key]) for key in ("event", "choice", "by", "reason") if event.get(key))
        click.echo(console.printable(f"{event['at']} {said}"))


@decisions.command("answer")
@click.argument("id_", metavar="ID")
@click.argument("choice")
@click.option("--reason", default="", help="Why; kept in the history.")
@click.option("--dry-run", is_flag=True, help="Only check whether the answer is possible.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def answer(context: Context, id_: str, choice: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """Answer a decision with one of its options and have it carried out; without options, answer in words.

    If it cannot be carried out, nothing changes and the decision stays in the queue.

    \b
    Examples:
      memcore decisions answer d41f keep_both
      memcore decisions answer d41f accept --reason "I said that" --dry-run
    """
    from memcore.errors import RefusedError
    from memcore.records import Answer
    from memcore_toolkit import console

    from memcore_plugins.decisions import desk

    engine = context.engine
    item = desk.the_item(engine, id_)
    if item.status != "queued":
        raise RefusedError(f"the decision {item.id} is {item.status}, not queued", cure="memcore decisions list")
    given = desk.check_answer(item.asked().request, Answer(choice=choice, reason=reason, by="person"))
    if not dry_run:
        desk.resolve(engine, item, given)
    if as_json:
        console.emit_json({"id": item.id, "kind": item.kind, "choice": given.choice, "dry_run": dry_run})
    else:
        click.echo(console.printable(f"{'would be ' if dry_run else ''}answered {item.id}: {given.choice}"))


def _overdue(item: Item, now: Any) -> bool:
    return bool(item.status == "queued" and item.deadline < now)


def _gist(item: Item) -> str:
    why = item.evidence.get("why") or item.evidence.get("content") or ""
    text = " ".join(f"{item.question} {why}".split())
    return text if len(text) <= 100 else text[:99] + "…"


def _plain(item: Item) -> dict[str, Any]:
    return {
        "id": item.id,
        "kind": item.kind,
        "key": item.key,
        "status": item.status,
        "question": item.question,
        "options": item.options,
        "record_ids": item.record_ids,
        "evidence": item.evidence,
        "deadline": item.deadline,
        "created_at": item.created_at,
        "history": item.history,
    }
