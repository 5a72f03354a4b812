"""Dates in file names, in text and in questions.

A question such as "what did we decide last week" names a time. :func:`parse_when` turns it into a range, relative to the given
moment and its time zone, for explicit dates and relative expressions in English, Korean, Chinese and Japanese. Weeks start on
Monday (ISO 8601). "Two months ago" is the calendar month that lies two months back: people do not count days there. A day without a
year is its last occurrence, since memory looks back. Numeric dates that start with day or month (``3/4/2025``) mean different days
to different readers and are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache

from attrs import frozen

from memcore_toolkit.calendar_words import (
    ALL_UNITS,
    DAY_WORDS,
    MONTHS,
    NUMBERS,
    STEP_WORDS,
    STEPS,
    WEEKDAYS,
)

__all__ = ["TimeRange", "asks_when", "date_in_name", "find_dates", "parse_when"]
