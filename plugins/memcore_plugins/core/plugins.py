"""`memcore plugins`: what is installed and how it is doing, and switching it on and off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from memcore.cli import Context, pass_context

if TYPE_CHECKING:
    from memcore.discovery import Plugin

    from memcore_plugins.core.listing import Listing

__all__ = ["plugins"]

_SHORT = 4


@click.group("plugins")
def plugins() -> None:
    """List, enable and disable plugins."""


@plugins.command("list")
@click.option("--backend", default="", metavar="NAME", help="The same table as if this backend were chosen.")
@click.option("--all", "everything", is_flag=True, help="Also every hook, table, command, capability and setting.")
@click.option("--check", is_flag=True, help="Exit 1 if a plugin is broken, shadowed or incompatible.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def list_(context: Context, backend: str, everything: bool, check: bool, as_json: bool) -> None:
    """List the installed plugins: name, status, where it comes from, hooks, and the reason and cure of a status.

    It works with broken plugins and a broken memcore.toml, and makes no database. Statuses: active; degraded (works,
    less well); inactive (has nothing to work on); unavailable (something it needs is missing); disabled; incompatible
    (written for another memcore); shadowed (its name belongs to another distribution); broken; placeholder.

    \b
    Examples:
      memcore plugins list
      memcore plugins list --check
      memcore plugins list --backend memory-hall --json
    """
    from memcore_toolkit import console

    from memcore_plugins.core.listing import as_json as plain
    from memcore_plugins.core.listing import listing

    found = listing(context, backend=backend)
    if as_json:
        described = [plain(name, plugin) for name, plugin in found.catalog.plugins.items()]
        console.emit_json({"backend": found.backend, "plugins": described, "notes": found.notes})
    else:
        _print(found, everything=everything)
    if check and found.failing:
        raise SystemExit(1)


def _print(found: Listing, *, everything: bool) -> None:
    from memcore_toolkit import console

    rows = [
        (plugin.name, plugin.status, _from(plugin), _hooks(plugin, everything), _note(plugin, found, everything))
        for plugin in found.catalog.plugins.values()
    ]
    console.emit_table(["NAME", "STATUS", "FROM", "HOOKS", "NOTE"], rows)
    for note in found.notes:
        console.warn(note)


def _from(plugin: Plugin) -> str:
    from memcore_plugins.core.listing import origin

    editable, _ = origin(plugin.distribution)
    return f"{plugin.distribution} {plugin.version}{' (editable)' if editable else ''}".strip() or "the host"


def _hooks(plugin: Plugin, everything: bool) -> str:
    names = [hook.removeprefix("memcore_") for hook in plugin.hooks]
    if everything or len(names) <= _SHORT:
        return " ".join(names) or "-"
    return f"{' '.join(names[:_SHORT])} +{len(names) - _SHORT}"


def _note(plugin: Plugin, found: Listing, everything: bool) -> str:
    chosen = "selected backend" if plugin.name == found.backend and "memcore_backend" in plugin.hooks else ""
    parts = [chosen, plugin.reason, plugin.hint]
    if everything:
        titles = {
            "tables": "tables",
            "commands": "commands",
            "requires": "requires",
            "uses": "uses",
            "keys": "settings",
        }
        named = {title: " ".join(getattr(plugin, name) or ()) for name, title in titles.items()}
        parts += [f"{title}: {names}" for title, names in named.items() if names]
    return "; ".join(part for part in parts if part)


_names = click.argument("names", nargs=-1, required=True, metavar="NAME...")
_dry_run = click.option("--dry-run", is_flag=True, help="Only say what would change.")


@plugins.command("enable")
@_names
@_dry_run
@pass_context
def enable(context: Context, names: tuple[str, ...], dry_run: bool) -> None:
    """Switch plugins on in memcore.toml; comments stay.

    \b
    Examples:
      memcore plugins enable vectors
      memcore plugins enable wiki wiki_lint --dry-run
    """
    _switch(context, names, on=True, dry_run=dry_run)


@plugins.command("disable")
@_names
@_dry_run
@pass_context
def disable(context: Context, names: tuple[str, ...], dry_run: bool) -> None:
    """Switch plugins off in memcore.toml; comments stay. Their tables stay too.

    \b
    Examples:
      memcore plugins disable dialectic
      memcore plugins disable wiki wiki_lint --dry-run
    """
    _switch(context, names, on=False, dry_run=dry_run)


def _switch(context: Context, names: tuple[str, ...], *, on: bool, dry_run: bool) -> None:
    from memcore.config import Config
    from memcore_toolkit import console

    from memcore_plugins.core.switches import switch

    config = Config(home=context.home, overrides=context.overrides)
    for change in switch(config, context.catalog(fresh=True), names, on=on, dry_run=dry_run):
        would = "would be " if dry_run and change.changed else ""
        click.echo(f"{change.name}: {would}{change.detail}{f' in {config.file}' if change.changed else ''}")
        if change.note:
            console.warn(f"{change.name}: {change.note}")
