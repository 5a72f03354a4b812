"""Entry points -> plugins with a status, through an index that spares a command the imports it does not need.

The index says what every installed plugin is and which hooks it implements. It is keyed by the installed distributions
and the plugins' own files, rebuilt when either changes, and checked against the plugin whenever one loads.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs
import pluggy
from attrs import Factory, define

from memcore import hookspecs
from memcore.config import suggest
from memcore.contracts import API, PluginInfo
from memcore.errors import PluginError

__all__ = ["GROUP", "OWN", "Catalog", "Plugin", "inspect"]

GROUP = "memcore"
OWN = "memcore-engine"
SLOW_IMPORT = 1.0
"""Seconds after which the import of a plugin is reported as slow."""
HOOKS = {hook: section for section in hookspecs.SECTIONS for hook in vars(section) if hook.startswith("memcore_")}


@define(kw_only=True)
class Plugin:
    """One installed plugin: what it says of itself, what it implements, and how it is doing.

    `status` is active, degraded, inactive, unavailable, disabled, incompatible, shadowed, broken or placeholder.
    """

    name: str
    target: str
    distribution: str = ""
    version: str = ""
    status: str = "active"
    reason: str = ""
    hint: str = ""
    summary: str = ""
    api: int = API
    hooks: list[str] = Factory(list)
    requires: list[str] = Factory(list)
    uses: list[str] = Factory(list)
    tables: list[str] = Factory(list)
    keys: list[str] | None = None
    blocking: bool = False
    default: bool = False
    commands: dict[str, str] = Factory(dict)
    file: str = ""
    stamp: int = 0
    load_ms: float = 0.0
    instance: Any = None

    def mark(self, status: str, reason: str, hint: str = "") -> None:
        """Set the status with its reason and cure."""
        self.status, self.reason, self.hint = status, reason, hint

    @property
    def usable(self) -> bool:
        """Return whether its hooks may be called."""
        return self.status in ("active", "degraded", "inactive")

    def as_json(self) -> dict[str, Any]:
        """Return everything but the instance, JSON-ready."""
        return attrs.asdict(self, filter=lambda item, _: item.name != "instance")

    def broken(self, error: BaseException) -> None:
        """Mark the plugin as broken by this error, or let a keyboard interrupt through."""
        if isinstance(error, KeyboardInterrupt):
            raise error
        self.mark("broken", f"{type(error).__name__}: {error}", f"repair or uninstall {self.distribution or self.name}")


class Catalog:
    """All plugins of one engine. Hooks are called through it, so that a plugin loads when a hook of it is needed."""

    def __init__(self, plugins: Iterable[Plugin], *, cache: Path | None = None) -> None:
        self.plugins: dict[str, Plugin] = {}
        for plugin in sorted(plugins, key=lambda p: (p.distribution != OWN, p.name, p.distribution)):
            if owner := self.plugins.get(plugin.name):
                hint = f"uninstall {plugin.distribution} or {owner.distribution}"
                plugin.mark("shadowed", f"the name belongs to {owner.distribution}", hint)
                self.plugins[f"{plugin.name} ({plugin.distribution})"] = plugin
            else:
                self.plugins[plugin.name] = plugin
        self._refuse_second_owners()
        self._cache, self._lock = cache, threading.RLock()
        self.manager = pluggy.PluginManager(GROUP)
        for section in hookspecs.SECTIONS:
            self.manager.add_hookspecs(section)

    @classmethod
    def discover(cls, cache: Path | None = None, *, fresh: bool = False) -> Catalog:
        """Return the catalog of all installed plugins, from the index file `cache` where it still holds."""
        plugins = _read_index(cache) if cache and not fresh else None
        if plugins is None:
            plugins = [inspect(plugin) for plugin in _entry_points()]
            if cache:
                _write_index(cache, plugins)
        return cls(plugins, cache=cache)

    def _refuse_second_owners(self) -> None:
        owners: dict[str, str] = {}
        for plugin in self.plugins.values():
            for command in list(plugin.commands) if plugin.usable else ():
                if (owner := owners.setdefault(command, plugin.name)) != plugin.name:
                    del plugin.commands[command]
                    plugin.mark(
                        "degraded", f"its command {command!r} belongs to {owner}", f"rename it in {plugin.name}"
                    )

    def select(self, mode: str, disable: Iterable[str], distributions: Iterable[str]) -> None:
        """Mark as disabled what the settings exclude; `mode` is all, builtin, or names separated by commas."""
        names, allowed, blocked = set(mode.split(",")), set(distributions), set(disable)
        for name, plugin in self.plugins.items():
            own = plugin.distribution == OWN
            if name == "core" and own:
                continue  # its commands repair everything else
            if name in blocked or not (mode == "all" or name in names or (mode == "builtin" and own)):
                plugin.mark("disabled", "switched off in the settings", f"memcore plugins enable {name}")
            elif allowed and not own and plugin.distribution not in allowed:
                reason = f"{plugin.distribution} is not on the allow-list"
                plugin.mark("disabled", reason, "add it to `distributions` in memcore.toml")

    def require(self, capabilities: Iterable[str]) -> None:
        """Mark the plugins that need or miss capabilities which the chosen backend does not offer."""
        offered = set(capabilities)
        for plugin in self.plugins.values():
            for names, status in ((plugin.requires, "unavailable"), (plugin.uses, "degraded")):
                if plugin.usable and (lacking := ", ".join(sorted(set(names) - offered))):
                    plugin.mark(status, f"the backend offers no {lacking}", "choose another backend")

    def load(self, plugin: Plugin) -> bool:
        """Import, construct and register a plugin once; a failure marks it as broken and is not raised."""
        with self._lock:
            if plugin.instance is None and plugin.usable:
                try:
                    cls = _load_class(plugin)
                    if hooks_of(cls) != plugin.hooks and self._cache:
                        self._cache.unlink(missing_ok=True)  # the index is stale: the code changed behind its back
                    plugin.hooks, plugin.instance = hooks_of(cls), cls()
                    self.manager.register(plugin.instance, plugin.name)
                except BaseException as error:  # noqa: BLE001 - a plugin may even call sys.exit
                    plugin.broken(error)
            return plugin.instance is not None and plugin.usable

    def register(self, instance: object, name: str) -> None:
        """Add an object of the host runtime with @hookimpl methods as a plugin of its own."""
        if name in self.plugins:
            raise PluginError(f"the plugin name {name!r} is taken", cure="register under another name")
        hooks = hooks_of(type(instance))
        if unknown := [hook for hook in hooks if hook not in HOOKS]:
            raise PluginError(f"{name} implements an unknown hook {unknown[0]}", cure=suggest(unknown[0], HOOKS))
        self.manager.register(instance, name)
        summary = "registered by the host"
        self.plugins[name] = Plugin(name=name, target=name, summary=summary, hooks=hooks, instance=instance)

    def implementers(self, hook: str, *, loaded: bool = False) -> list[tuple[Plugin, Callable[..., Any]]]:
        """Load the plugins that implement a hook; return each with a callable taking all arguments by name."""
        plugins = [p for p in list(self.plugins.values()) if hook in p.hooks and (p.instance or not loaded)]
        found = [plugin for plugin in plugins if self.load(plugin)]
        return [(plugin, self.caller(plugin, hook)) for plugin in found]

    def caller(self, plugin: Plugin, hook: str) -> Callable[..., Any]:
        """Return a loaded plugin's implementation of a hook, to be called with all of the hook's arguments by name."""
        for found in getattr(self.manager.hook, hook).get_hookimpls():
            if found.plugin is plugin.instance:
                return lambda **given: found.function(*(given[name] for name in found.argnames))
        raise PluginError(f"{plugin.name} does not implement {hook}", cure="memcore plugins list")

    def keys(self) -> Mapping[str, list[str] | None]:
        """Return the configuration keys of every plugin by section; None where the plugin could not tell."""
        return {plugin.name: plugin.keys for plugin in self.plugins.values()}


def hooks_of(cls: type) -> list[str]:
    """Return the names of the hooks a class implements."""
    marked = ((name, getattr(getattr(cls, name, None), "memcore_impl", None)) for name in dir(cls))
    return sorted(mark.get("specname") or name for name, mark in marked if isinstance(mark, dict))


def _entry_points() -> list[Plugin]:
    from importlib.metadata import entry_points  # 30 ms: only a rebuild of the index pays for it

    found = []
    for point in entry_points(group=GROUP):
        name, version = (point.dist.name, point.dist.version) if point.dist else ("", "")
        found.append(Plugin(name=point.name, target=point.value, distribution=name, version=version))
    return found


def _load_class(plugin: Plugin) -> type:
    module, _, path = plugin.target.partition(":")
    found: Any = importlib.import_module(module)
    for part in filter(None, path.split(".")):
        found = getattr(found, part)
    if not isinstance(found, type) or not isinstance(getattr(found, "info", None), PluginInfo):
        cure = "write a class with info = PluginInfo(summary=...)"
        raise PluginError(f"{plugin.target} is not a plugin class", cure=cure)
    return found


def inspect(plugin: Plugin) -> Plugin:
    """Import a plugin's class and fill in what it says and implements; a failure becomes its status."""
    started = time.perf_counter()
    try:
        module = plugin.target.partition(":")[0]
        parent = find_spec(module.rpartition(".")[0] or module)
        plugin.file = str(parent.origin or "") if parent else ""  # a module that is missing now may appear beside it
        plugin.stamp = _stamp(plugin.file)
        spec = find_spec(module)
        plugin.file = str(spec.origin or "") if spec else plugin.file
        plugin.stamp = _stamp(plugin.file)
        cls = _load_class(plugin)
        plugin.load_ms = round((time.perf_counter() - started) * 1000, 1)
        info: PluginInfo = cls.info  # type: ignore[attr-defined]
        plugin.summary, plugin.tables, plugin.api = info.summary, list(info.tables), info.api
        plugin.requires, plugin.uses = sorted(info.requires), sorted(info.uses)
        plugin.blocking, plugin.default, plugin.hooks = info.blocking, info.default, hooks_of(cls)
        plugin.keys = [item.name for item in attrs.fields(info.settings)] if info.settings else []
        _judge(plugin, info)
        if plugin.usable and "memcore_commands" in plugin.hooks:
            plugin.commands = {str(c.name): c.get_short_help_str(90) for c in cls().memcore_commands()}
    except BaseException as error:  # noqa: BLE001 - a plugin may even call sys.exit
        plugin.broken(error)
    return plugin


def _judge(plugin: Plugin, info: PluginInfo) -> None:
    missing = {name: extra for name, extra in info.packages.items() if find_spec(name) is None}
    absent = {name: extra for name, extra in info.optional.items() if find_spec(name) is None}
    unknown = [name for name in plugin.hooks if name not in HOOKS]
    if unknown:
        plugin.mark("incompatible", f"unknown hook {unknown[0]}", suggest(unknown[0], HOOKS))
    elif info.api != API:
        plugin.mark("incompatible", f"written for api {info.api}, this is api {API}", "install a matching release")
    elif info.placeholder:
        plugin.mark("placeholder", "not implemented", info.placeholder)
    elif missing or absent:
        name, extra = next(iter((missing or absent).items()))
        status, reason = ("unavailable", f"needs {name}") if missing else ("degraded", f"{name} is not installed")
        plugin.mark(status, reason, f"pip install '{plugin.distribution}[{extra}]'")
    elif plugin.load_ms > SLOW_IMPORT * 1000:
        plugin.mark("degraded", f"its import took {plugin.load_ms / 1000:.1f} s", "report it to its author")


def _stamp(file: str) -> int:
    try:
        return os.stat(file).st_mtime_ns if file else 0
    except OSError:
        return -1


def _key() -> list[Any]:
    return [sys.version, sys.prefix, API, [[path, _stamp(path)] for path in sys.path if _holds_distributions(path)]]


def _holds_distributions(path: str) -> bool:
    try:
        return path.endswith("-packages") or any(name.endswith(".dist-info") for name in os.listdir(path or "."))
    except OSError:
        return False


def _read_index(cache: Path) -> list[Plugin] | None:
    try:
        stored = json.loads(cache.read_bytes())
        plugins = [Plugin(**item) for item in stored["plugins"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return plugins if stored["key"] == _key() and all(_stamp(p.file) == p.stamp for p in plugins) else None


def _write_index(cache: Path, plugins: list[Plugin]) -> None:
    temporary = cache.with_suffix(f".{os.getpid()}")
    try:
        for folder in (cache.parent.parent, cache.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.write_text(json.dumps({"key": _key(), "plugins": [plugin.as_json() for plugin in plugins]}))
        os.replace(temporary, cache)
    except OSError:  # a home that cannot be written costs speed, nothing else
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
