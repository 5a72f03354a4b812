"""`memcore config`: every setting, its value and where the value comes from, and changing one in memcore.toml."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import attrs
import click
from attrs import frozen
from memcore.cli import Context, pass_context

if TYPE_CHECKING:
    from memcore.config import Config
    from memcore.discovery import Catalog

__all__ = ["Setting", "config", "masked", "settings_of"]

HIDDEN = "********"
_SECRET = re.compile(r"(?:^|_)(?:token|secret|key|password)$", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(?<=://)([^/@\s:]+):([^/@\s]+)@")


@frozen(kw_only=True)
class Setting:
    """One setting as it is in force: section ("" is memcore itself), key, printable value, origin, and its help."""

    section: str
    key: str
    value: Any
    origin: str
    help: str = ""

    @property
    def name(self) -> str:
        """Return the name used on the command line, for example `decay.rate`."""
        return f"{self.section}.{self.key}" if self.section else self.key


def masked(key: str, value: Any) -> Any:
    """Return the value, hidden if its key names a secret, and without the password of an address.

    A key that ends in `_file` holds a path, which is shown; the file is never read.
    """
    if _SECRET.search(key) and value:
        return HIDDEN
    return _CREDENTIALS.sub(rf"\1:{HIDDEN}@", value) if isinstance(value, str) else value


def settings_of(found: Config, catalog: Catalog) -> Iterator[Setting | Exception]:
    """Yield every setting of memcore and of all installed plugins; a section with a wrong value yields its error."""
    from memcore.config import CoreSettings
    from memcore.errors import ConfigError

    from memcore_plugins.core.listing import declared

    sections: dict[str, type] = {"": CoreSettings}
    for name, plugin in catalog.plugins.items():
        info = declared(plugin)
        if info and info.settings and plugin.status != "shadowed":
            sections[name] = info.settings
    for section, cls in sections.items():
        texts = {item.name: str(item.metadata.get("help", "")) for item in attrs.fields(cls)}
        try:
            for key, value, origin in found.lookup(section, cls):
                plain = list(value) if isinstance(value, tuple) else value
                yield Setting(section=section, key=key, value=masked(key, plain), origin=origin, help=texts[key])
        except ConfigError as error:
            yield error


@click.group("config")
def config() -> None:
    """Show the settings in force, and change them."""


@config.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def show(context: Context, as_json: bool) -> None:
    """Show every setting with its value and where the value comes from.

    Values whose key ends in token, secret, key or password are hidden. Exits 1 if a setting cannot be used.

    \b
    Examples:
      memcore config show
      memcore config show --json
    """
    from memcore.config import Config, CoreSettings
    from memcore.errors import ConfigError
    from memcore_toolkit import console

    found = Config(home=context.home, overrides=context.overrides)
    catalog = context.catalog(fresh=True)
    listed = list(settings_of(found, catalog))
    problems = [str(each) for each in listed if isinstance(each, Exception)]
    try:
        found.check({"": [item.name for item in attrs.fields(CoreSettings)], **catalog.keys()})
    except ConfigError as error:
        problems.insert(0, str(error))
    rows = [each for each in listed if isinstance(each, Setting)]
    if as_json:
        plain = [{"name": r.name, "value": r.value, "origin": r.origin, "help": r.help} for r in rows]
        console.emit_json({"file": str(found.file), "settings": plain, "problems": problems})
    else:
        console.emit_table(["SETTING", "VALUE", "FROM"], [(row.name, _shown(row.value), row.origin) for row in rows])
        for problem in problems:
            console.warn(problem)
    if problems:
        raise SystemExit(1)


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


@config.command("path")
@pass_context
def path(context: Context) -> None:
    """Print the path of memcore.toml, whether it exists or not.

    \b
    Examples:
      memcore config path
      ${EDITOR:-vi} "$(memcore config path)"
    """
    from memcore.config import Config

    click.echo(Config(home=context.home, overrides=context.overrides).file)


@config.command("set")
@click.argument("key")
@click.argument("value")
@click.option("--dry-run", is_flag=True, help="Only check the value.")
@pass_context
def set_(context: Context, key: str, value: str, dry_run: bool) -> None:
    """Write a setting to memcore.toml; comments stay. The value is checked first.

    Secrets do not belong there: name a file (a key that ends in _file), or set an environment variable.

    \b
    Examples:
      memcore config set decay.rate 0.01
      memcore config set disable wiki,wiki_lint
    """
    from memcore.config import Config

    from memcore_plugins.core.change import set_value

    found = Config(home=context.home, overrides=context.overrides)
    written = set_value(found, context.catalog(fresh=True), key, value, dry_run=dry_run)
    click.echo(f"{key} = {written}{' would be written' if dry_run else ''} in {found.file}")


@config.command("unset")
@click.argument("key")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@pass_context
def unset(context: Context, key: str, dry_run: bool) -> None:
    """Remove a setting from memcore.toml, so that its default counts again.

    \b
    Examples:
      memcore config unset decay.rate
    """
    from memcore.config import Config

    from memcore_plugins.core.change import unset_value

    found = Config(home=context.home, overrides=context.overrides)
    removed = unset_value(found, key, dry_run=dry_run)
    click.echo(
        f"{key}: {'would be ' if dry_run and removed else ''}{'removed' if removed else 'was not set'} in {found.file}"
    )
