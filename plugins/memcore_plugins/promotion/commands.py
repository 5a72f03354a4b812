"""`memcore promote`: which facts may climb, what keeps the others, and moving one by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from memcore.cli import Context, pass_context

if TYPE_CHECKING:
    from memcore import Engine

    from memcore_plugins.promotion.gates import Gate
    from memcore_plugins.promotion.ladder import Climb
    from memcore_plugins.promotion.schema import Tier

__all__ = ["promote"]


@click.command("promote")
@click.argument("id_", metavar="[ID]", required=False)
@click.option("--to", type=click.Choice(["local", "lessons", "global"]), help="The tier to move ID to [the next one].")
@click.option("--history", is_flag=True, help="Show the steps that were taken, of ID or of all.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def promote(context: Context, id_: str | None, to: Tier | None, history: bool, dry_run: bool, as_json: bool) -> None:
    """Promote facts that have passed all gates, local -> lessons -> global, or move the one with this ID.

    By hand the thresholds are a little lower than in upkeep. A refusal names every closed gate and by how much it was
    missed, and exits with 1. The way down is always open, and upkeep does not undo it.

    \b
    Examples:
      memcore promote --dry-run
      memcore promote 3f9c2a
      memcore promote 3f9c2a --to local
      memcore promote --history --json
    """
    if history:
        _show_history(context.engine, id_ or "", as_json)
    elif id_:
        _move_one(context.engine, id_, to, dry_run=dry_run, as_json=as_json)
    elif to:
        raise click.UsageError("--to needs the ID of a record")
    else:
        _move_all(context.engine, dry_run=dry_run, as_json=as_json)


def _show_history(engine: Engine, record_id: str, as_json: bool) -> None:
    from memcore_toolkit import console

    from memcore_plugins.promotion import schema

    steps = schema.history(engine.workspace.connection(), record_id)
    rows = [(step.at[:19], step.record_id, step.before, step.after, step.by, step.why) for step in steps]
    console.emit_table(["AT", "ID", "FROM", "TO", "BY", "WHY"], rows, json_value=steps, as_json=as_json)


def _move_one(engine: Engine, record_id: str, to: Tier | None, *, dry_run: bool, as_json: bool) -> None:
    from memcore.errors import InvalidInputError
    from memcore_toolkit import console

    from memcore_plugins.promotion import PromotionSettings
    from memcore_plugins.promotion.ladder import consider, move_by_hand

    record = next(iter(engine.get([record_id])), None)
    if record is None:
        raise InvalidInputError(f"there is no record {record_id!r}", cure="memcore search shows ids with --json")
    settings = engine.settings("promotion", PromotionSettings)
    climb = move_by_hand(engine, settings, record, to, dry_run=dry_run)
    after = to or climb.next_above
    if as_json:
        shown = climb if dry_run else consider(engine, settings, record, engine.now(), by_hand=True)
        console.emit_json({**_plain(shown), "before": climb.place.tier, "after": after, "dry_run": dry_run})
    else:
        click.echo(f"{'would be ' if dry_run else ''}moved {climb.place.tier} -> {after}: {record.id}")


def _move_all(engine: Engine, *, dry_run: bool, as_json: bool) -> None:
    from memcore_toolkit import console

    from memcore_plugins.promotion import PromotionSettings, schema
    from memcore_plugins.promotion.ladder import climb_to, consider, snippet

    settings, now = engine.settings("promotion", PromotionSettings), engine.now()
    found = engine.get(schema.candidates(engine.workspace.connection(), 1))
    climbs = [consider(engine, settings, record, now, by_hand=True) for record in found if record.status == "active"]
    climbs = [climb for climb in climbs if climb.place.ceiling == "global"]
    if not dry_run:
        with engine.workspace.transaction():
            for climb in climbs:
                climb_to(engine, climb, climb.target, now, by="hand")
    moved = [climb for climb in climbs if climb.moves]
    if as_json:
        console.emit_json({"dry_run": dry_run, "moved": len(moved), "records": [_plain(climb) for climb in climbs]})
        return
    if climbs:
        rows = [(c.record.id, c.place.tier, c.target, "; ".join(c.refusals), snippet(c.record)) for c in climbs]
        console.emit_table(["ID", "TIER", "GOES TO", "WHAT THE NEXT TIER STILL NEEDS", "TEXT"], rows)
    click.echo(f"{'would promote' if dry_run else 'promoted'} {len(moved)} of {len(climbs)} recalled facts")


def _plain(climb: Climb) -> dict[str, Any]:
    return {
        "id": climb.record.id,
        "content": climb.record.content,
        "tier": climb.place.tier,
        "target": climb.target,
        "since": climb.place.since,
        "ceiling": climb.place.ceiling,
        "gates": {tier: [_gate(gate) for gate in gates] for tier, gates in climb.judged.items()},
    }


def _gate(gate: Gate) -> dict[str, Any]:
    return {
        "gate": gate.name,
        "open": gate.ok,
        "have": gate.have,
        "need": gate.need,
        "short": gate.short,
        "text": str(gate),
    }
