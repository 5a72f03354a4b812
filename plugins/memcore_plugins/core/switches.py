"""Switching plugins on and off in memcore.toml. Comments and order stay; the file is replaced whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import frozen
from memcore.config import Config, CoreSettings, suggest
from memcore.errors import ConfigError, InvalidInputError, RefusedError

from memcore_plugins.core.tomlfile import read_settings, write_settings

if TYPE_CHECKING:
    from memcore.discovery import Catalog
    from tomlkit import TOMLDocument

__all__ = ["Change", "switch"]


@frozen(kw_only=True)
class Change:
    """What switching one plugin did, and what still stands in its way."""

    name: str
    changed: bool
    detail: str
    note: str = ""


def switch(config: Config, catalog: Catalog, names: Sequence[str], *, on: bool, dry_run: bool) -> list[Change]:
    """Switch plugins on or off; raise, with nothing written, if one of them is unknown or must stay as it is."""
    for name in names:
        if name not in catalog.plugins:
            raise InvalidInputError(f"there is no plugin {name!r}", cure=suggest(name, catalog.plugins))
        if name == "core" and not on:
            cure = "disable another plugin"
            raise RefusedError("core cannot be disabled", why="its commands repair everything else", cure=cure)
    document = read_settings(config)
    wanted = list(dict.fromkeys(names))
    changes = [_enable(document, catalog, name) if on else _disable(document, name) for name in wanted]
    if not dry_run and any(change.changed for change in changes):
        write_settings(config, document)
    overriding = _overriding(config)
    return [_warned(change, catalog, on=on, overriding=overriding) for change in changes]


def _disable(document: TOMLDocument, name: str) -> Change:
    listed = _names(document, "disable")
    if name in listed:
        return Change(name=name, changed=False, detail="was disabled already")
    _set(document, "disable", [*listed, name])
    return Change(name=name, changed=True, detail="disabled")


def _enable(document: TOMLDocument, catalog: Catalog, name: str) -> Change:
    changed = False
    if name in (listed := _names(document, "disable")):
        _set(document, "disable", [each for each in listed if each != name])
        changed = True
    mode = str(document.get("plugins", "all"))
    if mode == "builtin" and catalog.plugins[name].distribution != "memcore-engine":
        why = 'memcore.toml says plugins = "builtin", and this plugin is not one of them'
        raise RefusedError(f"{name} was not enabled", why=why, cure='set plugins = "all" in memcore.toml')
    if mode not in ("all", "builtin") and name != "core" and name not in (chosen := mode.split(",")):
        document["plugins"] = ",".join([*chosen, name])
        changed = True
    return Change(name=name, changed=changed, detail="enabled" if changed else "was enabled already")


def _names(document: TOMLDocument, key: str) -> list[str]:
    value = document.get(key, [])
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list):
        raise ConfigError(f"{key} in memcore.toml is not a list of names", cure=f'write it like {key} = ["decay"]')
    return [str(each) for each in value]


def _set(document: TOMLDocument, key: str, names: list[str]) -> None:
    import tomlkit

    present = document.get(key)
    if isinstance(present, list):  # change the array in place: it may carry comments
        for index in reversed([i for i, each in enumerate(present) if str(each) not in names]):
            del present[index]
        present.extend(each for each in names if each not in [str(item) for item in present])
    else:
        array = tomlkit.array()
        array.extend(names)
        document[key] = array


def _overriding(config: Config) -> dict[str, str]:
    """Return which of the two settings that switch plugins is set outside the file, and where."""
    rows = config.lookup("", CoreSettings)
    outside = {"plugins", "disable"}
    return {key: where for key, _, where in rows if key in outside and where not in ("default", str(config.file))}


def _warned(change: Change, catalog: Catalog, *, on: bool, overriding: dict[str, str]) -> Change:
    from memcore.records import evolve

    notes = [f"{key} is also set by {origin}, which wins over the file" for key, origin in overriding.items()]
    plugin = catalog.plugins[change.name]
    if on and plugin.status not in ("active", "disabled"):
        notes.append(f"it is {plugin.status}: {plugin.reason}; {plugin.hint}".rstrip("; "))
    return evolve(change, note="; ".join(notes))
