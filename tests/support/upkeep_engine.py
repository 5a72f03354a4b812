"""Engines with chosen plugins and a clock that tests move, and commands run on them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from click.testing import CliRunner
from memcore import Engine
from memcore.cli import Context
from memcore.discovery import OWN, Catalog, Plugin, inspect

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **duration: float) -> None:
        self.now += timedelta(**duration)


def open_engine(home, *plugins: str, clock=None, **settings) -> Engine:
    """Open the default backend with these plugins and no others; settings are written `plugin__key=value`."""
    targets = {name: f"memcore_plugins.{name}:Plugin" for name in plugins}
    targets["sqlite"] = "memcore_backends.sqlite:Plugin"
    catalog = Catalog([inspect(Plugin(name=name, target=t, distribution=OWN)) for name, t in targets.items()])
    given = {key.replace("__", "."): value for key, value in settings.items()}
    return Engine.open(home=home, environ={}, settings=given, clock=clock or Clock(), catalog=catalog)


def healthy(engine: Engine) -> bool:
    """Return whether no plugin has failed: an isolated exception shows only in the status."""
    return all(plugin.status == "active" for plugin in engine.catalog.plugins.values())


def run(command, engine: Engine, *arguments: str):
    """Run a plugin's command on an open engine; errors of memcore are in `exception`."""
    context = Context({}, None, False)
    context._engine = engine
    return CliRunner().invoke(command, list(arguments), obj=context)


def rows(engine: Engine, table: str) -> list[tuple]:
    """Return a table as it is, in a stable order."""
    return sorted((tuple(row) for row in engine.workspace.connection().execute(f"SELECT * FROM {table}")), key=repr)
