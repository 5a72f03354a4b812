"""What `plugins list` shows: the fresh catalog, under the settings, the backend's demands and the state at run time."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen
from memcore.config import Config, CoreSettings, suggest
from memcore.errors import ConfigError, InvalidInputError, MemcoreError

if TYPE_CHECKING:
    from memcore import BackendSpec, PluginInfo
    from memcore.cli import Context
    from memcore.discovery import Catalog, Plugin

__all__ = ["Listing", "as_json", "chosen_backend", "core_settings", "declared", "listing", "origin"]

BROKEN = ("broken", "shadowed", "incompatible")


@frozen(kw_only=True)
class Listing:
    """The catalog with every status settled, the backend it was settled for, and what could not be looked at."""

    catalog: Catalog
    backend: str
    notes: tuple[str, ...] = ()

    @property
    def failing(self) -> list[str]:
        """Return the names of plugins that are broken, shadowed or incompatible."""
        return [name for name, plugin in self.catalog.plugins.items() if plugin.status in BROKEN]


def core_settings(config: Config) -> tuple[CoreSettings, str]:
    """Return memcore's own settings, or the defaults and what is wrong with those that were given."""
    try:
        settings = config.section("", CoreSettings)
    except ConfigError as error:
        return CoreSettings(), str(error)
    return settings, str(config.problem or "")


def listing(context: Context, *, backend: str = "") -> Listing:
    """Look at all installed plugins afresh, settle their status, and rewrite the cached index.

    `backend` asks for the table as if that backend were chosen; then nothing is opened. Otherwise the state at run
    time counts, if there is a database already and it can be opened for reading. Never creates a file but the index.
    """
    config = Config(home=context.home, overrides=context.overrides)
    settings, problem = core_settings(config)
    catalog = context.catalog(fresh=True)
    catalog.select(settings.plugins, settings.disable, settings.distributions)
    notes = [problem] if problem else []
    chosen = backend or settings.backend
    if backend and backend not in (offers := _offers(catalog)):
        raise InvalidInputError(f"there is no storage backend {backend!r}", cure=suggest(backend, offers))
    spec = chosen_backend(catalog, chosen)
    if spec is None:
        notes.append(f"the backend {chosen or '(default)'} cannot be used: what other plugins miss is not known")
        return Listing(catalog=catalog, backend=chosen, notes=tuple(notes))
    catalog.require(spec.capabilities)
    if not backend and not problem:
        notes += _runtime(context, config, catalog)
    return Listing(catalog=catalog, backend=spec.name, notes=tuple(notes))


def _offers(catalog: Catalog) -> dict[str, Plugin]:
    return {p.name: p for p in catalog.plugins.values() if "memcore_backend" in p.hooks and p.status != "shadowed"}


def chosen_backend(catalog: Catalog, name: str) -> BackendSpec | None:
    """Return the spec of a backend by name, or of the default one; None if it is unknown or cannot be used."""
    offers = _offers(catalog)
    plugin = offers.get(name) if name else next((p for p in offers.values() if p.default), None)
    if plugin is None or not catalog.load(plugin):
        return None
    try:
        spec: BackendSpec = catalog.caller(plugin, "memcore_backend")()
    except Exception as error:  # noqa: BLE001 - whatever a plugin raises is its status
        plugin.broken(error)
        return None
    return spec


def _runtime(context: Context, config: Config, catalog: Catalog) -> list[str]:
    """Ask the plugins how they are doing, on a read-only engine; return why that was not possible."""
    from memcore.engine import Engine

    if not config.database.exists():
        return []
    try:
        engine = Engine.open(home=context.home, settings=context.overrides, read_only=True, catalog=catalog)
    except Exception as error:  # noqa: BLE001 - a foreign backend may raise anything while it opens
        what = error.what if isinstance(error, MemcoreError) else f"{type(error).__name__}: {error}"
        return [f"state at run time not known: {what}"]
    with engine:
        present = engine.workspace.tables()
        for plugin, function in catalog.implementers("memcore_status"):
            if not set(plugin.tables) - present:  # tables that no writer has made yet say nothing about the plugin
                with engine.isolated(plugin, "memcore_status"):
                    if said := function(engine=engine):
                        reason, hint = said
                        chosen = plugin.name == engine.backend.name  # what keeps the records is never without work
                        plugin.mark("degraded" if chosen or plugin.status == "degraded" else "inactive", reason, hint)
    return []


def declared(plugin: Plugin) -> PluginInfo | None:
    """Return what a plugin's class declares, or None if its module could not be imported; imports nothing."""
    module, _, path = plugin.target.partition(":")
    found: Any = sys.modules.get(module)
    for part in filter(None, path.split(".")):
        found = getattr(found, part, None)
    info: PluginInfo | None = getattr(found, "info", None)
    return info


def origin(distribution: str) -> tuple[bool, Mapping[str, Any] | None]:
    """Return whether a distribution is installed editable, and its direct_url.json (None for one from an index)."""
    import json
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import distribution as installed

    try:
        text = installed(distribution).read_text("direct_url.json") if distribution else None
        url = json.loads(text) if text else None
    except (PackageNotFoundError, ValueError):
        return False, None
    return bool(url and url.get("dir_info", {}).get("editable")), url


def as_json(name: str, plugin: Plugin) -> dict[str, Any]:
    """Return the stable description of one plugin for `plugins list --json`."""
    editable, url = origin(plugin.distribution)
    return {
        "name": plugin.name,
        "key": name,
        "status": plugin.status,
        "reason": plugin.reason,
        "hint": plugin.hint,
        "summary": plugin.summary,
        "target": plugin.target,
        "distribution": {"name": plugin.distribution, "version": plugin.version, "editable": editable, "origin": url},
        "api": plugin.api,
        "hooks": plugin.hooks,
        "requires": plugin.requires,
        "uses": plugin.uses,
        "tables": plugin.tables,
        "commands": sorted(plugin.commands),
        "settings": plugin.keys or [],
        "load_ms": plugin.load_ms,
    }
