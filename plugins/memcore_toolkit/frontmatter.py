"""The YAML block at the start of a file, read even when it is not YAML.

Half of one surveyed vault had frontmatter that no YAML parser accepts (``related: [[a]], [[b]]``). Such a block is
read line by line: the reason is reported, the values are not lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice

from attrs import frozen

__all__ = ["LONGEST_FRONTMATTER", "Frontmatter", "link_targets", "read_frontmatter"]

#: Characters up to which frontmatter is given to the YAML parser; longer blocks are read line by line.
LONGEST_FRONTMATTER = 65_536

_KEY = re.compile(r"([^\s:#\-\[{\"'][^:\n]{0,80}?)\s*:(?:\s+(.*)|\s*)$")
_ITEM = re.compile(r"\s*-\s+(.*)")
_LINK = re.compile(r"\[\[[^\[\]\n]+\]\]")
_TARGET = re.compile(r"[|#\\]")


@frozen(kw_only=True)
class Frontmatter:
    """Hold the values, why they are not valid YAML (None when they are) and how many lines the block takes."""

    values: Mapping[str, object]
    invalid: str | None
    lines: int


def read_frontmatter(lines: list[str]) -> Frontmatter:
    """Read the block from ``---`` on the first line to ``---`` or ``...``; no block gives no values.

    A block that is neither a mapping nor has a ``key: value`` line is not frontmatter but text between two rules.
    """
    none = Frontmatter(values={}, invalid=None, lines=0)
    if not lines or lines[0].lstrip("\ufeff").rstrip() != "---":
        return none
    end = next((index for index, line in enumerate(islice(lines, 1, None), 1) if line.rstrip() in {"---", "..."}), 0)
    if not end:
        return none
    body = lines[1:end]
    if not any(line.strip() for line in body):
        return Frontmatter(values={}, invalid=None, lines=end + 1)
    values, invalid = _yaml("\n".join(body))
    if values is not None:
        return Frontmatter(values=values, invalid=None, lines=end + 1)
    read = dict(_by_line(body))
    return Frontmatter(values=read, invalid=invalid, lines=end + 1) if read else none


def link_targets(value: object) -> tuple[str, ...]:
    """Return the page names in a frontmatter value, however it was written.

    Accepts ``"[[a]]"``, ``"a"``, ``["[[a]]", "b"]``, the nested list that YAML makes of a bare ``[[a]]``, and a
    mapping of lists.
    """
    if isinstance(value, Mapping):
        return tuple(target for item in value.values() for target in link_targets(item))
    if isinstance(value, (list, tuple)):
        return tuple(target for item in value for target in link_targets(item))
    if value is None or isinstance(value, bool):
        return ()
    text = str(value)
    found = [link[2:-2] for link in _LINK.findall(text)] or [text]
    return tuple(name for name in (_TARGET.split(item)[0].strip().removesuffix(".md") for item in found) if name)


def _yaml(body: str) -> tuple[dict[str, object] | None, str | None]:
    """Return the mapping, or None and the reason."""
    if len(body) > LONGEST_FRONTMATTER:
        return None, f"longer than {LONGEST_FRONTMATTER} characters"
    import yaml

    try:
        loaded = yaml.load(body, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        return None, " ".join(str(error).split())
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # What PyYAML lets through from the constructors of dates, numbers and deep nesting.
        return None, f"{type(error).__name__}: {error}"
    if isinstance(loaded, dict):
        return {str(key): value for key, value in loaded.items()}, None
    return ({}, None) if loaded is None else (None, f"a {type(loaded).__name__} instead of keys and values")


def _by_line(body: list[str]) -> Iterator[tuple[str, object]]:
    """Yield ``key: value`` lines and the list items below a key without a value."""
    key, items = "", list[str]()
    for line in body:
        if match := _KEY.match(line):
            if items:
                yield key, items
            key, items = match[1].strip(), []
            yield key, _value((match[2] or "").strip())
        elif key and (item := _ITEM.match(line)):
            items = [*items, _unquoted(item[1].strip())] if len(items) < 1000 else items
    if items:
        yield key, items


def _value(text: str) -> object:
    if links := _LINK.findall(text):
        return links
    if text.startswith("[") and text.endswith("]"):
        return [_unquoted(item.strip()) for item in text[1:-1].split(",") if item.strip()]
    return _unquoted(text)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
