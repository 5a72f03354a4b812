"""Find the words of a date in text: explicit days, months and years, and expressions relative to a day.

Two generators, :func:`explicit_spans` and :func:`relative_spans`, yield where a phrase stands and the days it means.
Patterns are compiled when first needed: most questions name no date and pay nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from functools import cache

from attrs import evolve, frozen

from memcore_toolkit.calendar_words import (
    ALL_UNITS,
    DAY_COUNTS,
    DAY_WORDS,
    MONTHS,
    NUMBERS,
    STEP_WORDS,
    STEPS,
    WEEKDAYS,
)

__all__ = ["Explicit", "Span", "explicit_spans", "relative_spans", "shifted"]

_Days = tuple[date, date]


@frozen(kw_only=True)
class Span:
    """A phrase at ``begin:end`` of the text that means the days from ``first`` to before ``stop``."""

    begin: int
    end: int
    first: date
    stop: date


@frozen(kw_only=True)
class Explicit:
    """A date as far as it was written: year, month, day, and the last day of a range within the month."""

    begin: int
    end: int
    year: int | None
    month: int | None = None
    day: int | None = None
    last_day: int | None = None

    def days(self, year: int) -> _Days | None:
        """Return the days this means in a year, or None for a date that does not exist."""
        try:
            if self.month is None:
                return date(year, 1, 1), date(year + 1, 1, 1)
            if self.day is None:
                return shifted(date(year, self.month, 1), "month", 0)
            last = date(year, self.month, self.last_day or self.day)
            return date(year, self.month, self.day), last + timedelta(days=1)
        except (ValueError, OverflowError):
            return None


def shifted(day: date, unit: str, steps: int) -> _Days:
    """Return the day, week, weekend, month or year that lies ``steps`` units away from the one ``day`` is in.

    Raises ValueError or OverflowError when that is outside the calendar.
    """
    if unit == "day":
        first = day + timedelta(days=steps)
        return first, first + timedelta(days=1)
    if unit in {"week", "weekend"}:
        monday = day - timedelta(days=day.weekday()) + timedelta(weeks=steps)
        return monday + timedelta(days=5 if unit == "weekend" else 0), monday + timedelta(weeks=1)
    if unit == "year":
        return date(day.year + steps, 1, 1), date(day.year + steps + 1, 1, 1)
    months = day.year * 12 + day.month - 1 + steps
    following = months + 1
    return date(months // 12, months % 12 + 1, 1), date(following // 12, following % 12 + 1, 1)


def explicit_spans(text: str) -> list[Explicit]:
    """Return the written dates in order, without overlaps; the first of a range takes a missing year from the last."""
    found: list[Explicit] = []
    for pattern in _explicit_patterns():
        found += filter(None, map(_explicit, pattern.finditer(text)))
    spans: list[Explicit] = []
    for span in sorted(found, key=lambda item: (item.begin, -item.end)):
        if not spans or span.begin >= spans[-1].end:
            spans.append(span)
    for index in range(len(spans) - 1, 0, -1):
        first, second = spans[index - 1 : index + 1]
        if first.year is None and second.year and first.month and joined(text, first.end, second.begin):
            later = second.month is not None and (first.month, first.day or 0) > (second.month, second.day or 31)
            spans[index - 1] = evolve(first, year=second.year - later)
    return spans


def joined(text: str, end: int, begin: int) -> bool:
    """Tell whether what stands between two dates makes them the ends of a range."""
    return end < begin and begin - end < 12 and _joiner().fullmatch(text, end, begin) is not None


def relative_spans(text: str, today: date) -> Iterator[Span]:
    """Yield the expressions that mean days relative to ``today``; what lies outside the calendar is left out."""
    for pattern, meaning in _relative_patterns(text.isascii()):
        for match in pattern.finditer(text):
            try:
                days = meaning(match, today)
            except (ValueError, OverflowError):
                continue
            yield Span(begin=match.start(), end=match.end(), first=days[0], stop=days[1])


@cache
def _joiner() -> re.Pattern[str]:
    return re.compile(
        r"\s*(?:[\u2013\u2014~\u301c\uff5e-]|to|until|till|through|and|から|まで|부터|에서|到|至)\s*(?:the\s+)?",
        re.IGNORECASE,
    )


@cache
def _explicit_patterns() -> tuple[re.Pattern[str], ...]:
    month = f"(?P<name>{_any_of(MONTHS)})\\b\\.?"
    nth = "(?:st|nd|rd|th)?"
    year = r"(?P<year>(?:19|20)\d{2})(?!\d)"
    last_day = rf"(?:\s?[-\u2013\u2014~]\s?(?P<last>\d{{1,2}}){nth}(?!\d))?"
    cjk_month = r"(?:(?P<year>\d{4})\s{0,2}[年년]\s{0,2})?(?<!\d)(?P<month>\d{1,2})\s{0,2}[月월]"
    before = "in|during|since|by|until|till|before|after|from|early|late|mid|of|between|and|to"
    return tuple(
        re.compile(pattern, re.IGNORECASE)
        for pattern in (
            r"(?<![\d.])(?P<year>\d{4})([-/.])(?P<month>\d{1,2})\2(?P<day>\d{1,2})(?![\d])",
            rf"(?<!\d)(?P<day>\d{{1,2}})(?:{nth}|\.)\s{{1,3}}(?:of\s)?{month}(?:,?\s{{1,3}}{year})?",
            rf"\b{month}\s{{1,3}}(?:the\s)?(?P<day>\d{{1,2}}){nth}(?!\d){last_day}(?:,?\s{{1,3}}{year})?",
            rf"{cjk_month}\s{{0,2}}(?P<day>\d{{1,2}})\s{{0,2}}[日号號일]",
            rf"\b{month},?\s{{1,3}}(?:of\s)?{year}",
            r"(?<![\d/-])(?P<year>(?:19|20)\d{2})[-/](?P<month>0[1-9]|1[0-2])(?![\d/-])",
            cjk_month,
            rf"\b(?:{before})\s{month}",
            r"(?<!\d)(?P<year>(?:19|20)\d{2})\s{0,2}[年년]",
            rf"\b(?:{before}|year)\s{year}(?!-)",
        )
    )


def _explicit(match: re.Match[str]) -> Explicit | None:
    """Read one match; a month above 12 or a day above 31 is no date."""
    parts = match.groupdict()
    name, year, day, last = (parts.get(key) for key in ("name", "year", "day", "last"))
    month = MONTHS[name.lower()] if name else int(parts.get("month") or 0) or None
    span = Explicit(
        # A preposition makes a month or a year out of a bare word; it is no part of the date.
        begin=min(match.start(key) for key, part in parts.items() if part),
        end=match.end(),
        year=int(year) if year else None,
        month=month,
        day=int(day) if day else None,
        last_day=int(last) if last else None,
    )
    return span if span.days(span.year or 2000) is not None else None


@cache
def _relative_patterns(ascii_only: bool) -> tuple[tuple[re.Pattern[str], Callable[[re.Match[str], date], _Days]], ...]:
    return _english_patterns() if ascii_only else (*_english_patterns(), *_cjk_patterns())


@cache
def _english_patterns() -> tuple[tuple[re.Pattern[str], Callable[[re.Match[str], date], _Days]], ...]:
    number = rf"(?P<number>\d{{1,4}}|{_any_of(filter(str.isascii, NUMBERS))})"
    step = f"(?P<step>{_any_of(filter(str.isascii, STEPS))})"
    weekday = f"(?P<weekday>{_any_of(filter(str.isascii, WEEKDAYS))})"
    patterns = (
        (rf"\b(?P<word>{_any_of(filter(str.isascii, DAY_WORDS))})\b", _named_day),
        (rf"\b{step}\s(?P<unit>week|weekend|month|year)\b", _step),
        (rf"\b{number}\s(?P<unit>minute|hour|day|week|month|year)s?\s(?:ago|earlier|back)\b", _ago),
        (rf"\b(?:last|past|previous)\s{number}\s(?P<unit>day|week|month|year)s?\b", _trailing),
        (r"\bpast\s(?P<unit>day|week|month|year)\b", _trailing),
        (rf"\b(?:{step}\s)?{weekday}\b", _weekday),
        (
            rf"\b{weekday}\sof\s{step}\sweek\b|\b(?P<step2>last|this|next)\sweek(?:\son)?\s(?P<weekday2>{weekday[12:]}",
            _weekday_of_week,
        ),
        (rf"\b(?P<step>last|this|next)\s(?P<name>{_any_of(MONTHS)})\b", _month_of_year),
    )
    return tuple((re.compile(pattern, re.IGNORECASE), meaning) for pattern, meaning in patterns)


@cache
def _cjk_patterns() -> tuple[tuple[re.Pattern[str], Callable[[re.Match[str], date], _Days]], ...]:
    number = rf"(?P<number>\d{{1,3}}|{_any_of(_wide(NUMBERS))})"
    step = f"(?P<step>{_any_of(_wide(STEPS))})"
    # 一 and 日 begin other words: 上周一起, 上周日程.
    chinese_day = "[二三四五六天]|一(?![起直定样樣个個下些])|日(?![程期常记記志])"
    long_units = [word for word in _wide(ALL_UNITS) if ALL_UNITS[word] != "day"]
    patterns = (
        (f"(?P<word>{_any_of(_wide(DAY_WORDS))})", _named_day),
        (f"(?P<word>{_any_of(STEP_WORDS)})", _step_word),
        (rf"{step}\s?(?P<unit>{_any_of(long_units)})", _step),
        (rf"(?<!\d){number}\s?(?P<unit>{_any_of(_wide(ALL_UNITS))})\s?(?:전|之前|以前|前)", _ago),
        (rf"(?P<days>{_any_of(DAY_COUNTS)})\s?전", _ago),
        (
            rf"(?:지난|최근|过去|過去|最近|近|ここ|この)\s?{number}\s?(?P<unit>{_any_of(_wide(ALL_UNITS))})(?![前전])",
            _trailing,
        ),
        (rf"(?:{step}\s?주?\s?)?(?P<weekday>[월화수목금토일])요일", _weekday_of_week),
        (rf"{step}?(?:周|週|星期|礼拜|禮拜)(?P<weekday>{chinese_day})", _weekday_of_week),
        (rf"(?:{step}週の?|この前の|前の)?(?P<weekday>[月火水木金土日])曜", _weekday_of_week),
    )
    return tuple((re.compile(pattern), meaning) for pattern, meaning in patterns)


def _any_of(words: Iterable[str]) -> str:
    return "|".join(re.escape(word).replace("\\ ", " ") for word in sorted(words, key=lambda word: (-len(word), word)))


def _wide(words: Iterable[str]) -> list[str]:
    return [word for word in words if not word.isascii()]


def _named_day(match: re.Match[str], today: date) -> _Days:
    return shifted(today, "day", DAY_WORDS[match["word"].lower()])


def _step_word(match: re.Match[str], today: date) -> _Days:
    unit, steps = STEP_WORDS[match["word"]]
    return shifted(today, unit, steps)


def _step(match: re.Match[str], today: date) -> _Days:
    unit = match["unit"].lower()
    return shifted(today, ALL_UNITS[unit], STEPS[match["step"].lower()])


def _ago(match: re.Match[str], today: date) -> _Days:
    parts = match.groupdict()
    if "days" in parts:
        return shifted(today, "day", -DAY_COUNTS[match["days"]])
    unit = match["unit"].lower()
    return shifted(today, ALL_UNITS.get(unit, "day"), -_number(match) if unit in ALL_UNITS else 0)


def _trailing(match: re.Match[str], today: date) -> _Days:
    """Return the given number of units up to and with today."""
    count = _number(match) if "number" in match.groupdict() else 1
    tomorrow, unit = today + timedelta(days=1), ALL_UNITS[match["unit"].lower()]
    if unit in {"day", "week"}:
        return tomorrow - timedelta(days=count * (7 if unit == "week" else 1)), tomorrow
    first, _ = shifted(today, "month", -count * (12 if unit == "year" else 1))
    return first + timedelta(days=min(today.day, 28) - 1), tomorrow


def _weekday(match: re.Match[str], today: date) -> _Days:
    """Return a weekday: the last one up to today, "last" before today, "this" and "next" by the week."""
    weekday, step = WEEKDAYS[match["weekday"].lower()], (match["step"] or "").lower()
    if step in {"this", "current", "next", "coming"}:
        return _in_week(today, weekday, STEPS[step])
    back = (today.weekday() - weekday) % 7
    return shifted(today, "day", -(back or 7) if step else -back)


def _weekday_of_week(match: re.Match[str], today: date) -> _Days:
    parts = match.groupdict()
    name, step = parts.get("weekday2") or match["weekday"], parts.get("step2") or parts.get("step")
    weekday = WEEKDAYS[name.lower()]
    if step:
        return _in_week(today, weekday, STEPS[step.lower()])
    return shifted(today, "day", -((today.weekday() - weekday) % 7))


def _in_week(today: date, weekday: int, weeks: int) -> _Days:
    monday, _ = shifted(today, "week", weeks)
    return shifted(monday, "day", weekday)


def _month_of_year(match: re.Match[str], today: date) -> _Days:
    """Return "last May", "this May" or "next May"; the last and the next are never the running month."""
    month, step = MONTHS[match["name"].lower()], match["step"].lower()
    year = today.year
    if step == "next":
        year += month <= today.month
    elif step == "last":
        year -= month >= today.month
    return shifted(date(year, month, 1), "month", 0)


def _number(match: re.Match[str]) -> int:
    written = match["number"].lower()
    return int(written) if written.isdecimal() else NUMBERS[written]
