"""`memcore wiki-lint`: the seven checks, each finding with file, line and cure."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click
from memcore.cli import Context, pass_context

__all__ = ["wiki_lint"]


@click.command("wiki-lint")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="Notes count as findings; without pages the exit code is 3.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def wiki_lint(context: Context, folder: Path | None, strict: bool, as_json: bool) -> None:
    r"""Check the pages of the vault DIR, or of the wiki.

    Contradiction, stale, orphan, gap, size, citation and frontmatter; each finding says where and what to do. Exits
    with 1 if there is a warning. The folder is only read.

    \b
    Examples:
      memcore wiki-lint
      memcore wiki-lint ~/vault
      memcore wiki-lint ~/vault --strict --json
    """
    from memcore_toolkit import console

    from memcore_plugins.wiki_lint import WikiLintSettings
    from memcore_plugins.wiki_lint.run import CHECKS, lint
    from memcore_plugins.wiki_lint.view import from_engine, from_folder

    engine = context.engine
    settings = engine.settings("wiki_lint", WikiLintSettings)
    view = from_folder(folder.expanduser(), settings.largest) if folder else from_engine(engine)
    found = lint(view, settings, engine.now().date())
    counted = Counter(finding.code.partition(".")[2] for finding in found)
    if as_json:
        checks = {name: counted[name] for name in CHECKS}
        console.emit_json({"pages": len(view.pages), "checks": checks, "findings": found})
    else:
        for finding in found:
            check = finding.code.partition(".")[2]
            word = "note" if finding.severity == "info" else finding.severity
            click.echo(console.printable(f"{finding.where}: {word}: {check}: {finding.message}"))
            click.echo(console.printable(f"  try: {finding.cure}"))
        click.echo(_summary(len(view.pages), counted))
        if not view.pages and folder is None:
            click.echo("memcore wiki import DIR brings pages; memcore wiki-lint DIR checks a folder as it is")
    if not view.pages and strict:
        raise SystemExit(3)
    if any(strict or finding.severity != "info" for finding in found):
        raise SystemExit(1)


def _summary(pages: int, counted: Counter[str]) -> str:
    told = ", ".join(f"{count} {name}" for name, count in sorted(counted.items()))
    return f"{pages} pages checked" + (f": {told}" if told else "")
