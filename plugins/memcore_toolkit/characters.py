"""Character classes and folding: the lowest layer of text analysis.

Three groups of characters matter to search. *Words* are letters and digits of scripts that put spaces between words.
*Unspaced* scripts (Han, kana, Hangul, Thai and its neighbours) have no such spaces, or glue particles to the word, and
are cut into characters and pairs. Everything else separates.

SQLite's ``unicode61`` tokenizer splits at combining marks (which breaks every Indic script) and knows letters only up
to the Unicode version its table was made from. Characters it may not take are *carried*: moved to the private plane 15
at the same low sixteen bits, which every SQLite version keeps inside a token. Index and query carry alike, so nobody
sees it.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

__all__ = ["CONNECTORS", "UNSPACED", "UNSPACED_RUN", "carry", "fold", "strip_invisible", "token_characters", "unspaced"]

#: Regular-expression class body of the scripts that are indexed as characters and character pairs.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Myanmar, Khmer
    "\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff\uac00-\ud7a3"  # Hangul
    "\u3005-\u3007\u3031-\u3035\u303b\u3040-\u30ff\u31f0-\u31ff"  # kana and iteration marks
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
#: A run of unspaced characters in the output of :func:`token_characters`, where each stands between two control
#: characters. (Patterns over the class itself take milliseconds to compile, at every start of a command.)
UNSPACED_RUN = re.compile("(?:\x01.\x02)+")
#: Characters that may join two parts of one word: ``bge-m3``, ``foo_bar``, ``v2.1``, ``user@host``, ``O'Brien``,
#: ``C++``.
CONNECTORS = "-_.@'+#,"

_PLANE_15 = 0xF0000
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\U000e0000-\U000e0fff]"
)
_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_MAY_HOLD_MARKS = re.compile(f"[\u00c0-\u024f{_MARKS}\u0370-\u052f\u1e00-\u1fff]")
_MARKED = re.compile(
    f"([a-z\u00c0-\u02af\u0370-\u052f\u1d00-\u1dbf\u1e00-\u1fff\u2c60-\u2c7f\ua720-\ua7ff])[{_MARKS}]+"
)
#: Latin letters whose stroke or bar is part of the letter, so that decomposition leaves them alone.
_STROKED = {
    ord(old): new
    for old, new in zip("øłđħŧıĸŋðþæœ", ("o", "l", "d", "h", "t", "i", "k", "n", "d", "th", "ae", "oe"), strict=True)
}
_JOINER = {"\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u2010": "-", "\u2011": "-"}


def strip_invisible(text: str) -> str:
    """Remove zero-width characters, soft hyphens, direction marks, variation selectors and filler letters."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


def fold(text: str) -> str:
    """Return the form in which text is compared: width, case, Latin diacritics and invisible characters folded away.

    NFKC and case folding, then combining marks are dropped from Latin, Greek and Cyrillic letters only: ``Café``
    becomes ``cafe`` while kana voicing marks, Hangul and Indic vowel signs stay. Folding twice changes nothing.
    """
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", strip_invisible(text)).casefold()
    if _MAY_HOLD_MARKS.search(folded):
        folded = unicodedata.normalize("NFD", folded)
        folded = _MARKED.sub(r"\1", folded).translate(_STROKED)
    return strip_invisible(unicodedata.normalize("NFKC", folded))


@cache
def unspaced() -> re.Pattern[str]:
    """Return the compiled pattern of one character of an unspaced script."""
    return re.compile(f"[{UNSPACED}]")


def carry(character: str) -> str:
    """Move one character to the private plane 15, where SQLite keeps it inside a token."""
    return chr(_PLANE_15 | (ord(character) & 0xFFFF))


class _TokenCharacters(dict[int, str]):
    """A ``str.translate`` table that classifies each character once, when it is first met."""

    def __missing__(self, code: int) -> str:
        value = self[code] = _classify(chr(code))
        return value


def _classify(character: str) -> str:
    """Return what stands for one character: itself, its carried or marked form, an ASCII connector or a space."""
    if character in CONNECTORS:
        return character
    if character in _JOINER:
        return _JOINER[character]
    major = unicodedata.category(character)[0]
    if major not in "LMN":
        return " "
    if unspaced().match(character):
        return f"\x01{_token_character(character, major)}\x02"
    return _token_character(character, major)


def _token_character(character: str, major: str) -> str:
    if major == "M":
        return carry(character)
    if ord(character) > 0x1FFFF:
        return character
    # The 3.2 database is the oldest any SQLite table contains; what it lists is a token character everywhere.
    return character if unicodedata.ucd_3_2_0.category(character)[0] in "LN" else carry(character)


_TABLE = _TokenCharacters()


def token_characters(folded: str) -> str:
    """Turn separators of folded text into spaces, mark unspaced characters, carry what SQLite would split at."""
    return folded.translate(_TABLE)
