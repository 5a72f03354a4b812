"""The Porter stemmer, so that what a full-text index found under a stem can be pointed at in the text.

Porter 1980, "An algorithm for suffix stripping", with the two departures of the author's own program that SQLite's
``porter`` tokenizer shares. Only ASCII words are stemmed; everything else comes back as it is.
"""

from __future__ import annotations

from functools import lru_cache

__all__ = ["stem"]

_PLURAL = (("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", ""))
_DOUBLE = (
    ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("logi", "log"),
    ("bli", "ble"), ("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"),
    ("ation", "ate"), ("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"),
    ("ousness", "ous"), ("aliti", "al"), ("iviti", "ive"), ("biliti", "ble"),
)  # fmt: skip
_SINGLE = (
    ("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", ""),
)  # fmt: skip
_REST = (
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate",
    "iti", "ous", "ive", "ize",
)  # fmt: skip


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return the stem of a lower-case ASCII word; `painted`, `paints` and `painting` give `paint`."""
    if len(word) < 3 or not word.isascii() or not word.isalpha():
        return word
    word = _first(word)
    word = _replaced(word, _DOUBLE, 0)
    word = _replaced(word, _SINGLE, 0)
    word = _stripped(word)
    return _final(word)


def _shape(word: str) -> str:
    """Return the word as consonants and vowels; y is a vowel after a consonant."""
    shape = ""
    for letter in word:
        vowel = letter in "aeiou" or (letter == "y" and shape.endswith("c"))
        shape += "v" if vowel else "c"
    return shape


def _measure(word: str) -> int:
    return _shape(word).count("vc")


def _ends_cvc(word: str) -> bool:
    return _shape(word).endswith("cvc") and word[-1] not in "wxy"


def _first(word: str) -> str:
    """Remove plurals, -ed and -ing, and turn a final y into i."""
    for suffix, instead in _PLURAL:
        if word.endswith(suffix):
            word = word[: len(word) - len(suffix)] + instead
            break
    if word.endswith("eed"):
        word = word[:-1] if _measure(word[:-3]) > 0 else word
    else:
        for suffix in ("ed", "ing"):
            rest = word[: -len(suffix)]
            if word.endswith(suffix) and "v" in _shape(rest):
                word = _repaired(rest)
                break
    return word[:-1] + "i" if word.endswith("y") and "v" in _shape(word[:-1]) else word


def _repaired(word: str) -> str:
    """Give a word without -ed or -ing the ending it had before."""
    if word.endswith(("at", "bl", "iz")):
        return word + "e"
    if len(word) > 1 and word[-1] == word[-2] and word[-1] not in "aeioulsz":
        return word[:-1]
    return word + "e" if _measure(word) == 1 and _ends_cvc(word) else word


def _replaced(word: str, rules: tuple[tuple[str, str], ...], least: int) -> str:
    for suffix, instead in rules:
        if word.endswith(suffix):
            rest = word[: len(word) - len(suffix)]
            return rest + instead if _measure(rest) > least else word
    return word


def _stripped(word: str) -> str:
    for suffix in _REST:
        if word.endswith(suffix):
            rest = word[: len(word) - len(suffix)]
            if _measure(rest) > 1 and (suffix != "ion" or rest.endswith(("s", "t"))):
                return rest
            return word
    return word


def _final(word: str) -> str:
    if word.endswith("e"):
        measure = _measure(word[:-1])
        if measure > 1 or (measure == 1 and not _ends_cvc(word[:-1])):
            word = word[:-1]
    return word[:-1] if word.endswith("ll") and _measure(word) > 1 else word
