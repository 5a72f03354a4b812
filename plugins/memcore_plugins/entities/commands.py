"""`memcore entities`: who and what memory is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
import click
from memcore.cli import Context, pass_context

if TYPE_CHECKING:
    from memcore import Engine, Record

    from memcore_plugins.entities import EntitySettings
    from memcore_plugins.entities.schema import Entity

__all__ = ["entities"]

_SHOWN = 20


@click.command("entities")
@click.argument("name", required=False)
@click.option("--stale", "only_stale", is_flag=True, help="Only what was not renewed for too long.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def entities(context: Context, name: str | None, only_stale: bool, as_json: bool) -> None:
    r"""Show who and what memory is about; with NAME, all that is known of one.

    UPDATED is the date of the page or of its state, HOW says where it comes from: a field or footer of the page, the
    newest date in its text, its file, or a state tag.

    \b
    Examples:
      memcore entities
      memcore entities --stale
      memcore entities Mina-Seo --json
    """
    from memcore_toolkit import console

    from memcore_plugins.entities import EntitySettings, schema
    from memcore_plugins.entities.upkeep import stale

    engine = context.engine
    settings = engine.settings("entities", EntitySettings)
    if name is not None:
        _show_one(engine, settings, name, as_json=as_json)
        return
    today = engine.now().date()
    found = list(schema.load_all(engine.workspace.connection(), (engine.core.namespace,)))
    if only_stale:
        found = [entity for entity in found if stale(entity, settings, today)]
    if as_json:
        console.emit_json([_plain(engine, settings, entity) for entity in found])
    elif found:
        rows = [_row(engine, settings, entity) for entity in found]
        console.emit_table(["NAME", "KIND", "STATE", "UPDATED", "HOW", "DAYS", "MENTIONS", "STALE"], rows)
    else:
        click.echo(
            "nothing is stale"
            if only_stale
            else "no entities yet: records with @names and bank/entities pages bring them"
        )


def _show_one(engine: Engine, settings: EntitySettings, name: str, *, as_json: bool) -> None:
    from memcore.errors import InvalidInputError
    from memcore.records import Scope
    from memcore_toolkit import console

    from memcore_plugins.entities import schema
    from memcore_plugins.entities.merging import key_of

    connection, namespace = engine.workspace.connection(), engine.core.namespace
    entity = schema.load(connection, namespace, [key_of(name.removeprefix("@"))]).get(key_of(name.removeprefix("@")))
    if entity is None:
        from memcore.config import suggest

        known = [each.slug for each in schema.load_all(connection, (namespace,))]
        raise InvalidInputError(f"there is no entity {name!r}", cure=suggest(name, known))
    records = list(engine.scan(Scope(namespaces=(namespace,), entities=entity.aliases)))
    if as_json:
        console.emit_json({**_plain(engine, settings, entity), "records": records})
        return
    for label, value in _plain(engine, settings, entity).items():
        if value not in ("", None, [], {}):
            text = ", ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else value
            click.echo(console.printable(f"{label}: {text}"))
    newest = sorted(records, key=_when, reverse=True)[:_SHOWN]
    console.emit_table(
        ["DATE", "KIND", "SOURCE", "TEXT"], [(_when(r), r.kind, r.source or "", r.content) for r in newest]
    )


def _when(record: Record) -> str:
    return (record.occurred_at or record.created_at).date().isoformat()


def _row(engine: Engine, settings: EntitySettings, entity: Entity) -> tuple[object, ...]:
    told = _plain(engine, settings, entity)
    state = entity.state if len(entity.state) <= 48 else f"{entity.state[:47]}…"
    days = "" if told["days"] is None else told["days"]
    return (
        entity.name, entity.kind, state, entity.updated_at, entity.updated_from, days, entity.mentions,
        "stale" if told["stale"] else "",
    )  # fmt: skip


def _plain(engine: Engine, settings: EntitySettings, entity: Entity) -> dict[str, Any]:
    from memcore_plugins.entities.upkeep import days_since, stale

    today = engine.now().date()
    told = attrs.asdict(entity, filter=lambda item, _: item.name != "key")
    return {**told, "days": days_since(entity.updated_at, today), "stale": stale(entity, settings, today)}
