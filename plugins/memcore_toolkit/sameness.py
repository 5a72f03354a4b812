"""When two texts say the same thing: the key under which copies meet, and a careful test for merging at read time.

The same fact is written many times: in a daily log with a Retain tag, in a bank page with ``(session, 2026-02-06)``
behind it, in bold in a summary. :func:`normal_form` removes what such copies differ in and nothing else. A lost copy
costs one line of context, a wrong merge costs a fact, so whatever may carry meaning stays: numbers and the marks
inside them, signs and currency, negations, names, prepositions, tense, word order, a question mark, a done box, a
strike-through.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from memcore_toolkit.characters import carry, strip_invisible
from memcore_toolkit.stopwords import ENGLISH, words

__all__ = ["NEAR_DUPLICATE_OVERLAP", "near_duplicate", "normal_form"]

#: Jaccard overlap of words from which two texts may be the same; high, because one different word can be the point.
NEAR_DUPLICATE_OVERLAP = 0.9

_LINE_MARKER = re.compile(
    r"^[ \t\u3000]*(?:(?:[-*+\u2022]|#{1,6}|>(?=[ \t]*(?:[^\W\d]|[-*+#>])))[ \t\u3000]+)+", re.MULTILINE
)
#: Marks between two digits are part of a number, a date or a range; marks before a digit are its sign. Both are
#: carried.
_NUMBER_MARK = re.compile(r"(?<=\d)[.,:/*\u2013-](?=\d)|(?<![^\s(])[-\u2013~](?=\d)")
_WORD_MARK = re.compile(r"(?<!\S)(?:[@#](?=[^\W\d])|['_]+)|(?<!['_])['_]++(?!\S)")
_KEPT = frozenset("%@#&'_?")
_DROPPED_SYMBOLS = frozenset("`^|~")
#: Characters at the end in which a source note is looked for.
_LONGEST_NOTE = 320
_STRUCK = " \u2302 "
_DONE = " \u2611 "
_ARTICLES = frozenset({"a", "an", "the", "A", "An", "The"})
_NEGATIONS = words(
    """
    never none nothing nobody neither without hardly nicht nie niemals kein keine keinen keinem keiner ohne
    weder ne pas jamais rien aucun aucune sans ni nunca nada nadie sin tampoco nao nem sem non mai senza nessuno
    """
)
_LIMITS = words(
    """
    always almost nearly rarely seldom sometimes usually partly few every half double twice since unless except
    former formerly ex used planned supposedly allegedly fake failed stopped
    """
)


@cache
def _tag() -> re.Pattern[str]:
    """Match a Retain tag head with what proves it to be one: a confidence, an entity (which stays) or a colon."""
    wrap = r"(?:\*\*|__|`)?"
    entity = r"(?:\[[^\]\[\n]{1,80}\]|@[^\s:,()\[\]]+)"
    confidence = r"\(c[=:]\s*[\d.]*%?\)"
    entities = rf"\s*{entity}(?:[ \t]+{entity})*"
    return re.compile(
        rf"{wrap}[WBOS](?:{confidence}{wrap}(?P<sure>{entities})?:?|{wrap}(?P<named>{entities}):?|{wrap}:){wrap}(?!\S)"
    )


@cache
def _suffix() -> re.Pattern[str]:
    """Match a source note behind a fact: ``(2026-02-06)``, ``(session, 2026-02-06)``, ``(log.md#L3)``, ``(src: ...)``.

    The word before a date must be a known channel or a file: ``(Berlin, 2026-02-06)`` says where something happened.
    """
    day = r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?Z?)?"
    place = r"[\w./~-]*\w\.(?:md|txt|jsonl?|log)(?:[:#]L?\d+(?:-L?\d+)?)?"
    channel = (
        r"(?:the |our |a )?(?:user|owner|session|chat|dm|call|meeting|e-?mail|(?:daily )?logs?|notes?|docs?|memory|"
        r"retain|reflect(?:ion)?|conversation|transcript|observed|declared|inferred|(?:confirmed|told)(?: by user)?|"
        r"whatsapp|telegram|slack|discord|signal|imessage|github|web|cli|"
        r"대화|세션|메모|会话|会話|對話|对话|日志|日誌|メモ|チャット)"
    )
    return re.compile(
        rf"\s*\((?:(?:(?:{channel}|{place})\s*[,;]\s*)?{day}|(?:src|sources?|출처|出典|来源|來源)\s*:[^()\n]{{1,200}}"
        rf"|(?:(?:see|cf\.?|from|via)\s+)?{place}|c[=:]\s*[\d.]+%?)\)[\s.!\u3002]*\Z",
        re.IGNORECASE,
    )


@cache
def _layout_gap() -> re.Pattern[str]:
    unspaced = "[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]"
    return re.compile(f"(?<={unspaced}) +(?={unspaced})")


def normal_form(text: str) -> str:
    """Return the key under which copies of a fact meet: without case, markup, bullet, tag, source note and articles.

    Word order, numbers, names, negations, symbols and a question mark stay. Between Han and kana, spaces are layout
    and go; every other character of a CJK text that is not punctuation stays. Two texts with the same key differ in
    nothing that was said.
    """
    plain = text if text.isascii() else unicodedata.normalize("NFKC", strip_invisible(text)).translate(_QUOTES)
    plain = _without_source(_without_tag(_LINE_MARKER.sub("", plain.strip())))
    if "[" in plain:
        plain = re.sub(r"\[[xX]\](?=\s)", _DONE, plain.replace("[ ] ", ""))
    plain = _NUMBER_MARK.sub(_carried, plain.replace("~~", _STRUCK)).translate(_TABLE)
    kept = _without_articles(_WORD_MARK.sub("", plain).split())
    key = " ".join(kept).casefold()
    return key if key.isascii() else _layout_gap().sub("", unicodedata.normalize("NFKC", key))


def near_duplicate(first: str, second: str) -> bool:
    """Tell whether two texts may be shown as one: the same normal form, or one has a few weightless words more.

    The second case asks for a Jaccard overlap of words of at least :data:`NEAR_DUPLICATE_OVERLAP`, all words of the
    shorter text in the longer one in the same order, and nothing among the additional words that is a number, a name,
    a negation, a limit, a function word or in an unspaced script. A replaced word is never a duplicate: "rises" and
    "falls" differ in one word too.
    """
    left, right = normal_form(first), normal_form(second)
    if left == right:
        return bool(left) or first.strip() == second.strip()
    short, long = sorted((left.split(), right.split()), key=len)
    extra = _additional(short, long)
    if not short or extra is None or not all(map(_weightless, extra)):
        return False
    names = {word.casefold() for word in re.findall(r"(?<=\S )[^\W\d_a-z]\w*", f"{first}\n{second}")}
    small, large = set(short), set(long)
    return names.isdisjoint(extra) and len(small & large) >= NEAR_DUPLICATE_OVERLAP * len(small | large)


def _without_tag(plain: str) -> str:
    """Remove a Retain tag head; its entities stay as words."""
    match = _tag().match(plain) if plain[:1] in "WBOS*_`" else None
    if match is None:
        return plain
    return f"{match['sure'] or match['named'] or ''} {plain[match.end() :]}".strip()


def _without_source(plain: str) -> str:
    """Remove up to three source notes at the end, unless nothing else is there."""
    for _ in range(3):
        match = _suffix().search(plain, max(0, len(plain) - _LONGEST_NOTE)) if ")" in plain[-8:] else None
        if match is None or match.start() == 0:
            break
        plain = plain[: match.start()]
    return plain


def _without_articles(text: list[str]) -> list[str]:
    """Remove English articles.

    Lower case, or the first word, and in agreement with the next letter: so "A" and "An" stay where they are names.
    Other languages keep theirs: German articles say who does what, and "la", "un" or "die" are names or words
    elsewhere.
    """
    if _ARTICLES.isdisjoint(text):
        return text
    return [word for index, word in enumerate(text) if word not in _ARTICLES or not _is_article(text, index)]


def _is_article(text: list[str], index: int) -> bool:
    word, following = text[index], text[index + 1][:1].lower() if index + 1 < len(text) else ""
    if not following or (index and not word.islower()):
        return False
    if word.lower() == "the":
        return True
    return following in "aeiouh" if word.lower() == "an" else following.isalnum() and following not in "aeio"


def _carried(match: re.Match[str]) -> str:
    return carry(match[0])


class _KeyCharacters(dict[int, str]):
    """A ``str.translate`` table from punctuation to spaces, filled as characters are met."""

    def __missing__(self, code: int) -> str:
        value = self[code] = _key_character(chr(code))
        return value


def _key_character(character: str) -> str:
    if character.isalnum() or character in _KEPT:
        return character
    major = unicodedata.category(character)
    dropped = major[0] in "PZ" or major == "Cc" or character in _DROPPED_SYMBOLS
    return " " if dropped else character


_TABLE = _KeyCharacters()
_QUOTES = {0x2018: "'", 0x2019: "'", 0x2212: "-"}


def _additional(short: list[str], long: list[str]) -> list[str] | None:
    """Return the words that only the longer text has, or None unless it contains the shorter one in order."""
    extra: list[str] = []
    position = 0
    for word in long:
        if position < len(short) and word == short[position]:
            position += 1
        else:
            extra.append(word)
    return extra if position == len(short) else None


def _weightless(word: str) -> bool:
    """Tell whether a word may be added without changing what is said: no function word, negation or limit."""
    return word.isascii() and word.isalpha() and word not in ENGLISH and word not in _NEGATIONS and word not in _LIMITS
