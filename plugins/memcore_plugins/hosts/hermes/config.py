"""`memory.provider` in the config.yaml of Hermes, edited in place so that comments and order stay."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from memcore import MemcoreError

__all__ = ["get_provider", "set_provider", "shown_targets"]

_TOP = re.compile(r"^memory\s*:\s*(#.*)?$")
_KEY = re.compile(r"^(\s+)provider\s*:.*$")


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


def set_provider(home: Path, name: str) -> None:
    """Set the memory provider; the file before is kept as config.yaml.bak-memcore."""
    path = home / "config.yaml"
    before = _load(home)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    changed = _edited(text, name)
    wanted: dict[str, Any] = {**before, "memory": {**(before.get("memory") or {}), "provider": name}}
    if _parse(changed, path) != wanted:
        what, why = f"{path} could not be edited safely; it is unchanged", "its memory section has an unusual form"
        raise MemcoreError(what, why=why, cure=f"set it by hand:\n    memory:\n      provider: {name}")
    if text:
        path.with_name("config.yaml.bak-memcore").write_text(text, encoding="utf-8")
    temporary = path.with_name(f".config.yaml.{os.getpid()}")
    temporary.write_text(changed, encoding="utf-8")
    if path.exists():
        temporary.chmod(path.stat().st_mode & 0o777)
    temporary.replace(path)


def _edited(text: str, name: str) -> str:
    line = f"provider: {name or chr(34) * 2}"
    lines = text.splitlines()
    for start, found in enumerate(lines):
        if _TOP.match(found):
            for at in range(start + 1, len(lines)):
                if lines[at].strip() and not lines[at].startswith((" ", "\t", "#")):
                    break
                if key := _KEY.match(lines[at]):
                    lines[at] = f"{key[1]}{line}"
                    return "\n".join(lines) + "\n"
            following = re.match(r"(\s+)\S", lines[start + 1]) if start + 1 < len(lines) else None
            indent = following[1] if following else "  "
            lines.insert(start + 1, f"{indent}{line}")
            return "\n".join(lines) + "\n"
    return text + ("" if not text or text.endswith("\n") else "\n") + f"memory:\n  {line}\n"


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
