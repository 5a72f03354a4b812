"""The words of dates in English, Korean, Chinese and Japanese, as tables: numbers, months, weekdays, units, offsets."""

from __future__ import annotations

__all__ = ["ALL_UNITS", "DAY_COUNTS", "DAY_WORDS", "MONTHS", "NUMBERS", "STEPS", "STEP_WORDS", "WEEKDAYS"]

#: Month names and their usual abbreviations to 1..12 (English; CJK writes months as numbers).
MONTHS = {
    name[:length]: number
    for number, name in enumerate(
        (
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ),
        1,
    )
    for length in (3, len(name))
} | {"sept": 9}
#: Weekday names to 0 (Monday) .. 6.
WEEKDAYS = {
    **dict(zip(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), range(7), strict=True)),
    **dict(zip("월화수목금토일", range(7), strict=True)),
    **dict(zip("月火水木金土日", range(7), strict=True)),
    **dict(zip("一二三四五六", range(6), strict=True)),
    "天": 6,
}
#: Number words, as far as people count days, weeks and months with them.
NUMBERS = {
    **dict(
        zip(
            ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
            range(1, 13),
            strict=True,
        )
    ),
    "a": 1,
    "an": 1,
    "a couple of": 2,
    "couple of": 2,
    "a few": 3,
    "few": 3,
    "several": 3,
    **dict(zip("一二三四五六七八九十", range(1, 11), strict=True)),
    "两": 2,
    "兩": 2,
    "几": 3,
    "幾": 3,
    "数": 3,
    "數": 3,
    **dict(zip(("한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉", "열"), range(1, 11), strict=True)),
    "일": 1,
    "이": 2,
    "삼": 3,
    "사": 4,
    "오": 5,
    "육": 6,
    "몇": 3,
}
_UNITS = {
    "day": ("day", "일", "날", "天", "日", "日間"),
    "week": ("week", "주", "주일", "周", "週", "週間", "星期", "个星期", "個星期", "礼拜", "个礼拜", "禮拜", "個禮拜"),
    "month": ("month", "개월", "달", "个月", "個月", "か月", "ヶ月", "カ月", "ケ月", "箇月", "月"),
    "year": ("year", "년", "해", "年"),
    "weekend": ("weekend", "주말", "周末", "週末"),
}
#: Unit words to day, week, month, year or weekend.
ALL_UNITS = {word: unit for unit, words in _UNITS.items() for word in words}
#: Korean words for a number of days.
DAY_COUNTS = {"하루": 1, "이틀": 2, "사흘": 3, "나흘": 4, "닷새": 5, "열흘": 10, "보름": 15}
#: Days named from today.
DAY_WORDS = {
    **dict.fromkeys(("today", "tonight", "this morning", "this afternoon", "this evening"), 0),
    **dict.fromkeys(("yesterday", "last night"), -1),
    **dict.fromkeys(("the day before yesterday", "day before yesterday"), -2),
    "tomorrow": 1,
    "the day after tomorrow": 2,
    **dict.fromkeys(("오늘", "今天", "今日", "きょう"), 0),
    **dict.fromkeys(("어제", "昨天", "昨日", "きのう", "昨晚", "昨夜", "어젯밤"), -1),
    **dict.fromkeys(("그저께", "그제", "엊그제", "前天", "一昨日", "おととい"), -2),
    **dict.fromkeys(("그끄저께", "大前天"), -3),
    **dict.fromkeys(("내일", "明天", "明日"), 1),
    **dict.fromkeys(("모레", "后天", "後天", "明後日"), 2),
}
#: Words before a unit to the number of units from now.
STEPS = {
    **dict.fromkeys(("last", "previous", "지난", "저번", "上", "上个", "上個", "上一个", "上一個", "先"), -1),
    **dict.fromkeys(("this", "current", "이번", "这", "這", "这个", "這個", "本", "今"), 0),
    **dict.fromkeys(("next", "coming", "다음", "下", "下个", "下個", "来", "來"), 1),
    **dict.fromkeys(("지지난", "上上", "上上个", "上上個", "先々", "先先"), -2),
}
#: Whole words for a step and a unit.
STEP_WORDS = {
    **dict.fromkeys(("작년", "지난해", "去年", "昨年"), ("year", -1)),
    **dict.fromkeys(("올해", "금년"), ("year", 0)),
    "내년": ("year", 1),
    "明年": ("year", 1),
    **dict.fromkeys(("재작년", "前年", "一昨年"), ("year", -2)),
}
