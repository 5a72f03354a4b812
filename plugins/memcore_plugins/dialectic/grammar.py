"""The U-tag grammar: what an agent notices about a person, beside the Retain tags and as tolerant as they are.

    - U @Mina prefers_data_over_intuition: asked for the numbers before she chose a supplier
    - U(declared) @Mina prefers_data_over_intuition: "I never decide on a feeling."
    - U- @Mina prefers_data_over_intuition: took the red one because she liked it

The whole grammar, for one line of a bullet list or a line of its own::

    line      := bullet? wrap? "U" mark* wrap? colon? subject* colon? tag (colon text?)? ("(c=" number ")")?
    mark      := sign | "(" qualifier ("," qualifier)* ")" | "[" name "]"
    sign      := "+" (speaks for the tag, the default) | "-" (speaks against it)
    qualifier := "declared" (the person said so) | "observed" (the person did so, the default)
               | "against" | "c=" number | YYYY-MM-DD (the day it happened)
    subject   := "@" name, several allowed; without one the subject is the user
    tag       := words up to the colon; `_`, `-` and spaces are the same, case does not count
    wrap      := ** | __ | *             colon := ":" | "："       brackets may be full-width

A mark that says none of this proves nothing. A bullet without mark and subject needs a tag of several words joined by
`_` or `-`, so that `- U turn: no` stays text; a line without a bullet needs a mark or a subject. Deeper-indented
lines and bullets belong to the text. Code, fences, comments and quotations hold no tags. A line that is marked as a
U-tag but names none is reported as malformed, never dropped from its source. Nothing here raises.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

from attrs import evolve, frozen
from memcore_toolkit.blocks import Bullet, Paragraph
from memcore_toolkit.retain import parse_confidence

__all__ = ["LONGEST_TAG", "Parsed", "UTag", "normal_tag", "parse_line", "parse_text", "tag_words"]

#: Characters of a tag; what is longer before a colon is a sentence, not a tag.
LONGEST_TAG = 80

_WORDS_OF_TAG = 10
_WRAP = r"(?:\*\*|__|\*)?"
_MARK = r"[+\-\u2212\u2013]| ?[(（][^()（）\n]{0,80}[)）]|\[[^\]\[\n]{1,80}\]"
_NAME = r"@[^\s:：,，、()（）\[\]@*`]{1,80}"
_GAP = r"[ \t\u3000]{0,8}"
_HEAD = re.compile(rf"(?P<wrap>{_WRAP})U(?P<marks>(?:{_MARK}){{0,6}}){_WRAP}(?=[\s:：@]){_WRAP}[:：]?{_WRAP}")
_SUBJECTS = re.compile(rf"{_GAP}(?:{_NAME}(?:{_GAP}(?:[,，、&]|and\b)?{_GAP}{_NAME}){{0,20}})?{_WRAP}{_GAP}[:：]?")
_BULLET = re.compile(r"[ \t\u3000]*(?P<bullet>(?:[-*+•・]|\d{1,3}[.)])[ \t\u3000]+)?")
_LATE = re.compile(r" ?\( ?c ?[=:](?P<late>[^()]{0,20})\)$")
_FIELD = re.compile(
    r"(?:\*\*)?(?:evidence|note|context|근거|证据|證據|証拠)(?:\*\*)?\s*[:：](?:\*\*)?\s*", re.IGNORECASE
)
_DECLARED = frozenset({"declared", "stated", "said"})
_OBSERVED = frozenset({"observed", "enacted", "did"})
_AGAINST = frozenset({"-", "against", "counter", "contradicts", "contradiction"})
_NO_TAG = re.compile(r"[@()（）\[\]{}<>|]")
_QUOTES = "\"'`*_“”‘’「」"


@frozen(kw_only=True)
class UTag:
    """One statement about a person: for or against a tag, by what they said (`declared`) or did (`observed`).

    `subject` is empty when the line names nobody; `tag` is in its normal form; `line` counts from 1.
    """

    tag: str
    subject: str = ""
    stance: Literal["support", "contradict"] = "support"
    source: Literal["observed", "declared"] = "observed"
    text: str = ""
    confidence: float | None = None
    occurred_on: datetime | None = None
    line: int = 1


@frozen(kw_only=True)
class Parsed:
    """What a text holds: its U-tags in order, and the lines that look like one but name no tag."""

    tags: tuple[UTag, ...] = ()
    malformed: tuple[int, ...] = ()


def normal_tag(words: str) -> str:
    """Return the form under which spellings of a tag meet: lower case, joined by `_`; empty if nothing is left."""
    plain = unicodedata.normalize("NFKC", words).casefold()
    spaced = "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in plain)
    return "_".join(spaced.split())[:LONGEST_TAG].rstrip("_")


def tag_words(tag: str) -> str:
    """Return a tag as plain words."""
    return tag.replace("_", " ")


def parse_text(text: str) -> Parsed:
    """Return every U-tag of a markdown text with its line."""
    from memcore_toolkit.markdown import parse

    tags: list[UTag] = []
    malformed: list[int] = []
    for block in parse(text).walk():
        for number, line, more in _lines_of(block):
            found = parse_line(line)
            if found is None:
                malformed.append(number)
            tags += [evolve(tag, line=number, text=_joined(tag.text, more)) for tag in found or ()]
    return Parsed(tags=tuple(tags), malformed=tuple(malformed))


def _lines_of(block: object) -> Iterator[tuple[int, str, list[str]]]:
    """Yield line number, line and the lines that belong to it, for blocks that may hold tags."""
    if isinstance(block, Bullet) and "U" in block.text[:4]:
        below = [child.full_text for child in block.children if isinstance(child, Bullet)]
        yield (
            block.line,
            f"- {block.text}",
            [*block.continuation, *(line for line in below if not parse_line(f"- {line}"))],
        )
    elif isinstance(block, Paragraph):
        for offset, line in enumerate(block.text.split("\n")):
            yield block.line + offset, line, []


def _joined(text: str, more: list[str]) -> str:
    below = (" ".join(line.split()) for line in more)
    parts = [text, *(line[match.end() :] if (match := _FIELD.match(line)) else line for line in below)]
    return " ".join(part for part in parts if part)


def parse_line(line: str) -> tuple[UTag, ...] | None:
    """Return the U-tags of one line, one per subject; none for other text, None for a U-tag that names no tag."""
    start = _BULLET.match(line)
    at, bullet = (start.end(), bool(start["bullet"])) if start else (0, False)
    head = _HEAD.match(line, at)
    if head is None:
        return ()
    named = _SUBJECTS.match(line, head.end())
    marks = _marks(head["marks"])
    subjects = [name.rstrip(".;!?。") for name in re.findall(_NAME, named[0])] if named else []
    subjects = list(dict.fromkeys(name[1:] for name in (*marks.names, *subjects) if len(name) > 1))
    proven = marks.known or bool(subjects)
    if not proven and not bullet:
        return ()
    rest = line[named.end() if named else head.end() :].strip()
    tag, text = _tag_and_text(rest, sure=proven)
    if not tag:
        return None if proven else ()
    text, confidence = " ".join(text.split()), marks.confidence
    if confidence is None and (late := _LATE.search(text)):
        text, confidence = text[: late.start()], parse_confidence(late["late"])[0]
    made = UTag(
        tag=tag,
        stance=marks.stance,
        source=marks.source,
        text=text,
        confidence=confidence,
        occurred_on=marks.occurred_on,
    )
    return tuple(evolve(made, subject=name) for name in subjects or [""])


def _tag_and_text(rest: str, *, sure: bool) -> tuple[str, str]:
    """Split what follows the subjects; without a colon only a first word with a joint is a tag."""
    label, colon, text = _partition(rest)
    if _NO_TAG.search(label):
        return "", ""
    if colon and len(label) <= LONGEST_TAG:
        words = label.strip(_QUOTES + " ").split()
        if not 1 <= len(words) <= _WORDS_OF_TAG:
            return "", ""
        joined = len(words) == 1 and (_jointed(words[0]) or not words[0].isascii())
        return (normal_tag(label) if sure or joined else ""), text.lstrip("*_ ").strip()
    first, _, text = rest.partition(" ")
    return (normal_tag(first), text.strip()) if _jointed(first.strip(_QUOTES)) else ("", "")


def _jointed(word: str) -> bool:
    return len(word) <= LONGEST_TAG and re.search(r"\w[_-]\w", word) is not None and ":" not in word


def _partition(rest: str) -> tuple[str, str, str]:
    match = re.search("[:：]", rest)
    return (rest[: match.start()], ":", rest[match.end() :]) if match else (rest, "", "")


@frozen(kw_only=True)
class _Marks:
    stance: Literal["support", "contradict"] = "support"
    source: Literal["observed", "declared"] = "observed"
    confidence: float | None = None
    occurred_on: datetime | None = None
    names: tuple[str, ...] = ()
    known: bool = False


def _marks(text: str) -> _Marks:
    marks = _Marks()
    for mark in map(str.strip, re.findall(_MARK, text)):
        if mark[0] == "[" and any(map(str.isalpha, mark)):
            marks = evolve(marks, names=(*marks.names, "@" + mark[1:-1].strip().lstrip("@")))
        elif mark[0] in "(（":
            for word in re.split("[,;，、；]", mark[1:-1]):
                marks = _qualified(marks, word.strip().casefold())
        elif mark[0] != "[":
            marks = evolve(marks, stance="support" if mark == "+" else "contradict", known=True)
    return marks


def _qualified(marks: _Marks, word: str) -> _Marks:
    """Apply one qualifier; a word the grammar does not know says nothing."""
    if word in _DECLARED:
        return evolve(marks, source="declared", known=True)
    if word in _OBSERVED:
        return evolve(marks, source="observed", known=True)
    if word in _AGAINST:
        return evolve(marks, stance="contradict", known=True)
    if found := re.match(r"c\s*[=:]", word):
        return evolve(marks, confidence=parse_confidence(word[found.end() :])[0], known=True)
    try:
        day = datetime.strptime(word, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return marks
    return evolve(marks, occurred_on=day, known=True)
