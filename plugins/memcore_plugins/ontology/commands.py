"""`memcore ontology-sync`: bring the tables up to the markdown, and say what changed."""

from __future__ import annotations

from pathlib import Path

import click
from memcore.cli import Context, pass_context

__all__ = ["ontology_sync"]


@click.command("ontology-sync")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="Exit with 3 if no folder is named.")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def ontology_sync(context: Context, folder: Path | None, strict: bool, dry_run: bool, as_json: bool) -> None:
    r"""Read CLAUDE.md, AGENTS.md, their imports and .claude/agents of DIR into agents, relations and layers.

    DIR is ontology.workspace where it is not given. The files are only read; a second run changes nothing.

    \b
    Examples:
      memcore ontology-sync ~/project --dry-run
      memcore ontology-sync ~/project
      memcore --set ontology.workspace=~/project ontology-sync --json
    """
    from memcore_toolkit import console

    from memcore_plugins.ontology import OntologySettings
    from memcore_plugins.ontology.sync import sync

    engine = context.engine
    settings = engine.settings("ontology", OntologySettings)
    if folder is None and not settings.workspace:
        click.echo("nothing to read: name a folder, or set ontology.workspace")
        if strict:
            raise SystemExit(3)
        return
    result = sync(engine, settings, (folder or Path(settings.workspace)).expanduser(), dry_run=dry_run)
    if as_json:
        changes = [
            {"change": each.word, "table": each.table, "key": list(each.key), "fields": list(each.fields)}
            for each in result.changes
        ]
        rows = {name.removeprefix("ont_"): count for name, count in result.rows.items()}
        value = {"dry_run": dry_run, **result.counts, "rows": rows, "changes": changes, "findings": result.findings}
        console.emit_json(value)
        return
    for line in result.lines:
        click.echo(console.printable(line))
    for finding in result.findings:
        console.warn(f"{finding.where}: {finding.message}; try: {finding.cure}")
    click.echo(f"{'would be: ' if dry_run else ''}{result.summary}")
