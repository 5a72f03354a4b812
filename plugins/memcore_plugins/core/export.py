"""`memcore export`: every record as one line of JSON, whatever its status, in a file that is whole or absent."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click
from memcore.cli import Context, pass_context
from memcore.contracts import Capability

if TYPE_CHECKING:
    from memcore import Engine, Record

__all__ = ["FORMAT", "VERSION", "export", "snapshot", "write_records"]

FORMAT, VERSION = "memcore-records", 1


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--namespace", "namespaces", multiple=True, metavar="NAME", help="Only records of this namespace.")
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@pass_context
def export(context: Context, file: Path, namespaces: tuple[str, ...], force: bool, as_json: bool) -> None:
    """Write every record to FILE as JSON lines, or to standard output for -.

    The first line names the format, the last one counts the records, so that a file that was cut off is recognised.
    Exported are the records, of any status; what plugins keep beside them is in `memcore backup`.

    \b
    Examples:
      memcore export memory.jsonl
      memcore export --namespace work - | gzip > work.jsonl.gz
    """
    from io import TextIOWrapper

    from memcore.records import Scope
    from memcore_toolkit import console

    from memcore_plugins.core.files import check_target, publish, temporary_beside

    engine = context.engine
    scope = Scope(namespaces=namespaces, statuses=())
    if str(file) == "-":
        stdout = TextIOWrapper(sys.stdout.buffer, encoding="utf-8", write_through=True)
        with snapshot(engine):
            write_records(engine.scan(scope), stdout)
        stdout.detach()
        return
    target = file.expanduser().absolute()
    check_target(target, force=force, database=engine.workspace.path)
    with temporary_beside(target) as path:
        with snapshot(engine), path.open("w", encoding="utf-8") as stream:
            count = write_records(engine.scan(scope), stream)
        publish(path, target)
    if as_json:
        console.emit_json({"file": str(target), "records": count})
    else:
        click.echo(f"{target}: {count} records")


@contextmanager
def snapshot(engine: Engine) -> Iterator[None]:
    """Read one state of the memory inside this block, whatever others write, if the records live in the workspace."""
    if Capability.TRANSACTIONAL not in engine.backend.capabilities:
        yield
        return
    connection = engine.workspace.connection()
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def write_records(records: Iterable[Record], stream: IO[str]) -> int:
    """Write the head, one line per record and the count; return the count."""
    from memcore.records import to_json

    count = 0
    stream.write(_line({"format": FORMAT, "version": VERSION}))
    for record in records:
        stream.write(_line(to_json(record)))
        count += 1
    stream.write(_line({"format": FORMAT, "records": count}))
    return count


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
