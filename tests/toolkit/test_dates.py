"""Dates in names, in text and in questions, in four languages."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memcore_toolkit.dates import TimeRange, asks_when, date_in_name, find_dates, parse_when

WEDNESDAY = datetime(2026, 5, 13, 10, 30, tzinfo=UTC)
WORDS = "last next this since before after ago 3 31 2025 9999 0 may May 월 年 月 日 日前 주 전 上 周 先 週 years days week to - – , friday 요일 曜 in two 一 in"
phrases = st.lists(st.sampled_from(WORDS.split()), max_size=8).map(" ".join)


def days(text: str, now: datetime = WEDNESDAY) -> tuple[str, str] | None:
    found = parse_when(text, now)
    return (found.start.date().isoformat(), (found.end - timedelta(days=1)).date().isoformat()) if found else None


class TestNames:
    @pytest.mark.parametrize(
        ("name", "day"),
        [
            ("2026-02-15.md", (2026, 2, 15)),
            ("2026-02-15-tea-with-mina.md", (2026, 2, 15)),
            ("2026-02-15-1030.md", (2026, 2, 15)),
            ("2026-02-15_tea.md", (2026, 2, 15)),
            ("session-2026-02-15.md", (2026, 2, 15)),
            ("log-20260215.md", (2026, 2, 15)),
            ("20260215T1030.md", (2026, 2, 15)),
            ("202602151030.md", (2026, 2, 15)),
            ("2026_02_15.md", (2026, 2, 15)),
            ("2026.02.15.md", (2026, 2, 15)),
            ("memory/2025-01-01/2026-02-15.md", (2026, 2, 15)),
            (r"memory\2026-02-15.md", (2026, 2, 15)),
            ("2026-13-40-2026-02-15.md", (2026, 2, 15)),
            ("차-2026-02-15-녹차.md", (2026, 2, 15)),
        ],
    )
    def test_every_seen_form(self, name: str, day: tuple[int, int, int]) -> None:
        assert date_in_name(name) == date(*day)

    @pytest.mark.parametrize(
        "name", ["MEMORY.md", "2026-02.md", "2026-02-30.md", "12026-02-15.md", "2026-02-155.md", "v20260299.md", "", "2026-02-15/notes.md", "99990101.md"]
    )  # fmt: skip
    def test_names_without_a_day(self, name: str) -> None:
        assert date_in_name(name) is None


class TestFindDates:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("moved on 2025-11-27, then 2025/12/01 and 2025.12.3", ["2025-11-27", "2025-12-01", "2025-12-03"]),
            ("27 Nov 2025 and the 3rd of December, 2025", ["2025-11-27", "2025-12-03"]),
            ("in Lisbon (Nov 27–Dec 1, 2025)", ["2025-11-27", "2025-12-01"]),
            ("Dec 30 to Jan 2, 2026", ["2025-12-30", "2026-01-02"]),
            ("Nov 27-29, 2025", ["2025-11-27", "2025-11-29"]),
            ("2026年2月15日と2026년 2월 16일", ["2026-02-15", "2026-02-16"]),
            ("Sept. 5th 2024", ["2024-09-05"]),
            ("2025-02-30, 3/4/2025, 5 May, v2025.1.2.3x, May 2025, 2025", ["2025-01-02"]),
            ("no date at all", []),
        ],
    )
    def test_days_with_a_year_in_order(self, text: str, found: list[str]) -> None:
        assert [day.isoformat() for day in find_dates(text)] == found

    @given(st.dates(date(1900, 1, 1), date(2099, 12, 31)), st.sampled_from(["{0:%Y-%m-%d}", "{0.day} {0:%B} {0.year}", "{0:%b} {0.day}, {0.year}", "{0.year}年{0.month}月{0.day}日", "{0.year}년 {0.month}월 {0.day}일"]))  # fmt: skip
    def test_every_day_is_read_back_from_every_form(self, day: date, form: str) -> None:
        assert find_dates(f"tea, {form.format(day)}, more tea") == [day]


class TestParseWhen:
    @pytest.mark.parametrize(
        ("text", "first", "last"),
        [
            ("what happened yesterday", "2026-05-12", "2026-05-12"),
            ("the day before yesterday", "2026-05-11", "2026-05-11"),
            ("tonight", "2026-05-13", "2026-05-13"),
            ("what did we do last week", "2026-05-04", "2026-05-10"),
            ("this month", "2026-05-01", "2026-05-31"),
            ("next year", "2027-01-01", "2027-12-31"),
            ("last weekend", "2026-05-09", "2026-05-10"),
            ("two months ago", "2026-03-01", "2026-03-31"),
            ("a week ago", "2026-05-04", "2026-05-10"),
            ("a few days ago", "2026-05-10", "2026-05-10"),
            ("5 hours ago", "2026-05-13", "2026-05-13"),
            ("over the last 3 days", "2026-05-11", "2026-05-13"),
            ("past week", "2026-05-07", "2026-05-13"),
            ("in the past two years", "2024-05-13", "2026-05-13"),
            ("last Friday", "2026-05-08", "2026-05-08"),
            ("last Wednesday", "2026-05-06", "2026-05-06"),
            ("on Wednesday", "2026-05-13", "2026-05-13"),
            ("this Friday", "2026-05-15", "2026-05-15"),
            ("next Friday", "2026-05-22", "2026-05-22"),
            ("Friday of last week", "2026-05-08", "2026-05-08"),
            ("last week on Friday", "2026-05-08", "2026-05-08"),
            ("in May", "2026-05-01", "2026-05-31"),
            ("in June", "2025-06-01", "2025-06-30"),
            ("last May", "2025-05-01", "2025-05-31"),
            ("next May", "2027-05-01", "2027-05-31"),
            ("this June", "2026-06-01", "2026-06-30"),
            ("27 Nov 2025", "2025-11-27", "2025-11-27"),
            ("the 3rd of December", "2025-12-03", "2025-12-03"),
            ("Nov 27–Dec 1, 2025", "2025-11-27", "2025-12-01"),
            ("from March to May 2025", "2025-03-01", "2025-05-31"),
            ("from 2025-11-27 until 2025-12-02", "2025-11-27", "2025-12-02"),
            ("between 3 May and 5 May", "2026-05-03", "2026-05-05"),
            ("in 2023", "2023-01-01", "2023-12-31"),
            ("2025-02", "2025-02-01", "2025-02-28"),
            ("since last week", "2026-05-04", "2026-05-13"),
            ("after 2025-11-27", "2025-11-28", "2026-05-13"),
            ("before 2023", "0001-01-02", "2022-12-31"),
            ("since next week", "2026-05-18", "2026-05-24"),
            ("어제 뭐 했지", "2026-05-12", "2026-05-12"),
            ("지난주에 무엇을 했지", "2026-05-04", "2026-05-10"),
            ("지난 주말", "2026-05-09", "2026-05-10"),
            ("지난주 금요일", "2026-05-08", "2026-05-08"),
            ("월요일에", "2026-05-11", "2026-05-11"),
            ("3일 전", "2026-05-10", "2026-05-10"),
            ("이틀 전에", "2026-05-11", "2026-05-11"),
            ("한 달 전", "2026-04-01", "2026-04-30"),
            ("최근 3개월", "2026-02-13", "2026-05-13"),
            ("작년", "2025-01-01", "2025-12-31"),
            ("5월에 간 곳", "2026-05-01", "2026-05-31"),
            ("2026년 2월 15일", "2026-02-15", "2026-02-15"),
            ("2024년 이후", "2024-01-01", "2026-05-13"),
            ("昨天说了什么", "2026-05-12", "2026-05-12"),
            ("上周", "2026-05-04", "2026-05-10"),
            ("上周五", "2026-05-08", "2026-05-08"),
            ("上周一起吃饭", "2026-05-04", "2026-05-10"),
            ("上上个月", "2026-03-01", "2026-03-31"),
            ("两个月前", "2026-03-01", "2026-03-31"),
            ("三天之前", "2026-05-10", "2026-05-10"),
            ("去年", "2025-01-01", "2025-12-31"),
            ("2026年2月15日", "2026-02-15", "2026-02-15"),
            ("2024年之前", "0001-01-02", "2023-12-31"),
            ("先週の金曜日", "2026-05-08", "2026-05-08"),
            ("昨日", "2026-05-12", "2026-05-12"),
            ("一昨日", "2026-05-11", "2026-05-11"),
            ("3か月前", "2026-02-01", "2026-02-28"),
            ("過去3年", "2023-05-13", "2026-05-13"),
            ("来月", "2026-06-01", "2026-06-30"),
            ("12月から2月まで", "2025-12-01", "2026-02-28"),
        ],
    )
    def test_expressions_mean_these_days(self, text: str, first: str, last: str) -> None:
        assert days(text) == (first, last)

    @pytest.mark.parametrize(
        "text",
        ["", "what does Mina like", "may I ask", "march on", "9999 years ago", "3/4/2025", "2025-02-30", "version 2.1", "목요", "weekend", "before the party", "0 days", "나는 이전 집이 좋다"],
    )  # fmt: skip
    def test_questions_without_a_time(self, text: str) -> None:
        assert parse_when(text, WEDNESDAY) is None

    def test_days_are_days_of_the_asking_time_zone(self) -> None:
        seoul = timezone(timedelta(hours=9))
        found = parse_when("어제", datetime(2026, 5, 14, 1, 0, tzinfo=seoul))
        assert found == TimeRange(
            start=datetime(2026, 5, 12, 15, 0, tzinfo=UTC), end=datetime(2026, 5, 13, 15, 0, tzinfo=UTC)
        )

    def test_a_moment_without_a_zone_is_utc(self) -> None:
        assert days("yesterday", datetime(2026, 5, 13)) == ("2026-05-12", "2026-05-12")

    def test_the_first_and_longest_expression_counts(self) -> None:
        assert days("yesterday, not last week") == ("2026-05-12", "2026-05-12")
        assert days("지난주 금요일 말고 어제") == ("2026-05-08", "2026-05-08")

    @given(phrases, st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))
    def test_any_words_at_any_time_give_a_forward_range_or_none(self, text: str, now: datetime) -> None:
        found = parse_when(text, now)
        assert found is None or found.start < found.end

    @given(st.text(max_size=60))
    def test_any_text_is_survived(self, text: str) -> None:
        parse_when(text, WEDNESDAY)
        find_dates(text)
        asks_when(text)
        date_in_name(text)


def test_a_range_holds_its_start_and_not_its_end() -> None:
    found = TimeRange(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 1, 2, tzinfo=UTC))
    assert datetime(2026, 1, 1) in found
    assert datetime(2026, 1, 2, tzinfo=UTC) not in found


@pytest.mark.parametrize(
    "text",
    [
        "When did we move?", "do you remember when Mina left", "What date is the party", "what's the exact time", "how long ago was it", "since when", "when?", "When's the party",
        "Wann war das", "welches Datum hat das", "Quand est-ce que c'était", "¿Cuándo fue?", "Quando foi isso?", "che giorno era",
        "언제 이사했지", "몇 월이었나요", "무슨 요일이야", "什么时候搬的家", "是哪一天", "幾號", "いつ引っ越した", "何曜日でしたか", "引っ越したのは何月",
    ],
)  # fmt: skip
def test_these_ask_for_a_time(text: str) -> None:
    assert asks_when(text)


@pytest.mark.parametrize(
    "text",
    [
        "who is Mina", "when I was young I lived in Porto", "what does she like", "which tea", "how are you", "tell me about the timer",
        "언제나 행복해", "언제든 좋아", "いつも元気", "いつか行きたい", "我喜欢茶", "que prefiere Ana", "quel thé", "",
    ],
)  # fmt: skip
def test_these_do_not(text: str) -> None:
    assert not asks_when(text)
