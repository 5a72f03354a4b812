"""`Name: value` lines: the fields of opinions, entity pages and identity files, in the spellings people use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from memcore_toolkit.blocks import Bullet

__all__ = ["any_field", "canonical", "field_of", "fields_of"]

_FIELD = re.compile(
    r"(?P<open>\*\*|__|[*_`])?(?P<name>[^\s*_`:：|\[\]@(#][^*`:：|\n]{0,40}?)(?:\*\*|__|[*_`])?[ \t]*"
    r"[:：](?:\*\*|__|[*_`])?[ \t\u3000]*(?P<value>.*)",
    re.DOTALL,
)
_NAMES = {
    "confidence": "confidence,conf,置信度,信心,확신도,신뢰도,確信度,信頼度",
    "evidence": "evidence,evidence links,supporting,supports,support,references,refs,근거,증거,证据,證據,根拠",
    "contradictions": "contradicting,contradictions,contradicts,counter,counter-evidence,against,반증,反证,反証",
    "last_reinforced": (
        "last reinforced,reinforced,last confirmed,confirmed,last updated,updated,更新,갱신,最后更新,最終更新"
    ),
    "statement": "opinion,statement,belief,view,judgment,judgement,观点,觀點,意見,의견",
    "rule": "rule,규칙,规则,規則",
    "protocol": "protocol",
    "awaiting": "awaiting,waiting for,pending",
    "source": "source,src,sources,출처,来源,來源,出典",
    "status": "status,state,상태,状态,狀態,状態",
}
_CANONICAL = {alias: name for name, aliases in _NAMES.items() for alias in aliases.split(",")}


def canonical(name: str) -> str:
    """Return the standard name of a field, or an empty string for a name that is none of them."""
    return _CANONICAL.get(" ".join(name.casefold().replace("_", " ").split()), "")


def any_field(line: str) -> tuple[str, str] | None:
    """Return name and value of a `**Name:** value` line; without emphasis the name must be one or two words."""
    found = _FIELD.match(line)
    if found is None or not (found["open"] or len(found["name"].split()) <= 2):
        return None
    return found["name"].strip(), found["value"].strip()


def field_of(line: str) -> tuple[str, str] | None:
    """Return the standard name and the value of a line that is a known field."""
    found = any_field(line)
    name = canonical(found[0]) if found else ""
    return (name, found[1]) if found and name else None


def fields_of(bullets: Iterable[Bullet]) -> tuple[dict[str, list[str]], list[Bullet]]:
    """Return the known fields among nested items with their values, and the items that are none.

    Items below a field without a value of its own are its values, as in ``Evidence:`` with a list under it.
    """
    fields: dict[str, list[str]] = {}
    rest: list[Bullet] = []
    for bullet in bullets:
        found = field_of(bullet.full_text)
        if found is None:
            rest.append(bullet)
            continue
        values = [found[1]] if found[1] else []
        values += _texts(bullet)
        fields.setdefault(found[0], []).extend(values)
    return fields, rest


def _texts(bullet: Bullet) -> Sequence[str]:
    return [child.full_text for child in bullet.children if isinstance(child, Bullet)]
