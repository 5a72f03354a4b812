"""`memcore import`: records from JSON lines, all or none, as they were: status, supersession and times included."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from attrs import frozen
from memcore.cli import Context, pass_context

if TYPE_CHECKING:
    from memcore import Engine, Record
    from memcore.records import Stored

__all__ = ["Imported", "import_", "restore"]

_BATCH = 1000


@frozen(kw_only=True)
class Imported:
    """What became of the lines: new records, those that were there already, and those whose creation time is new.

    `renamed` counts records that this backend gave another id; references between them were followed.
    """

    new: int = 0
    existing: int = 0
    renamed: int = 0
    retimed: int = 0


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--dry-run", is_flag=True, help="Check the file and count, store nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def import_(context: Context, file: Path, dry_run: bool, as_json: bool) -> None:
    """Store the records of FILE, an export or JSON lines with at least `content`; - is standard input.

    The whole file is checked first; then all of it is stored, or nothing. A record that is there already stays as it
    is, so the same file can be imported again. Records come back with status, supersession and times. They were judged
    when they were first written and pass no gate again: import only files you trust.

    \b
    Examples:
      memcore import memory.jsonl
      gunzip -c work.jsonl.gz | memcore import -
    """
    from memcore_toolkit import console

    from memcore_plugins.core.intake import read_records

    engine = context.engine
    records = read_records(_lines(file), engine.now())
    done = restore(engine, records, dry_run=dry_run)
    if as_json:
        console.emit_json({"dry_run": dry_run, "result": done})
        return
    would = "would be " if dry_run else ""
    click.echo(f"{done.new} records {would}imported, {done.existing} were there already")
    if done.retimed:
        console.warn(f"{done.retimed} records have the time of this import: the backend does not keep the old one")


def _lines(file: Path) -> Iterable[str]:
    from io import TextIOWrapper

    from memcore.errors import InvalidInputError

    if str(file) == "-":
        return TextIOWrapper(sys.stdin.buffer, encoding="utf-8")
    try:
        return file.expanduser().read_bytes().decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        what, why = f"{file} is not UTF-8 text; nothing was imported", f"byte {error.start} is not"
        raise InvalidInputError(what, why=why, cure="name a file that memcore export wrote") from None
    except OSError as error:
        why = error.strerror or str(error)
        raise InvalidInputError(f"cannot read {file}", why=why, cure="check the path and its permissions") from None


def restore(engine: Engine, records: Sequence[Record], *, dry_run: bool = False) -> Imported:
    """Store whole records, in one transaction where the backend has them, and tell every plugin of the active ones."""
    known = {
        record.id: record for part in _parts(records) for record in engine.get([each.id for each in part if each.id])
    }
    missing = [each for each in records if not _same(known.get(each.id), each)]
    existing = len(records) - len(missing)
    if dry_run:
        return Imported(new=len(missing), existing=existing)
    names: dict[str, str] = {}
    stored: list[Stored] = []
    wanted = sorted(missing, key=lambda each: each.created_at)  # what a record rests on comes before it
    with engine.writing():
        for part in _steps(wanted):
            fresh = engine.backend.put([_renamed(each, names) for each in part])
            ids = [(old.id, now.record.id) for old, now in zip(part, fresh, strict=True)]
            names |= {old: now for old, now in ids if old and old != now}
            stored += fresh
        pairs = [(old, now.record) for old, now in zip(wanted, stored, strict=True) if now.state != "existing"]
        _settle(engine, pairs, names)
        for told in _parts([now for old, now in pairs if old.status == "active"]):
            _tell(engine, told)
    existing += len(stored) - len(pairs)
    retimed = sum(old.created_at != now.created_at for old, now in pairs)
    return Imported(new=len(pairs), existing=existing, renamed=len(names), retimed=retimed)


def _parts(records: Sequence[Record]) -> Iterable[Sequence[Record]]:
    return (records[start : start + _BATCH] for start in range(0, len(records), _BATCH))


def _steps(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """Yield batches in which no record rests on another of the same batch: its id may be new only after the put."""
    batch: list[Record] = []
    ids: set[str] = set()
    for record in records:
        if len(batch) == _BATCH or not ids.isdisjoint(record.upstream_ids):
            yield batch
            batch, ids = [], set()
        batch.append(record)
        ids.add(record.id)
    if batch:
        yield batch


def _same(found: Record | None, wanted: Record) -> bool:
    return found is not None and (found.namespace, found.kind, found.content) == (
        wanted.namespace,
        wanted.kind,
        wanted.content,
    )


def _renamed(record: Record, names: dict[str, str]) -> Record:
    from memcore.records import evolve

    upstream = tuple(names.get(each, each) for each in record.upstream_ids)
    return evolve(record, upstream_ids=upstream) if upstream != record.upstream_ids else record


def _settle(engine: Engine, pairs: Sequence[tuple[Record, Record]], names: dict[str, str]) -> None:
    """Retire what was not active, on a backend that stores every record as an active one."""
    for old, now in pairs:
        if old.status != "active" and now.status == "active":
            reason = str(old.metadata.get("retired_reason") or f"was {old.status} when it was exported")
            successor = old.metadata.get("superseded_by") if old.status == "superseded" else None
            superseded_by = names.get(str(successor), str(successor)) if successor else None
            engine.backend.retire([now.id], reason=reason, superseded_by=superseded_by)


def _tell(engine: Engine, records: Sequence[Record]) -> None:
    """Tell every plugin of records that were stored; who fails is noted, and told again by the next upkeep."""
    from memcore.records import WriteEvent

    if records:
        engine.deliver("memcore_written", WriteEvent(written=tuple(records), confirmed=(), at=engine.now()))
