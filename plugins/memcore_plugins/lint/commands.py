"""`memcore lint`: check files, or what is kept."""

from __future__ import annotations

from pathlib import Path

import click
from memcore.cli import Context, pass_context

__all__ = ["lint"]


@click.command("lint")
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="Exit with 1 for hints too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def lint(context: Context, paths: tuple[Path, ...], strict: bool, as_json: bool) -> None:
    r"""Check the tags of files and folders; without PATH, the integrity of what is kept.

    Secrets are reported by their kind and place, never by their text. Exits with 1 if there is an error or a warning.

    \b
    Examples:
      memcore lint
      memcore lint memory/ bank/opinions.md
      memcore lint --strict --json
    """
    from memcore_toolkit import console

    from memcore_plugins.lint.files import check_files
    from memcore_plugins.lint.records import check_records

    findings = list(check_files(paths) if paths else check_records(context.engine))
    order = ("error", "warning", "info")
    findings.sort(key=lambda finding: order.index(finding.severity))
    if as_json:
        console.emit_json(findings)
    elif findings:
        rows = [(each.severity, each.code, each.where, each.message, each.cure) for each in findings]
        console.emit_table(["SEVERITY", "CODE", "WHERE", "MESSAGE", "TRY"], rows)
    counts = {name: sum(each.severity == name for each in findings) for name in order}
    if not as_json:
        click.echo(f"{counts['error']} errors, {counts['warning']} warnings, {counts['info']} hints")
    if counts["error"] or counts["warning"] or (strict and findings):
        raise SystemExit(1)
