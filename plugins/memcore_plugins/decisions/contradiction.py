"""Which two texts may contradict each other: a rule that finds candidates, not a judge.

Two short texts about one subject that share most of their content words, the name of the subject not alone, are
candidates if one denies what the other says, if their numbers differ, or if a word or two stand in place of others. Two
fields of a page (`Owner: Bo` and `State: live`) are compared only if they have the same name. What is longer than a few
sentences, and rewordings, need a reader. The rule is symmetric and knows no language, except for lists of negations.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from attrs import frozen
from memcore_toolkit.sameness import near_duplicate, normal_form
from memcore_toolkit.stopwords import KOREAN, PARTICLES, words
from memcore_toolkit.text import query_terms

__all__ = ["LONGEST", "contradiction"]

LONGEST = 40
"""Content words of a text that is still one statement."""

_LEAST_SHARED = 2
_DENIAL_OVERLAP = 0.75  # a denial repeats what it denies; at 0.6 the sample workspace gave three false ones
_MOST_REPLACED = 3.0
_NEGATIONS = words(
    """
    arent cannot cant didnt doesnt dont hadnt hasnt havent isnt never no none not wasnt werent without wont wouldnt
    kein keine keinem keinen keiner nicht nie niemals aucun aucune jamais ne pas sans nunca sin tampoco nao nem sem mai
    non senza 안 못
    """
)
_UNSPACED_NEGATIONS = re.compile("不|没|沒|未|无法|無法|ない|ません|なかった|않|못하|없|아니")
_HANGUL = re.compile("[\uac00-\ud7a3]{2,}")
_PATH = re.compile(r"^(?:[^>\n]{1,80} > ){1,6}")
_FIELD = re.compile(r"(?![@\s])([^:：.\n]{1,40})[:：](?=\s|[^\x00-\x7f])")
_CONTRACTED = re.compile(r"n['’]t\b")


@frozen(kw_only=True)
class _Reading:
    """A text as the rule sees it: its content words, its numbers, and whether it denies something."""

    words: frozenset[str]
    subject: frozenset[str]
    numbers: frozenset[str]
    denies: bool
    field: str


def contradiction(first: str, second: str, *, overlap: float, subject: Iterable[str] = ()) -> str:
    """Return why two texts may contradict each other, or an empty string.

    `overlap` is the share of the content words of the shorter text that the longer one must have, 0..1; `subject` holds
    the names of what both speak of.
    """
    if near_duplicate(first, second):
        return ""
    names = tuple(subject)
    one, two = _read(first, names), _read(second, names)
    shared, least = one.words & two.words, min(len(one.words), len(two.words))
    numbers = one.numbers and two.numbers and least == len(shared) == 1
    if (len(shared) < _LEAST_SHARED and not numbers) or not shared - one.subject - two.subject:
        return ""
    if max(len(one.words), len(two.words)) > LONGEST or len(shared) < overlap * least:
        return ""
    if one.field != two.field and one.field and two.field:
        return ""
    if one.denies != two.denies:
        return "one denies what the other says" if len(shared) >= _DENIAL_OVERLAP * least else ""
    if one.numbers - two.numbers and two.numbers - one.numbers:
        return f"{_listed(one.numbers - two.numbers)} against {_listed(two.numbers - one.numbers)}"
    left, right = one.words - two.words, two.words - one.words
    if left and right and max(_weight(left), _weight(right)) <= _MOST_REPLACED:
        return f"{_listed(left)} against {_listed(right)}"
    return ""


def _read(text: str, names: tuple[str, ...]) -> _Reading:
    path = _PATH.match(text)
    body = text[path.end() :] if path else text
    named = _FIELD.match(body)
    plain = _CONTRACTED.sub(" not", text)
    spoken = {re.sub(r"[^\w]", "", word) for word in plain.casefold().split()}
    terms = _content(_UNSPACED_NEGATIONS.sub("", plain))  # else the pairs around a negation would differ too
    numbers = frozenset(term for term in terms if any(map(str.isdigit, term)))
    return _Reading(
        words=terms - numbers,
        subject=_content(" ".join((*names, path[0] if path else ""))),
        numbers=numbers,
        denies=not _NEGATIONS.isdisjoint(spoken) or _UNSPACED_NEGATIONS.search(text) is not None,
        field=normal_form(named[1]) if named else "",
    )


def _content(text: str) -> frozenset[str]:
    """Return the content words of a text without negations; an English plural or third person meets its stem."""
    found = (term for term in _terms(normal_form(text)) if term not in _NEGATIONS)
    return frozenset(term[:-1] if len(term) > 3 and term.isascii() and term[-1] == "s" else term for term in found)


def _terms(key: str) -> list[str]:
    """Cut a text into content words; Korean ones whole and without particle, since pairs would count the particle."""
    korean = [word for word in key.split() if _HANGUL.fullmatch(word)]
    others = " ".join(word for word in key.split() if not _HANGUL.fullmatch(word))
    stems = [word[:-1] if len(word) > 2 and word[-1] in PARTICLES else word for word in korean if word not in KOREAN]
    cut = query_terms(others) if others else []
    return [*stems, *(term for term in cut if len(term) > 1 or term.isascii() or len(cut) == 1)]


def _weight(words: frozenset[str]) -> float:
    """Count words; Chinese and Japanese ones are cut into overlapping pairs, so a pair counts half."""
    halves = sum(unicodedata.category(word[0]) == "Lo" and not _HANGUL.match(word) for word in words)
    return len(words) - halves / 2


def _listed(words: frozenset[str]) -> str:
    return ", ".join(sorted(words)[:4])
