"""`memcore decay`: what has faded, what is about to, and what leaves curated memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from memcore.cli import Context, pass_context

if TYPE_CHECKING:
    from memcore_plugins.decay.plan import Fate

__all__ = ["decay"]


@click.command("decay")
@click.option("--dry-run", is_flag=True, help="Only print what would happen.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def decay(context: Context, dry_run: bool, as_json: bool) -> None:
    """Let opinions fade, and archive those that have faded below the floor.

    Prints for every fading record the confidence it stated, what is left of it, the days since it was last confirmed,
    and its fate: keep, near (its days are numbered) or archive. Running it again, or late, changes nothing more. What
    is archived keeps its text and comes back when it is written again.

    \b
    Examples:
      memcore decay --dry-run
      memcore --set decay.rate=0.01 decay --dry-run
      memcore decay --json
    """
    from memcore_toolkit import console

    from memcore_plugins.decay import DecaySettings
    from memcore_plugins.decay.upkeep import archive, report, snippet

    engine = context.engine
    decided = archive(engine, engine.settings("decay", DecaySettings), engine.now(), dry_run=dry_run)
    if as_json:
        console.emit_json({"dry_run": dry_run, **report(decided).counts, "records": [_plain(each) for each in decided]})
        return
    if decided:
        rows = [(f"{e.old:.2f}", f"{e.new:.2f}", e.days, _fate(e), e.record.namespace, snippet(e)) for e in decided]
        console.emit_table(["OLD", "NEW", "DAYS", "FATE", "NAMESPACE", "TEXT"], rows)
    click.echo(f"{'would be: ' if dry_run else ''}{report(decided).summary}")


def _fate(each: Fate) -> str:
    return f"near ({each.left} days left)" if each.word == "near" else each.word


def _plain(each: Fate) -> dict[str, Any]:
    return {
        "id": each.record.id,
        "namespace": each.record.namespace,
        "kind": each.record.kind,
        "source": each.record.source,
        "content": each.record.content,
        "old": each.old,
        "new": each.new,
        "days": each.days,
        "days_left": each.left,
        "confirmed_at": each.confirmed_at.isoformat(),
        "fate": each.word,
    }
