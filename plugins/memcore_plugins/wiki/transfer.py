"""`memcore wiki import`, `export`, `index`, `log` and `sources`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from memcore.cli import Context, pass_context

if TYPE_CHECKING:
    from memcore_plugins.wiki.importing import Imported

__all__ = ["export", "import_", "index", "log", "sources"]


@click.command("import")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Where both sides changed, take the file; the page stays as a revision.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def import_(context: Context, folder: Path, force: bool, dry_run: bool, as_json: bool) -> None:
    r"""Take over the vault DIR, all its files byte for byte. The folder is only read; running it again is safe.

    Links are not followed, hidden files stay out. A file that changed here and there is a conflict: it is named, left
    alone, and the exit code is 1.

    \b
    Examples:
      memcore wiki import ~/vault --dry-run
      memcore wiki import ~/vault
      memcore wiki import ~/vault --force
    """
    from memcore_toolkit import console

    from memcore_plugins.wiki import WikiSettings
    from memcore_plugins.wiki.importing import import_vault

    engine = context.engine
    settings = engine.settings("wiki", WikiSettings)
    result = import_vault(engine, settings, folder.expanduser(), force=force, dry_run=dry_run)
    if as_json:
        console.emit_json({"dry_run": dry_run, **_counts(result), "result": result})
    else:
        _print(result, dry_run=dry_run, force=force)
    if result.count("conflict") and not force:
        raise SystemExit(1)


@click.command("export")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite files the wiki has never seen.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def export(context: Context, folder: Path, force: bool, dry_run: bool, as_json: bool) -> None:
    r"""Write all files of the wiki to DIR, byte for byte. What the wiki has never seen is not overwritten.

    \b
    Examples:
      memcore wiki export ~/copy
      memcore wiki export ~/vault --dry-run
    """
    from memcore_toolkit import console

    from memcore_plugins.wiki.exporting import export_vault

    result = export_vault(context.engine, folder.expanduser(), force=force, dry_run=dry_run)
    if as_json:
        console.emit_json({"dry_run": dry_run, "files": [list(each) for each in result.files], "left": result.left})
        return
    for path in result.left:
        console.warn(f"{path} was removed from the wiki; its file stays")
    written = sum(state != "same" for _, state in result.files)
    would = "would be " if dry_run else ""
    click.echo(f"{written} files {would}written, {result.count('same')} unchanged")


@click.command("index")
@click.option("--write", is_flag=True, help="Make it the page index.md; the old one stays as a revision.")
@click.option("--dry-run", is_flag=True, help="With --write: only print it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def index(context: Context, write: bool, dry_run: bool, as_json: bool) -> None:
    r"""Print an index of all pages, with a link and one line each.

    \b
    Examples:
      memcore wiki index
      memcore wiki index --write
    """
    from memcore_toolkit import console

    from memcore_plugins.wiki import schema
    from memcore_plugins.wiki.index import entries, render
    from memcore_plugins.wiki.pages import put

    engine = context.engine
    found = entries(schema.pages(engine.workspace.connection(), engine.core.namespace))
    text = render(found, engine.now().date().isoformat())
    if write and not dry_run:
        change = put(engine, "index.md", text.encode(), action="index", reason=f"{len(found)} pages")
        click.echo(f"index.md {'is unchanged' if change.state == 'same' else f'has revision {change.revision}'}")
    elif as_json:
        console.emit_json(found)
    else:
        for line in text.splitlines():
            click.echo(console.printable(line))


@click.command("log")
@click.option("--tail", type=int, metavar="N", help="Only the last N entries.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def log(context: Context, tail: int | None, as_json: bool) -> None:
    r"""Show the log: the entries of log.md, and the imports.

    \b
    Examples:
      memcore wiki log --tail 5
      memcore wiki log --json
    """
    from memcore_toolkit import console

    from memcore_plugins.wiki import schema

    engine = context.engine
    found = schema.log_rows(engine.workspace.connection(), engine.core.namespace)
    found = found[-tail:] if tail and tail > 0 else found
    names = ("day", "time", "action", "subject", "body", "file", "line", "page")
    if as_json:
        console.emit_json([dict(zip(names, row, strict=True)) for row in found])
        return
    if found:
        rows = [(" ".join(row[:2]).strip(), row[2], row[3], f"{row[5]}:{row[6]}" if row[5] else "") for row in found]
        console.emit_table(["DAY", "ACTION", "SUBJECT", "WHERE"], rows)
    click.echo(f"{len(found)} entries")


@click.command("sources")
@click.argument("name", metavar="[PAGE]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def sources(context: Context, name: str | None, as_json: bool) -> None:
    r"""Show the sources that pages name in their frontmatter, of all pages or of one.

    \b
    Examples:
      memcore wiki sources
      memcore wiki sources concepts/tides --json
    """
    from memcore_toolkit import console

    from memcore_plugins.wiki import schema
    from memcore_plugins.wiki.pages import lookup

    engine = context.engine
    found = schema.source_rows(engine.workspace.connection(), engine.core.namespace)
    if name is not None:
        path = lookup(engine, name).path
        found = [row for row in found if row[0] == path]
    if as_json:
        console.emit_json([dict(zip(("page", "field", "source"), row, strict=True)) for row in found])
        return
    if found:
        console.emit_table(["PAGE", "FIELD", "SOURCE"], found)
    click.echo(f"{len(found)} sources")


def _counts(result: Imported) -> dict[str, int]:
    return {state: result.count(state) for state in ("new", "changed", "same", "kept", "conflict")}


def _print(result: Imported, *, dry_run: bool, force: bool) -> None:
    from memcore_toolkit import console

    for path, reason in result.skipped:
        if reason != "hidden":
            console.warn(f"{path} is left out: {reason}")
    for path in result.gone:
        console.warn(f"{path} is no longer in the folder; memcore wiki remove {path}")
    for step in result.steps:
        if step.state == "conflict" and not force:
            console.warn(f"{step.path} changed in the folder and in the wiki; --force takes the file, both are kept")
        elif step.state == "kept":
            console.warn(f"{step.path} is newer in the wiki; memcore wiki export brings it to the folder")
    for line in result.refused:
        console.warn(f"stored on its page, but not findable by search: {line}")
    counts = _counts(result)
    told = f"{counts['new']} new, {counts['changed']} changed, {counts['same']} unchanged"
    more = "".join(
        f", {counts[state]} {word}" for state, word in (("kept", "kept"), ("conflict", "in conflict")) if counts[state]
    )
    click.echo(f"{'would be: ' if dry_run else ''}{told}{more}")
