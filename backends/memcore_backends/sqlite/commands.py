"""`memcore reindex`: make the full-text index again."""

from __future__ import annotations

import click
from memcore.cli import Context, pass_context
from memcore.errors import CapabilityError

__all__ = ["reindex"]


@click.command("reindex")
@click.option("--dry-run", is_flag=True, help="Only say what is wrong with the index.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def reindex(context: Context, dry_run: bool, as_json: bool) -> None:
    r"""Make the full-text index of the sqlite backend again from its records.

    Needed after damage, and done by itself when a new version of memcore cuts text into words differently. Records are
    not touched. Safe to run twice.

    \b
    Examples:
      memcore reindex --dry-run
      memcore reindex
    """
    from memcore_toolkit import console

    from memcore_backends.sqlite.store import SqliteBackend

    backend = context.engine.backend
    if not isinstance(backend, SqliteBackend):
        why, cure = f"the backend {backend.name} keeps its own index", "memcore --backend sqlite reindex"
        raise CapabilityError("there is no index to make again", why=why, cure=cure)
    if not backend.index.enabled:
        why, cure = "this Python's SQLite has no FTS5, or sqlite.full_text is off", "memcore doctor"
        raise CapabilityError("there is no full-text index", why=why, cure=cure)
    missing, stale = backend.index.gaps()
    done = {"missing": missing, "stale": stale, "indexed": 0}
    if not dry_run:
        done["indexed"] = backend.index.rebuild(
            lambda entries, total: console.progress(entries, total=total, label="indexing")
        )
    if as_json:
        console.emit_json(done)
    elif dry_run:
        click.echo(f"{missing} records are not indexed, {stale} entries have no record")
    else:
        click.echo(f"{done['indexed']} records indexed")
