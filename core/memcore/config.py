"""Settings: command line > environment > memcore.toml > default, each value with its origin."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs
from attrs import field, frozen

from memcore.errors import ConfigError

__all__ = ["Config", "CoreSettings", "suggest"]

T = TypeVar("T")
WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


@frozen(kw_only=True)
class CoreSettings:
    """The settings of memcore itself; every plugin has its own section in the same form."""

    backend: str = field(default="", metadata={"help": "storage backend", "env": "VIRTUALME_BACKEND"})
    embedder: str = field(default="", metadata={"help": "embedder by name; empty: none"})
    db: str = field(default="", metadata={"help": "database file; empty: memory.db in the home"})
    namespace: str = field(default="default", metadata={"help": "namespace of writes and searches"})
    busy_timeout: float = field(default=5.0, metadata={"help": "seconds to wait for another writer"})
    budget: int = field(default=1200, metadata={"help": "tokens of recalled text per prompt"})
    search_timeout: float = field(default=2.0, metadata={"help": "seconds a blocking search strategy may take"})
    plugins: str = field(default="all", metadata={"help": "all, builtin, or names separated by commas"})
    disable: tuple[str, ...] = field(default=(), metadata={"help": "plugins not to load"})
    distributions: tuple[str, ...] = field(default=(), metadata={"help": "allow-list; empty: every distribution"})


def suggest(word: str, known: Iterable[str]) -> str:
    """Return a question naming the closest known word, or all known words."""
    import difflib  # only errors need it

    names = sorted(known)
    close = difflib.get_close_matches(word, names, 1, 0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names) or 'none'}"


def _convert(value: Any, kind: str, where: str) -> Any:
    try:
        if kind.startswith("tuple"):
            parts = value.split(",") if isinstance(value, str) else list(value)
            return tuple(str(part).strip() for part in parts if str(part).strip())
        if isinstance(value, str) and kind == "bool":
            return WORDS[value.lower()]
        if kind in ("int", "float") and not isinstance(value, bool):
            return int(value) if kind == "int" else float(value)
        if kind not in ("bool", "int", "float", "str") or type(value).__name__ == kind:
            return value
    except (KeyError, TypeError, ValueError):
        value = str(value)
    raise ConfigError(f"{where}: {value!r} is not of type {kind}", cure=f"give a value of type {kind}")


class Config:
    """All settings of one engine, read once. A broken file or unknown key raises at `check`, not here.

    `overrides` are what the command line or the caller said: {"backend": "sqlite", "decay.rate": 0.01}.
    """

    def __init__(
        self,
        *,
        home: Path | None = None,
        overrides: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.environ = os.environ if environ is None else environ
        self.home = Path(home or self.environ.get("MEMCORE_HOME") or _default_home())
        self.file = self.home / "memcore.toml"
        self.problem: ConfigError | None = None
        self._values: dict[tuple[str, str], tuple[Any, str]] = {}
        for key, value in self._read_file().items():
            for inner, item in value.items() if isinstance(value, dict) else ((None, value),):
                self._set(key if inner else "", inner or key, item, str(self.file))
        for name, text in self.environ.items():
            if name.startswith("MEMCORE_") and name != "MEMCORE_HOME":
                section, _, key = name[8:].lower().rpartition("__")
                self._set(section, key, text, name)
        for dotted, value in (overrides or {}).items():
            section, _, key = dotted.rpartition(".")
            self._set(section, key, value, "command line")

    def _read_file(self) -> dict[str, Any]:
        try:
            text = self.file.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            self.problem = ConfigError(f"cannot read {self.file}", why=str(error), cure="check its permissions")
            return {}
        import tomllib  # 15 ms: only who has a file pays for it

        try:
            return tomllib.loads(text.decode())
        except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError
            self.problem = ConfigError(f"{self.file} is not valid TOML", why=str(error), cure="correct or remove it")
            return {}

    def _set(self, section: str, key: str, value: Any, origin: str) -> None:
        self._values[section.replace("-", "_"), key] = (value, origin)

    def lookup(self, section: str, cls: type) -> list[tuple[str, Any, str]]:
        """Return (key, value, origin) for every field of a settings class; section "" is memcore itself."""
        rows = []
        for item in attrs.fields(cls):
            value, origin = getattr(item.default, "factory", lambda default=item.default: default)(), "default"
            if alias := self.environ.get(item.metadata.get("env", "")):
                value, origin = alias, item.metadata["env"]
            found = self._values.get((section.replace("-", "_"), item.name))
            if found and (origin == "default" or found[1] != str(self.file)):
                value, origin = found
            if origin != "default":
                where = f"{section + '.' if section else ''}{item.name} (from {origin})"
                value = _convert(value, str(getattr(item.type, "__name__", item.type)), where)
            rows.append((item.name, value, origin))
        return rows

    def section(self, section: str, cls: type[T]) -> T:
        """Return the settings object of a section; a wrong type raises ConfigError naming its origin."""
        return cls(**{key: value for key, value, _ in self.lookup(section, cls)})

    def check(self, sections: Mapping[str, Sequence[str] | None]) -> None:
        """Raise ConfigError for a broken file or the first section or key nobody knows; None admits any key."""
        if self.problem:
            raise self.problem
        known = {name.replace("-", "_"): keys for name, keys in sections.items()}
        for (section, key), (_, origin) in self._values.items():
            if section not in known:
                cure = suggest(section, [name for name in known if name])
                raise ConfigError(f"unknown section {section!r} in {origin}", cure=cure)
            keys = known[section]
            if keys is not None and key not in keys:
                where = f" of [{section}]" if section else ""
                raise ConfigError(f"unknown key {key!r}{where} in {origin}", cure=suggest(key, keys))

    @property
    def database(self) -> Path:
        """Return the path of the workspace file."""
        named = self.section("", CoreSettings).db
        return Path(named).expanduser() if named else self.home / "memory.db"


def _default_home() -> Path:
    import platformdirs  # only who sets no MEMCORE_HOME pays for it

    return Path(platformdirs.user_data_dir("memcore", appauthor=False))
