"""Dates in file names, in text and in questions.

A question such as "what did we decide last week" names a time. :func:`parse_when` turns it into a range, relative to
the given moment and its time zone, for explicit dates and relative expressions in English, Korean, Chinese and
Japanese. Weeks start on Monday (ISO 8601). "Two months ago" is the calendar month that lies two months back: people do
not count days there. A day without a year is its last occurrence, since memory looks back. Numeric dates that start
with day or month (``3/4/2025``) mean different days to different readers and are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

from attrs import frozen

from memcore_toolkit.calendar_words import DAY_WORDS, MONTHS, STEPS, WEEKDAYS
from memcore_toolkit.date_phrases import Explicit, Span, explicit_spans, joined, relative_spans

__all__ = ["TimeRange", "asks_when", "date_in_name", "find_dates", "parse_when"]

#: Characters of a question that are read for a date.
LONGEST_QUESTION = 2_000

_NAME = re.compile(r"(?<!\d)((?:19|20)\d{2})(?:([-_.])(\d{2})\2(\d{2})(?!\d)|(\d{2})(\d{2})(?:\d{4}(?:\d{2})?)?(?!\d))")
_HINTS = (
    {word for phrase in (*DAY_WORDS, *STEPS, *MONTHS, *WEEKDAYS) if phrase.isascii() for word in phrase.split()}
    | {"past", "ago", "earlier", "back", "week", "weekend", "month", "year"}
) - {"the", "this", "day"}

_WHEN_WORDS = frozenset({"when", "what", "which", "how"})
_VERBS = "did|do|does|was|were|is|are|am|will|would|has|have|had|can|could|should|shall|must|might"
_ENGLISH_WHEN = (
    rf"\bwhen(?:'s|'d|\s+(?:exactly\s+)?(?:{_VERBS})\b|\s*\?)",
    r"\b(?:remember|recall|know|me|say|sure|since|until|by|guess|wonder)\s+(?:exactly\s+)?when\b",
    r"\b(?:what|which)(?:'s|\s+is|\s+was)?\s+(?:the\s+)?(?:exact\s+)?(?:date|day|time|year|month|week|weekday|hour)\b",
    r"\bhow\s+(?:long|many\s+(?:days|weeks|months|years))\s+(?:ago|since|until)\b",
)
_OTHER_WHEN_WORDS = frozenset(
    {"wann", "welches", "welchem", "quand", "quelle", "quel", "cuando", "quando", "que", "qual", "che", "quale"}
)
_OTHER_WHEN = (
    r"\bwann\b|\bwelche[sm]?\s+(?:datum|tag|jahr|monat)",
    r"\bquand\s+(?:est|a|as|ai|avons|avez|ont)\b|^\W*quand\b|\bquelle\s+(?:date|année)|\bquel\s+(?:jour|mois)",
    r"\bcuándo\b|^\W*cuando\b|\bqué\s+(?:día|fecha|año|mes)",
    r"^\W*quando\b|\b(?:que|qual)\s+(?:dia|data|ano|mês)\b|\b(?:che|quale)\s+(?:giorno|data|anno|mese)\b",
    r"언제(?!나|든|까지나)|며칠|몇\s?(?:월|년|일|시|요일|주)|무슨\s?(?:요일|날)|날짜",
    r"什么时候|什麼時候|甚麼時候|何时|何時|几[号月点]|幾[號月點]|哪[天年月]|哪一[天年月]|哪个月|星期[几幾]|周几|週幾",
    r"多久[以之]?前|日期|いつ(?!も|か|までも|の間)|何[日月年]|何曜|日付|どの日",
)


@frozen(kw_only=True)
class TimeRange:
    """A span of time in UTC: from ``start``, up to but without ``end``."""

    start: datetime
    end: datetime

    def __contains__(self, moment: datetime) -> bool:
        """Tell whether a moment (aware, or naive in UTC) lies in the range."""
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return self.start <= aware < self.end


def date_in_name(name: str) -> date | None:
    """Return the day in a file name or path: ``2026-02-15-1030-tea.md``, ``log-20260215.md``, ``2026_02_15.md``.

    Only the last part of a path counts; digits that are no day of the calendar are passed over.
    """
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    for match in _NAME.finditer(last):
        try:
            return date(int(match[1]), int(match[3] or match[5]), int(match[4] or match[6]))
        except ValueError:
            continue
    return None


def find_dates(text: str) -> list[date]:
    """Return the days that a text names with their year, in order; a range gives its first day and its last."""
    days: list[date] = []
    for span in explicit_spans(text) if re.search(r"\d", text) else ():
        if span.year is None or span.day is None or (meant := span.days(span.year)) is None:
            continue
        days.append(meant[0])
        if span.last_day:
            days.append(meant[1] - timedelta(days=1))
    return days


def parse_when(text: str, now: datetime) -> TimeRange | None:
    """Return the time a question is about, or None when it names none.

    The first expression counts. Days are days of the time zone of ``now`` (UTC when it has none). "Since" and "after"
    run up to the end of today, "before" from year 1.
    """
    question = text[:LONGEST_QUESTION]
    if question.isascii() and not _may_name_date(question):
        return None
    today = now.date()
    spans = [*_resolved(question, explicit_spans(question), today), *relative_spans(question, today)]
    if not spans:
        return None
    span = min(spans, key=lambda item: (item.begin, -item.end))
    first, stop = _bounded(question, span, today)
    zone = now.tzinfo or UTC
    try:
        start, end = (datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC) for day in (first, stop))
    except (OverflowError, ValueError):
        return None
    return TimeRange(start=start, end=end) if start < end else None


def asks_when(text: str) -> bool:
    """Tell whether a question asks for a time: "when did", "what date", "wann", "언제", "什么时候", "いつ"."""
    question = text[:LONGEST_QUESTION]
    words = set(question.lower().translate(_WORD_ENDS).split())
    if not _WHEN_WORDS.isdisjoint(words) and _asks_when(True).search(question):
        return True
    return not (question.isascii() and _OTHER_WHEN_WORDS.isdisjoint(words)) and bool(_asks_when(False).search(question))


def _may_name_date(question: str) -> bool:
    """Tell cheaply whether an ASCII question can hold a date, before any pattern is compiled."""
    lowered = question.lower()
    words = lowered.translate(_WORD_ENDS).split()
    return not _HINTS.isdisjoint(words) or any(map(str.isdigit, lowered))


def _resolved(text: str, spans: list[Explicit], today: date) -> Iterator[Span]:
    """Yield written dates with a year, joined to ranges where two of them are the ends of one."""
    index = 0
    while index < len(spans):
        span, end = spans[index], spans[index].end
        days = span.days(span.year or _last_year_of(span, today))
        if days and index + 1 < len(spans) and joined(text, span.end, spans[index + 1].begin):
            other = spans[index + 1]
            until = other.days(other.year or _last_year_of(other, today))
            if until and until[1] > days[0]:
                days, end, index = (days[0], until[1]), other.end, index + 1
        index += 1
        if days:
            yield Span(begin=span.begin, end=end, first=days[0], stop=days[1])


def _last_year_of(span: Explicit, today: date) -> int:
    """Return the year in which a date without one last began."""
    return today.year - ((span.month or 1, span.day or 1) > (today.month, today.day))


def _bounded(text: str, span: Span, today: date) -> tuple[date, date]:
    """Apply "since", "after" and "before" around a phrase."""
    before, after = text[max(0, span.begin - 12) : span.begin], text[span.end : span.end + 4]
    word = match[1].lower() if (match := _limit_before().search(before)) else ""
    if not word and (found := _limit_after().match(after)):
        word = _LIMITS_AFTER[found[1]]
    tomorrow = today + timedelta(days=1)
    if word == "since" and span.first < tomorrow:
        return span.first, tomorrow
    if word == "after" and span.stop < tomorrow:
        return span.stop, tomorrow
    if word == "before":
        return date(1, 1, 2), span.first
    return span.first, span.stop


_LIMITS_AFTER = {
    **dict.fromkeys(("이후", "以来", "以來", "以降"), "since"),
    **dict.fromkeys(("之后", "之後", "以后", "以後"), "after"),
    **dict.fromkeys(("이전", "之前", "以前", "전", "前"), "before"),
}
_WORD_ENDS = {code: " " for code in range(128) if not chr(code).isalnum()}


@cache
def _limit_before() -> re.Pattern[str]:
    return re.compile(r"\b(since|after|before)\s(?:the\s)?$", re.IGNORECASE)


@cache
def _limit_after() -> re.Pattern[str]:
    return re.compile(rf"\s?({'|'.join(_LIMITS_AFTER)})")


@cache
def _asks_when(english: bool) -> re.Pattern[str]:
    return re.compile("|".join(_ENGLISH_WHEN if english else _OTHER_WHEN), re.IGNORECASE)
