"""`memory.provider` in the config.yaml of Hermes, edited in place so that comments and order stay."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from memcore import MemcoreError

__all__ = ["get_provider", "set_provider", "shown_targets"]


def get_provider(home: Path) -> str:
    """Return the chosen memory provider, or an empty string."""
    memory = _load(home).get("memory")
    return str(memory.get("provider") or "") if isinstance(memory, dict) else ""


def shown_targets(home: Path) -> tuple[str, ...]:
    """Return which memory files Hermes puts into its prompt; none if its settings cannot be read (twice is safe)."""
    try:
        memory = _load(home).get("memory")
    except MemcoreError:
        return ()
    given = memory if isinstance(memory, dict) else {}
    switches = {"memory": "memory_enabled", "user": "user_profile_enabled"}
    return tuple(target for target, switch in switches.items() if given.get(switch, True))


def set_provider(home: Path, name: str, *, dry_run: bool = False) -> None:
    """Set the memory provider; the file before is kept as config.yaml.bak-memcore. `dry_run` only raises."""
    path = home / "config.yaml"
    before = _load(home)
    text = path.read_bytes().decode() if path.exists() else ""
    changed = _edited(text, name)
    memory = before.get("memory") or {}
    wanted = {**before, "memory": {**memory, "provider": name}} if isinstance(memory, dict) else None
    if _parse(changed, path) != wanted:
        what, why = f"{path} could not be edited safely; it is unchanged", "its memory section has an unusual form"
        raise MemcoreError(what, why=why, cure=f"set it by hand:\n    memory:\n      provider: {name}")
    if dry_run:
        return
    if text:
        path.with_name("config.yaml.bak-memcore").write_bytes(text.encode())
    temporary = path.with_name(f".config.yaml.{os.getpid()}")
    temporary.write_bytes(changed.encode())
    if path.exists():
        temporary.chmod(path.stat().st_mode & 0o777)
    temporary.replace(path)


def _edited(text: str, name: str) -> str:
    """Return the text with the provider set, where YAML itself says the value stands; else unchanged."""
    import yaml

    value, end = name or '""', "\r\n" if "\r\n" in text else "\n"
    key, memory = _entry(yaml.compose(text), "memory")
    if key is None:
        return text + ("" if not text or text.endswith("\n") else end) + f"memory:{end}  provider: {value}{end}"
    if isinstance(memory, yaml.ScalarNode) and not memory.value:
        lines = text.splitlines(keepends=True)
        lines[key.end_mark.line] = lines[key.end_mark.line].rstrip("\r\n") + end
        lines.insert(key.end_mark.line + 1, f"  provider: {value}{end}")
        return "".join(lines)
    if not isinstance(memory, yaml.MappingNode) or memory.flow_style or not memory.value:
        return text
    found, old = _entry(memory, "provider")
    if found is None:
        first = memory.value[0][0].start_mark
        indent = " " * first.column
        return f"{text[: first.index]}provider: {value}{end}{indent}{text[first.index :]}"
    space = "" if text[old.start_mark.index - 1].isspace() else " "
    return f"{text[: old.start_mark.index]}{space}{value}{text[old.end_mark.index :]}"


def _entry(node: Any, name: str) -> tuple[Any, Any]:
    """Return the nodes of a key and its value in a mapping, or None twice."""
    pairs = node.value if hasattr(node, "value") and isinstance(node.value, list) else []
    pairs = [pair for pair in pairs if isinstance(pair, tuple)]
    return next(((key, value) for key, value in pairs if key.value == name), (None, None))


def _load(home: Path) -> dict[str, Any]:
    path = home / "config.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise MemcoreError(f"cannot read {path}", why=str(error), cure="check the file") from error
    return _parse(text, path)


def _parse(text: str, path: Path) -> dict[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise MemcoreError(f"{path} is not valid YAML", why=str(error), cure="correct it first") from error
    if not isinstance(found, dict):
        raise MemcoreError(f"{path} is not a mapping", cure="correct it first")
    return found
