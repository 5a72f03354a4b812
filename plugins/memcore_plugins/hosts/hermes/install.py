"""`memcore hermes install|status|uninstall`: put the provider into a Hermes home, and take it out again.

The plugin directory is self-contained: memcore and the libraries it needs are copied into it, because a provider with a
dependency file takes part in the host's dependency resolution and is lost with its updates.
"""

from __future__ import annotations

import json
import os
import shutil
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

from attrs import frozen
from memcore import Engine, MemcoreError

from memcore_plugins.hosts.hermes import config
from memcore_plugins.hosts.hermes.files import TARGETS, split_entries
from memcore_plugins.hosts.provider import MemcoreProvider

__all__ = ["Home", "install", "status", "uninstall"]

PACKAGES = ("memcore", "memcore_plugins", "memcore_toolkit", "memcore_backends")
LIBRARIES = ("attr", "attrs", "click", "pluggy", "platformdirs", "yaml")
"""What memcore's own commands and hooks import; rich, tomlkit and the extras stay with the command line."""
SHIM = '''"""memcore as a MemoryProvider of Hermes Agent. Written by `memcore hermes install`; do not edit."""

import sys
from pathlib import Path

_HERE = Path(__file__).parent
if str(_HERE / "_vendor") not in sys.path:
    sys.path.insert(0, str(_HERE / "_vendor"))  # memcore and nothing else: this copy, whatever else is installed
    sys.path.append(str(_HERE / "_libraries"))  # behind everything of the host

from memcore_plugins.hosts.hermes.adapter import register  # noqa: E402, F401
'''


@frozen(kw_only=True)
class Home:
    """The folders of one Hermes home."""

    root: Path

    @classmethod
    def find(cls, named: Path | None) -> Home:
        """Return the home that is named, or of the environment, or the default; it must exist."""
        root = Path(named or os.environ.get("HERMES_HOME") or Path.home() / ".hermes").expanduser()
        if not root.is_dir():
            what = f"there is no Hermes home at {root}"
            raise MemcoreError(what, cure="start Hermes once, or name its home with --home")
        return cls(root=root)

    @property
    def plugin(self) -> Path:
        """Return the plugin directory, whose name is the provider's."""
        return self.root / "plugins" / "memcore"

    @property
    def data(self) -> Path:
        """Return the home of memcore inside the Hermes home."""
        return self.root / "memcore"


def install(home: Home, *, dry_run: bool = False) -> list[str]:
    """Write the plugin, set `memory.provider`, take over the memory files; return what was done, line by line.

    A config.yaml that cannot be edited is refused before anything is written.
    """
    previous = config.get_provider(home.root)
    files = [path for name in TARGETS.values() if (path := home.root / "memories" / name).is_file()]
    version = distribution("memcore-engine").version
    if dry_run:
        chosen = [f"would set memory.provider to memcore (is {previous or 'empty'})"] if previous != "memcore" else []
        copied = f"would write {home.plugin} (memcore {version}, self-contained)"
        return [copied, *chosen, *(f"would take over the entries of {path}" for path in files)]
    if previous != "memcore":
        config.set_provider(home.root, "memcore", dry_run=True)
    _write_plugin(home, previous)
    done = [f"wrote {home.plugin} (memcore {version}, self-contained)"]
    if previous != "memcore":
        config.set_provider(home.root, "memcore")
        done.append(f"set memory.provider to memcore (was {previous or 'empty'})")
    done.extend(_take_over(home))
    done.append("start a new Hermes session to use it; undo with: memcore hermes uninstall")
    return done


def _write_plugin(home: Home, previous: str) -> None:
    new, old = home.plugin.with_name(".memcore.new"), home.plugin.with_name(".memcore.old")
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    vendor, libraries = new / "_vendor", new / "_libraries"
    for folder, names in ((vendor, PACKAGES), (libraries, LIBRARIES)):
        folder.mkdir(parents=True)
        for name in names:
            _copy_package(name, folder)
    _copy_licences(libraries / "licences")
    _copy_metadata(vendor)
    (new / "__init__.py").write_text(SHIM, encoding="utf-8")
    version = distribution("memcore-engine").version
    about = f"name: memcore\nversion: {version}\ndescription: Local memory in one SQLite file; no server, no model.\n"
    (new / "plugin.yaml").write_text(about, encoding="utf-8")
    kept = home.plugin / "previous.json"
    before = json.loads(kept.read_text()) if kept.exists() else {"provider": previous}
    (new / "previous.json").write_text(json.dumps(before), encoding="utf-8")
    if home.plugin.exists():
        home.plugin.rename(old)
    new.rename(home.plugin)
    shutil.rmtree(old, ignore_errors=True)


def _copy_package(name: str, vendor: Path) -> None:
    spec = find_spec(name)
    folder = next(iter(spec.submodule_search_locations or ()), None) if spec else None
    if folder is None:
        raise MemcoreError(f"the library {name} is not installed", cure="pip install --force-reinstall memcore-engine")
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc", "testing", "*.so", "*.pyd")
    shutil.copytree(folder, vendor / name, ignore=ignore)


def _copy_metadata(vendor: Path) -> None:
    """Write the metadata by which entry points are found, of memcore and of nothing else."""
    found = distribution("memcore-engine")
    folder = vendor / f"memcore_engine-{found.version}.dist-info"
    folder.mkdir()
    head = f"Metadata-Version: 2.1\nName: memcore-engine\nVersion: {found.version}\n"
    (folder / "METADATA").write_text(head, encoding="utf-8")
    (folder / "entry_points.txt").write_text(found.read_text("entry_points.txt") or "", encoding="utf-8")


def _copy_licences(folder: Path) -> None:
    """Copy the licences of the libraries beside them, as they ask for."""
    for name in ("attrs", "click", "pluggy", "platformdirs", "PyYAML"):
        for file in distribution(name).files or ():
            if file.stem.upper() in ("LICENSE", "LICENCE", "COPYING"):
                target = folder / name / file.name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(Path(str(file.locate())), target)


def _take_over(home: Home) -> list[str]:
    lines = []
    memory = MemcoreProvider(lambda: Engine.open(home=home.data), home=home.data, host="hermes")
    try:
        memory.engine()  # a database that cannot be opened is said now
        for target, name in TARGETS.items():
            path = home.root / "memories" / name
            if path.is_file():
                entries = split_entries(path.read_text(encoding="utf-8", errors="replace"))
                memory.reconcile(target, entries)
                lines.append(f"took over {len(entries)} entries of {path} (the file is unchanged)")
    finally:
        memory.close()
    return lines


def uninstall(home: Home, *, dry_run: bool = False) -> list[str]:
    """Give `memory.provider` back to what it was and remove the plugin; the memories stay."""
    if not home.plugin.exists():
        raise MemcoreError(f"memcore is not installed in {home.root}", cure="memcore hermes status")
    kept = home.plugin / "previous.json"
    previous = str(json.loads(kept.read_text()).get("provider") or "") if kept.exists() else ""
    chosen = config.get_provider(home.root) == "memcore"
    if not dry_run:
        if chosen:
            config.set_provider(home.root, previous)
        shutil.rmtree(home.plugin)
    done = [f"set memory.provider to {previous or 'empty'}"] if chosen else []
    done += [f"remove {home.plugin}", f"keep the memories in {home.data}; remove that folder to forget them"]
    return [f"{'would ' if dry_run else ''}{line}" for line in done]


def status(home: Home) -> dict[str, str]:
    """Return what is installed and chosen, and where the memories are."""
    about = home.plugin / "plugin.yaml"
    version = (
        next((line[9:] for line in about.read_text().splitlines() if line.startswith("version: ")), "")
        if about.exists()
        else ""
    )
    database = home.data / "memory.db"
    return {
        "home": str(home.root),
        "plugin": f"memcore {version}" if version else "not installed",
        "memory.provider": config.get_provider(home.root) or "empty",
        "database": f"{database} ({database.stat().st_size:,} bytes)" if database.exists() else "none yet",
    }
