"""Text analysis shared by the index and the query: folding, terms, safe full-text expressions, token estimates.

The index side is :func:`index_text`: store its result in an FTS5 column with the tokenizer ``porter unicode61
remove_diacritics 0``. The query side is :func:`query_terms` and :func:`fts_query`. Both cut text in the same way, so
what was indexed is found. Latin words are not stemmed here: FTS5's own porter wrapper does it in C on both sides (the
Python alternative, snowballstemmer, cost 25 ms to import and up to 30 microseconds for a new word).

Scripts without spaces are indexed as characters and overlapping pairs (60 of 60 zh, ja and ko query pairs among the
first three hits, where unicode61 alone found 9). A question about them uses the pairs, and single characters only
where no pair exists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from operator import add

from memcore_toolkit.characters import CONNECTORS, UNSPACED_RUN, carry, fold, token_characters, unspaced
from memcore_toolkit.sameness import near_duplicate, normal_form
from memcore_toolkit.stopwords import ENGLISH, HAN_FUNCTION, JAPANESE_TAIL, KOREAN, OTHERS, PARTICLES, UNSPACED_FUNCTION

__all__ = [
    "LONGEST_TERM",
    "estimate_tokens",
    "fold",
    "fts_query",
    "index_terms",
    "index_text",
    "near_duplicate",
    "normal_form",
    "query_terms",
]

#: Characters of a term that count. FTS5's porter stems up to 64 bytes; longer words are encoded data.
LONGEST_TERM = 64
#: Characters between two Chinese function words up to which each may be a word of its own.
_SHORT = 2

_WORD = rf"[^\s\x01\x02{re.escape(CONNECTORS)}]"
_ASCII_WORD = "[a-z0-9]"
_ASCII_SEPARATORS = {code: " " for code in range(128) if not chr(code).isalnum() and chr(code) not in CONNECTORS}
_NO_CONNECTORS = {ord(character): " " for character in CONNECTORS}
_MAY_BE_COMPOUND = re.compile(rf"(?<={_WORD})(?:[-.@'_,]{_WORD}|\+\+|#|_)")
_GLUE = re.compile(r"(?:[-.@',]|_+)")
_POSSESSIVE = re.compile(r"'(?:s|d|m|ll|re|ve)$")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_NAMED = re.compile(r"(?<=[\w,;] )[A-Z]\w*")
_TOKEN_CHARACTER = re.compile(r"[^\W_]|[\U000f0000-\U000fffff]")


def index_text(text: str) -> str:
    """Return :func:`index_terms` joined by spaces, the value of the full-text column."""
    return " ".join(index_terms(text))


def index_terms(text: str) -> list[str]:
    """Cut text into the terms under which it is found, in order, repeats kept (bm25 counts them).

    Words of spaced scripts stay whole. A compound gives its parts and one joined form: ``bge-m3`` gives ``bge m3
    bgem3``, ``C++`` gives ``c cpp``, ``v2.1`` gives ``v2 1`` and a form that ``v21`` does not match. Unspaced runs
    give characters and pairs. Every term is one token of FTS5's ``unicode61 remove_diacritics 0``.
    """
    cut = _separated(text, _indexed_compound)
    if not cut.isascii():
        cut = UNSPACED_RUN.sub(_characters_and_pairs, cut)
    return _shortened(cut.split())


def query_terms(text: str) -> list[str]:
    """Return the content terms of a question, unique, in order: the analysis of the index without function words.

    A question that has nothing but function words keeps them, so a non-empty question never becomes an empty query. A
    capitalised word inside a sentence is taken for a name and kept ("what did Will do in May").
    """
    cut = _separated(text, _queried_compound)
    if not cut.isascii():
        cut = UNSPACED_RUN.sub(_pairs_of_question, cut)
    words = cut.split()
    stop = _stop_words(words)
    kept = [word for word in words if word not in stop]
    if stop and text[1:].lower() != text[1:]:
        named = {word.lower() for word in _NAMED.findall(text)} - {"i"}
        kept = [word for word in words if word not in stop or word in named]
    return list(dict.fromkeys(_shortened(kept) or index_terms(text)))


def fts_query(terms: Iterable[str], *, any_of: bool = True) -> str:
    """Return an FTS5 expression that matches any (or all) of the terms, or ``""`` when none of them can match.

    Every term is quoted, so nothing in it is read as an operator; a term without a letter or digit is left out.
    """
    quoted = ['"' + term.replace("\0", " ").replace('"', '""') + '"' for term in terms if _TOKEN_CHARACTER.search(term)]
    return (" OR " if any_of else " AND ").join(quoted)


def estimate_tokens(text: str) -> int:
    """Estimate the model tokens of a text: one per character of an unspaced script, one per four other characters.

    The usual rule of thumb for English and an upper bound for CJK; whole numbers, rounded up, at least 1 for non-empty
    text.
    """
    if not text:
        return 0
    wide = 0 if text.isascii() else len(unspaced().findall(text))
    return wide + (len(text) - wide + 3) // 4


@cache
def _compound_pattern(word: str) -> re.Pattern[str]:
    """Compile the pattern of one compound; possessive and behind a lookbehind, so long input stays linear."""
    suffix = rf"(\+\+|\#(?!{word}))"
    return re.compile(rf"(?<!{word})(?:({word}++(?:(?:[-.@',]|_+){word}++)++){suffix}?|({word}++){suffix})")


def _separated(text: str, compound: Callable[[re.Match[str]], str]) -> str:
    """Fold text, turn separators into spaces and expand compounds with the given callback."""
    if text.isascii():
        cut, word = text.lower().translate(_ASCII_SEPARATORS), _ASCII_WORD
    else:
        cut, word = token_characters(fold(text)), _WORD
    if _MAY_BE_COMPOUND.search(cut):
        cut = _compound_pattern(word).sub(compound, cut)
    return cut.translate(_NO_CONNECTORS)


def _indexed_compound(match: re.Match[str]) -> str:
    """Return the parts of a compound and its whole form."""
    parts, whole = _compound(match)
    return f"{parts} {whole} " if whole else parts


def _queried_compound(match: re.Match[str]) -> str:
    """Return the whole form of a compound and those parts that are worth a term of their own."""
    parts, whole = _compound(match)
    if not whole:
        return parts
    worth = [part for part in _GLUE.split(parts) if len(part) > 1]
    return f"{' '.join(worth)} {whole} "


def _compound(match: re.Match[str]) -> tuple[str, str]:
    """Split one match into its glued parts and the whole form, which is empty for a plain word."""
    body, suffix = _THOUSANDS.sub("", match[1] or match[3]), match[2] or match[4]
    if "'" in body:
        body = _POSSESSIVE.sub("", body).replace("n't", "nt")
    whole = _joined(body) if _GLUE.search(body) else ""
    if suffix == "++":
        return body, (whole or body) + "pp"
    if suffix and len(body) <= 2:
        return body, body + "sharp"
    return body, whole


def _joined(body: str) -> str:
    """Join the parts of a compound; a mark between two digits is carried, so 2.1 and 21 stay apart."""
    return "".join(_pieces(body))


def _pieces(body: str) -> Iterator[str]:
    for index, character in enumerate(body):
        if character not in CONNECTORS:
            yield character
        elif body[index - 1].isdigit() and body[index + 1 : index + 2].isdigit():
            yield carry(character)


def _characters_and_pairs(match: re.Match[str]) -> str:
    run = match[0][1::3]
    return f" {' '.join([*run, *map(add, run, run[1:])])} "


def _pairs_of_question(match: re.Match[str]) -> str:
    """Return the terms of one unspaced run of a question: pairs, and single characters that no pair covers."""
    run = match[0][1::3]
    if run in KOREAN:
        return " "
    terms: list[str] = []
    for piece in filter(None, _function_words().split(run)):
        terms += map(add, piece, piece[1:]) if len(piece) > 1 else piece
        if len(piece) > 1:
            terms += _one_character_words(piece)
        if len(piece) == 2 and piece[1] in PARTICLES:
            terms.append(piece[0])
    return f" {' '.join(terms)} "


def _one_character_words(piece: str) -> list[str]:
    """Return Han characters that may be words: alone between kana, or one or two between function words of Chinese.

    Pairs miss them: 猫 stands beside other characters in the question than in the memory.
    """
    if not _han_only().fullmatch(piece):
        return _lone_han().findall(piece)
    return [character for word in _han_function().split(piece) if len(word) <= _SHORT for character in word]


@cache
def _han_only() -> re.Pattern[str]:
    return re.compile("[\u3400-\u4dbf\u4e00-\u9fff]+")


@cache
def _han_function() -> re.Pattern[str]:
    return re.compile(f"[{HAN_FUNCTION}]")


@cache
def _function_words() -> re.Pattern[str]:
    longest_first = sorted(UNSPACED_FUNCTION, key=len, reverse=True)
    return re.compile(f"{'|'.join(longest_first)}|{JAPANESE_TAIL}$")


@cache
def _lone_han() -> re.Pattern[str]:
    han = "[\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff]"
    return re.compile(f"(?<!{han}){han}(?!{han})")


def _stop_words(words: list[str]) -> frozenset[str]:
    """Choose the function words to drop: English ones, or those of a language that explains more of the words."""
    present = set(words)
    best, most = frozenset[str](), max(1, len(present & ENGLISH))
    for listed in OTHERS.values():
        hits = len(present & listed)
        if hits > most:
            best, most = listed, hits
    return best or ENGLISH


def _shortened(words: list[str]) -> list[str]:
    if max(map(len, words), default=0) > LONGEST_TERM:
        return [word[:LONGEST_TERM] for word in words]
    return words
