"""The Retain tag grammar, tolerant of what agents really write: one line in, a tag or nothing out.

``- W @Quay: The gate opens at six.`` says: a fact about the world, about Quay. ``B`` is what the agent did,
``O(c=0.8)`` an opinion with its confidence, ``S`` an observation or the state of an entity (``S[quay]: closed``).
Letters that the grammar does not know keep their text: :data:`UNKNOWN_KIND` is their kind and ``problems`` names
them. A tag in backticks is documentation, not a tag.
"""

from __future__ import annotations

import math
import re
from typing import Literal

from attrs import field, frozen

from memcore_toolkit.characters import strip_invisible

__all__ = [
    "KINDS",
    "UNKNOWN_KIND",
    "Tag",
    "is_retain_heading",
    "needs_tags",
    "parse_confidence",
    "parse_tag",
    "quoted_tag",
]

KINDS = {"W": "world", "B": "experience", "O": "opinion", "S": "observation"}
"""The kind of record behind each letter of the documented grammar."""

UNKNOWN_KIND = "fact"
"""The kind of a tag with any other letter: the plainest one, since nothing is known about it."""

Problem = Literal["unknown-letter", "confidence-unreadable", "confidence-out-of-range", "empty"]

_CLOSE = r"(?:\*\*|__|\*|\])?"
_CONFIDENCE = r"\([ \t]*c[ \t]*[=:：][ \t]*(?P<{name}>[^()\n]{{0,20}})\)"
_ENTITY = r"@[^\s:：,，、()（）\[\]@*`]+"
_BULLET = re.compile(r"[ \t\u3000]*(?P<bullet>(?:[-*+]|\d{1,3}[.)])[ \t\u3000]+|[•・][ \t\u3000]*)?")
_HEAD = re.compile(
    rf"(?P<wrap>\*\*|__|\*|\[)?(?P<letter>[A-Z]){_CLOSE}(?:{_CONFIDENCE.format(name='confidence')})?"
    rf"(?:\[(?P<state>[^\]\[\n]{{1,80}})\])?{_CLOSE}(?P<early>[:：]?){_CLOSE}"
    rf"(?P<named>[ \t\u3000]*{_ENTITY}(?:[ \t\u3000]*(?:[,，、&]|and\b)?[ \t\u3000]*{_ENTITY})*)?{_CLOSE}"
    rf"(?P<late>(?:[ \t]?[:：])?){_CLOSE}"
)
_LATE_CONFIDENCE = re.compile(rf"[ \t\u3000]*{_CONFIDENCE.format(name='late')}[ \t]*$")
_ENTITIES = re.compile(_ENTITY)
_QUOTED = re.compile(r"`+[A-Z](?:\(\s*c[^)]*\)|\[[^\]]+\]|:|\s*@|`)")
_RETAIN = re.compile(r"\W*retain(?:\W*|\s*(?:[(（\u2013\u2014:：]|-\s).*)", re.IGNORECASE | re.DOTALL)
_FOREIGN = re.compile(r"\W*(?:保留|유지|retenir|retener|保持)(?:\W*|\s*[(（].*)", re.IGNORECASE | re.DOTALL)


@frozen(kw_only=True)
class Tag:
    """One tagged line.

    `content` is the fact with its entities in front, so that the same words about two entities stay two facts;
    `state` is the entity of the form ``S[entity]``; `problems` lists what a linter should say.
    """

    letter: str
    content: str
    entities: tuple[str, ...] = ()
    confidence: float | None = None
    state: str = ""
    bare: bool = False
    problems: tuple[Problem, ...] = field(default=())

    @property
    def kind(self) -> str:
        """Return the kind of record that the letter stands for."""
        return KINDS.get(self.letter, UNKNOWN_KIND)


def parse_tag(line: str, *, trusting: bool = False) -> Tag | None:
    """Return the tag on a line, or None if there is none.

    `trusting` is for places made for tags: a Retain section, a page of ``bank/``. There a bullet with a letter and a
    colon is enough. Elsewhere the letter must be known and carry a confidence or an entity, so that ``- A: yes`` in a
    log stays text.
    """
    start = _BULLET.match(line)
    bullet, at = bool(start and start["bullet"]), start.end() if start else 0
    head = _HEAD.match(line, at)
    if head is None:
        return None
    colon = bool(head["early"] or head["late"])
    named = bool(head["named"] or head["state"])
    if head["confidence"] is None:
        if head["letter"] not in KINDS and not trusting:
            return None
        if not (named and (colon or bullet)) and not (colon and bullet and trusting):
            return None
    rest = line[head.end() :]
    if rest[:1].strip() and not colon:
        return None
    return _tag(head, rest, bullet=bullet)


def _tag(head: re.Match[str], rest: str, *, bullet: bool) -> Tag:
    gap = " " if rest[:1].isspace() else ""
    body, confidence, problems = rest.strip(), head["confidence"], list[Problem]()
    if confidence is None and body.endswith(")") and (late := _LATE_CONFIDENCE.search(body)):
        body, confidence = body[: late.start()].rstrip(), late["late"]
    value, problem = parse_confidence(confidence) if confidence is not None else (None, None)
    problems += ["unknown-letter"] if head["letter"] not in KINDS else []
    problems += [problem] if problem else []
    problems += ["empty"] if not any(map(str.isalnum, body)) else []
    named = (head["named"] or "").strip()
    words = (strip_invisible(word[1:]).rstrip(".;!?。") for word in _ENTITIES.findall(named))
    entities = tuple(dict.fromkeys(filter(None, words)))
    state = strip_invisible((head["state"] or "").strip().lstrip("@"))
    if state:
        entities = tuple(dict.fromkeys((state, *entities)))
    lead = f"{state}: " if state else ""
    if named:
        lead += named + head["late"].strip() + gap
    return Tag(
        letter=head["letter"],
        content=(lead + body).strip(),
        entities=entities,
        confidence=value,
        state=state,
        bare=not bullet,
        problems=tuple(problems),
    )


def parse_confidence(text: str) -> tuple[float | None, Problem | None]:
    """Read a confidence: ``0.8``, ``0,8``, ``80%`` and ``80`` are 0.8.

    What lies outside 0..1 is clamped or, if it makes no sense, None.

    From 2 to 100 the number is a percentage. A number between 1 and 2 is a slip of a certain writer and becomes 1.
    """
    cleaned = text.strip().replace(",", ".")
    percent = cleaned.endswith(("%", "％"))
    try:
        number = float(cleaned.rstrip("%％").strip())
    except ValueError:
        return None, "confidence-unreadable"
    if not math.isfinite(number):
        return None, "confidence-unreadable"
    if percent or 2 <= number <= 100:
        number /= 100
    if number < 0 or number >= 2:
        return None, "confidence-out-of-range"
    return (number, None) if number <= 1 else (1.0, "confidence-out-of-range")


def quoted_tag(line: str) -> bool:
    """Return whether the line shows a tag in backticks, as documentation does."""
    start = _BULLET.match(line)
    return _QUOTED.match(line, start.end() if start else 0) is not None


def is_retain_heading(text: str) -> bool:
    """Return whether a heading opens a Retain section, in any language the field uses; see :func:`needs_tags`."""
    return _RETAIN.fullmatch(text) is not None or needs_tags(text)


def needs_tags(text: str) -> bool:
    """Return whether the heading opens a Retain section only if a tag follows.

    The word also means "keep" or "maintain".
    """
    return _FOREIGN.fullmatch(text) is not None
