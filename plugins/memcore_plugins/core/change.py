"""Changing one setting in memcore.toml, checked against the settings class that will read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from memcore.config import Config, CoreSettings
from memcore.errors import RefusedError

from memcore_plugins.core.config import masked
from memcore_plugins.core.listing import declared
from memcore_plugins.core.tomlfile import read_settings, write_settings

if TYPE_CHECKING:
    from memcore.discovery import Catalog

__all__ = ["set_value", "unset_value"]


def set_value(config: Config, catalog: Catalog, dotted: str, text: str, *, dry_run: bool) -> Any:
    """Write a setting and return its value as TOML; raise ConfigError for an unknown key or a wrong type.

    Raises RefusedError for a secret: the file may be read, copied and committed.
    """
    section, _, key = dotted.rpartition(".")
    document = read_settings(config)
    if masked(key, text) != text:
        raise RefusedError(
            f"{dotted} was not written",
            why="a secret does not belong in memcore.toml",
            cure=f"write it to a private file and set {dotted}_file, or set it in the environment",
        )
    known = {"": [item.name for item in attrs.fields(CoreSettings)], **catalog.keys()}
    probe = Config(home=config.home, environ={}, overrides={dotted: text})
    probe.check(known)
    plugin = catalog.plugins.get(section) or catalog.plugins.get(section.replace("_", "-"))
    info = declared(plugin) if plugin else None
    cls = CoreSettings if not section else info.settings if info else None
    rows = probe.lookup(section, cls) if cls else []
    value: Any = next((found for name, found, _ in rows if name == key), text)
    value = list(value) if isinstance(value, tuple) else value
    if not dry_run:
        place = document.setdefault(section, {}) if section else document
        place[key] = value
        write_settings(config, document)
    return value


def unset_value(config: Config, dotted: str, *, dry_run: bool) -> bool:
    """Remove a setting, and its section if that is empty then; return whether it was there."""
    section, _, key = dotted.rpartition(".")
    document = read_settings(config)
    place: Any = document.get(section, {}) if section else document
    if key not in place:
        return False
    if not dry_run:
        del place[key]
        if section and not place:
            del document[section]
        write_settings(config, document)
    return True
