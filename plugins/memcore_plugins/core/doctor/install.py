"""What is installed: who owns our package files, which plugins work, and whether the settings can be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib.metadata import distributions
from typing import Literal

import attrs
from memcore.config import CoreSettings
from memcore.discovery import OWN
from memcore.errors import ConfigError

from memcore_plugins.core.config import HIDDEN, Setting, settings_of
from memcore_plugins.core.doctor.look import Check, Look

__all__ = ["examine", "owners"]

_OUR_FILE = "memcore/__init__.py"
_STATES: dict[str, Literal["info", "warning", "error"]] = {
    "broken": "error",
    "shadowed": "error",
    "incompatible": "error",
    "unavailable": "info",
    "degraded": "info",
}


def owners() -> list[str]:
    """Return the distributions that installed a file memcore/__init__.py, each with its version.

    The unrelated distribution `memcore` overwrites ours without a word; an editable installation lists no such file.
    """
    found = {
        f"{each.name} {each.version}" for each in distributions() if any(str(f) == _OUR_FILE for f in each.files or ())
    }
    return sorted(found)


def examine(look: Look) -> Iterator[Check]:
    """Yield the owners of the package, the plugins that do not work, and the settings that cannot be used."""
    foreign = [each for each in owners() if each.rpartition(" ")[0] != OWN]
    if foreign:
        names = " ".join(each.rpartition(" ")[0] for each in foreign)
        cure = f"pip uninstall -y {names} && pip install --force-reinstall --no-deps {OWN}"
        detail = f"{', '.join(foreign)} also installed {_OUR_FILE}: one of the two overwrote the other"
        yield Check(area="install", name="package", state="error", detail=detail, cure=cure)
    else:
        yield Check(area="install", name="package", state="ok", detail=f"{_OUR_FILE} belongs to {OWN} alone")
    yield from _plugins(look)
    yield from _settings(look)


def _plugins(look: Look) -> Iterator[Check]:
    counts = Counter(plugin.status for plugin in look.catalog.plugins.values())
    detail = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    yield Check(area="install", name="plugins", state="ok" if counts else "error", detail=detail or "none is installed")
    for name, plugin in look.catalog.plugins.items():
        if state := _STATES.get(plugin.status):
            detail = f"{plugin.status}: {plugin.reason}"
            yield Check(area="install", name=name, state=state, detail=detail, cure=plugin.hint)


def _settings(look: Look) -> Iterator[Check]:
    config = look.config
    wrong = [str(error) for error in settings_of(config, look.catalog) if isinstance(error, ConfigError)]
    try:
        config.check({"": [item.name for item in attrs.fields(CoreSettings)], **look.catalog.keys()})
    except ConfigError as error:
        wrong.insert(0, str(error))
    for text in wrong:
        what, *rest = text.split("\n  ")
        cure = next((part.removeprefix("try: ") for part in rest if part.startswith("try: ")), "memcore config show")
        why = next((f" ({part.removeprefix('why: ')})" for part in rest if part.startswith("why: ")), "")
        yield Check(area="install", name="settings", state="error", detail=what + why, cure=cure)
    if not wrong:
        detail = str(config.file) if config.file.exists() else f"defaults: there is no {config.file}"
        yield Check(area="install", name="settings", state="ok", detail=detail)
    yield from _exposed(look)


def _exposed(look: Look) -> Iterator[Check]:
    file = look.config.file
    if not file.exists() or not file.stat().st_mode & 0o077:
        return
    rows = [row for row in settings_of(look.config, look.catalog) if isinstance(row, Setting)]
    secrets = [row.name for row in rows if row.value == HIDDEN and row.origin == str(file)]
    if secrets:
        detail = f"{file} holds {', '.join(secrets)} and can be read by others"
        yield Check(area="install", name="secrets", state="warning", detail=detail, cure=f"chmod 600 {file}")
