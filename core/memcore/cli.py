"""The memcore program: global options, plugin commands loaded on demand, and errors that tell the cure."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from memcore.discovery import Catalog
    from memcore.engine import Engine

__all__ = ["Context", "main", "pass_context"]

CLOBBERED = """memcore is broken: the unrelated PyPI package 'memcore' overwrote our files.
  why: it installs an empty memcore/__init__.py over that of memcore-engine
  try: pip uninstall -y memcore && pip install --force-reinstall --no-deps memcore-engine"""


class Context:
    """What a command gets: the global options, and the engine or the catalog opened when first asked for."""

    def __init__(
        self, settings: dict[str, Any], home: Path | None, read_only: bool, now: datetime | None = None
    ) -> None:
        self.overrides, self.home, self.read_only, self.now = settings, home, read_only, now
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        """Return the open engine of this command."""
        if self._engine is None:
            from memcore.engine import Engine

            clock = (lambda now=self.now: now) if self.now else None
            self._engine = Engine.open(home=self.home, settings=self.overrides, read_only=self.read_only, clock=clock)
        return self._engine

    def close(self) -> None:
        """Close the engine if a command opened it."""
        if self._engine is not None:
            self._engine.close()

    def catalog(self, *, fresh: bool = False) -> Catalog:
        """Return all plugins, whatever the settings say, without opening a database."""
        from memcore.config import Config
        from memcore.discovery import Catalog

        config = Config(home=self.home, overrides=self.overrides)
        return Catalog.discover(config.home / "cache" / "plugins.json", fresh=fresh)


pass_context = click.make_pass_decorator(Context)


class PluginGroup(click.Group):
    """A group whose commands are those of the installed plugins; only the plugin that is asked for is imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all plugin commands."""
        return sorted(name for plugin in self._plugins(ctx) for name in plugin.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands and their first lines as the index has them, without importing a plugin."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(item for plugin in self._plugins(ctx) for item in plugin.commands.items()))

    def _plugins(self, ctx: click.Context) -> list[Any]:
        catalog = self._catalog(ctx)
        return [plugin for plugin in catalog.plugins.values() if plugin.usable]

    def _catalog(self, ctx: click.Context) -> Catalog:
        from memcore.config import Config, CoreSettings
        from memcore.errors import ConfigError

        if "memcore.catalog" not in ctx.meta:
            context = ctx.obj or Context({}, ctx.params.get("home"), False)
            catalog = context.catalog()
            try:
                core = Config(home=context.home, overrides=context.overrides).section("", CoreSettings)
            except ConfigError:  # the command itself will say so; doctor and plugins must still start
                core = CoreSettings()
            catalog.select(core.plugins, core.disable, core.distributions)
            ctx.meta["memcore.catalog"] = catalog
        return ctx.meta["memcore.catalog"]  # type: ignore[no-any-return]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return a command by name from the plugin that owns it."""
        catalog = self._catalog(ctx)
        for plugin in catalog.plugins.values():
            if name in plugin.commands and catalog.load(plugin):
                for command in catalog.caller(plugin, "memcore_commands")():
                    if command.name == name:
                        return command  # type: ignore[no-any-return]
        return None


def _overrides(ctx: click.Context) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for item in ctx.params.get("set_") or ():
        key, equals, value = item.partition("=")
        if not equals:
            raise click.BadParameter(f"{item!r} is not KEY=VALUE", param_hint="--set")
        given[key.strip()] = value
    for key in ("db", "backend", "namespace"):
        if ctx.params.get(key):
            given[key] = ctx.params[key]
    return given


@click.group(cls=PluginGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--home", type=click.Path(path_type=Path), help="Folder of memory.db and memcore.toml [MEMCORE_HOME].")
@click.option("--db", help="Another database file [MEMCORE_DB].")
@click.option("--backend", help="Storage backend [MEMCORE_BACKEND].")
@click.option("--namespace", help="Namespace of writes and searches [MEMCORE_NAMESPACE].")
@click.option("--set", "set_", multiple=True, metavar="KEY=VALUE", help="Any setting, for example decay.rate=0.01.")
@click.option("--now", type=click.DateTime(), help="Take this UTC time for the present, for example 2026-12-01.")
@click.option("--read-only", is_flag=True, help="Open the database for reading only.")
@click.version_option(package_name="memcore-engine", message="%(package)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, /, home: Path | None, read_only: bool, now: datetime | None, **_: object) -> None:
    """Keep, find, clean and explain the memory of an AI agent."""
    ctx.obj = Context(_overrides(ctx), home, read_only, now and now.replace(tzinfo=UTC))
    ctx.call_on_close(ctx.obj.close)


def main() -> None:
    """Run the program: exit 0 if all is well, 1 for findings or refusals, 2 for bad usage; no traceback for users."""
    import memcore

    if "Engine" not in getattr(memcore, "__all__", ()):
        sys.exit(CLOBBERED)
    import sqlite3

    from memcore.errors import MemcoreError
    from memcore.workspace import explain

    try:
        cli(prog_name="memcore")
    except (MemcoreError, sqlite3.Error, OSError) as error:
        shown = explain(error, "file") if isinstance(error, sqlite3.Error) else error
        if isinstance(shown, sqlite3.Error):
            raise  # a bug of ours deserves its traceback
        click.secho(f"error: {shown}", fg="red", err=True)
        sys.exit(getattr(shown, "exit_code", 2))
