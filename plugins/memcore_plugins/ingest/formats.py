"""Which format a file is in: by its name and place first, by its text where the name says nothing."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal, get_args

from memcore_toolkit.dates import date_in_name

__all__ = ["FORMATS", "Format", "bank_kind", "identify"]

Format = Literal[
    "agents",
    "bank",
    "daily",
    "entity",
    "hermes",
    "identity",
    "machine",
    "memory",
    "note",
    "opinions",
    "session",
    "template",
    "transcript",
    "wiki",
]
FORMATS: tuple[Format, ...] = get_args(Format)
"""All formats; a source may name one of them as its `kind`."""

_AGENT_FILES = frozenset(
    {"agents.md", "bootstrap.md", "claude.local.md", "claude.md", "gemini.md", "heartbeat.md", "tools.md"}
)
_IDENTITY_FILES = frozenset({"identity.md", "soul.md", "user.md"})
_MACHINE_FILES = frozenset({"context-digest.md", "dreams.md"})
_WIKI_FOLDERS = frozenset({"vault", "wiki", "wikis"})
_TEMPLATE = re.compile(r"_?templates?|.+[-_. ]template|_.*template.*")
_ROLES = r"(?:user|human|assistant|agent|ai|bot|system|tool|function)"
_ROLE_LINE = re.compile(rf"^(?:\*\*)?{_ROLES}(?:\*\*)?[:：]", re.IGNORECASE | re.MULTILINE)
_SESSION_HEAD = re.compile(
    r"\A\s*(?:---\n.*?\n---\s*)?#\s*Session\b[:：\s]|^\W*\*\*Session (?:Key|ID)\*\*",
    re.IGNORECASE | re.DOTALL | re.MULTILINE,
)
_BANK_KINDS = {
    "world": "world",
    "facts": "world",
    "experience": "experience",
    "experiences": "experience",
    "observations": "observation",
    "lessons": "pattern",
    "patterns": "pattern",
    "reflection": "reflection",
    "reflections": "reflection",
}


def identify(path: str | None, text: str, hint: str | None = None) -> Format:
    """Return the format of a text; `hint` is believed where it names one.

    Machine output (``memory/dreaming/``, ``DREAMS.md``, ``.dreams/``) and templates are formats of their own, so that
    nothing in them is taken for memory.
    """
    for known in FORMATS:
        if hint == known:
            return known
    if path is None:
        return _by_text(text) or "note"
    parts = [unicodedata.normalize("NFC", part).casefold() for part in path.replace("\\", "/").split("/") if part]
    if not parts:
        return "note"
    *folders, name = parts
    return _by_name(folders, name, text) or _by_text(text) or _by_place(folders, name)


def _by_name(folders: list[str], name: str, text: str) -> Format | None:
    if ".dreams" in folders or "dreaming" in folders or name in _MACHINE_FILES:
        return "machine"
    stem = name.rpartition(".")[0] or name
    if _TEMPLATE.fullmatch(stem) or "templates" in folders:
        return "template"
    if name.endswith(".jsonl"):
        return "transcript"
    if name in {"memory.md", "user.md"} and ("\n§\n" in text or "memories" in folders):
        return "hermes"
    if name == "memory.md":
        return "memory"
    if name in _IDENTITY_FILES:
        return "identity"
    if name in _AGENT_FILES or ".claude" in folders:
        return "agents"
    return None


def _by_text(text: str) -> Format | None:
    head = text[:4000]
    if _SESSION_HEAD.search(head) and _ROLE_LINE.search(text):
        return "session"
    roles = len(_ROLE_LINE.findall(head))
    lines = sum(1 for line in head.split("\n") if line.strip())
    return "session" if roles >= 4 and roles * 2 >= lines else None


def _by_place(folders: list[str], name: str) -> Format:
    stem = name.rpartition(".")[0] or name
    if "bank" in folders:
        if "entities" in folders:
            return "entity"
        if stem.startswith("opinion"):
            return "opinions"
        return "note" if stem == "readme" else "bank"
    if not _WIKI_FOLDERS.isdisjoint(folders):
        return "wiki"
    return "daily" if date_in_name(name) else "note"


def bank_kind(path: str | None) -> str:
    """Return the kind that the name of a bank page gives to what is on it; a page of another name holds facts."""
    stem = (path or "").rpartition("/")[2].rpartition(".")[0].casefold()
    return _BANK_KINDS.get(stem, "fact")
