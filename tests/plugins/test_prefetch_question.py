"""What a question is taken for: words, their other forms, names, times."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memcore import Record
from memcore_plugins.prefetch.evidence import Reader, fits_period, speaker_of, tells_amount
from memcore_plugins.prefetch.question import MOST_TERMS, read
from memcore_plugins.prefetch.signals import named
from memcore_plugins.prefetch.stemming import stem
from memcore_plugins.prefetch.words import forms, related

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)


def record(content, **more):
    more.setdefault("occurred_at", NOW)
    return Record(id="1", content=content, created_at=NOW, content_hash="x", **more)


def words(question):
    return [term.word for term in question.terms]


def test_the_stemmer_agrees_with_sqlites_porter_tokenizer():
    listed = [
        "painted",
        "paints",
        "painting",
        "hopping",
        "hoping",
        "relational",
        "conditional",
        "rational",
        "happy",
        "happily",
        "agreed",
        "feed",
        "plastered",
    ]
    listed += [
        "sized",
        "controlling",
        "rolled",
        "skies",
        "dies",
        "ties",
        "caresses",
        "ponies",
        "university",
        "organization",
        "generically",
        "effective",
        "oscillate",
    ]
    listed += [
        "allowance",
        "inference",
        "adjustable",
        "defensible",
        "irritant",
        "replacement",
        "adoption",
        "communism",
        "activate",
        "bowdlerize",
        "probate",
        "cease",
    ]
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5(word, tokenize='porter unicode61')")
    connection.execute("CREATE VIRTUAL TABLE v USING fts5vocab(t, instance)")
    connection.executemany("INSERT INTO t(rowid, word) VALUES(?,?)", enumerate(listed))
    found = dict(connection.execute("SELECT doc, term FROM v").fetchall())
    assert {word: stem(word) for word in listed} == {word: found[place] for place, word in enumerate(listed)}


@given(st.text(max_size=30))
def test_stemming_any_text_gives_text_and_leaves_other_scripts_alone(text):
    assert stem(text) == text if not text.isascii() else isinstance(stem(text), str)


@pytest.mark.parametrize(
    ("word", "form"), [("buy", "bought"), ("bought", "buy"), ("paid", "pay"), ("children", "child")]
)
def test_an_irregular_form_leads_to_the_other_forms(word, form):
    assert form in forms(word)


def test_inflected_words_find_their_relatives_and_unknown_ones_have_none():
    assert "career" in related("jobs")
    assert related("gearbox") == []
    assert forms("撞牆") == []


def test_function_words_are_no_terms_and_other_forms_are_searched_for():
    question = read("What did she buy at the market?", NOW)
    assert words(question) == ["buy", "market"]
    assert "bought" in question.others
    assert "purchase" in question.others


def test_forms_and_related_words_can_be_switched_off():
    question = read("What did she buy?", NOW, False, 0.0)
    assert question.others == ()
    assert question.terms[0].needles == {"bui": 1.0}


def test_a_name_inside_a_sentence_carries_twice_the_mass():
    question = read("How tall is Kilimanjaro?", NOW)
    assert {term.word: term.mass for term in question.terms} == {"tall": 1.0, "kilimanjaro": 2.0}


def test_words_of_a_date_are_marked_only_when_the_date_was_understood():
    dated = read("What did Ann paint in May 2025?", NOW)
    assert {term.word for term in dated.terms if term.dates} == {"may", "2025"}
    assert dated.period is not None
    assert dated.period.range.start == datetime(2025, 5, 1, tzinfo=UTC)
    undated = read("Which room has 12 windows?", NOW)
    assert undated.period is None
    assert not any(term.dates for term in undated.terms)


def test_a_month_without_a_year_also_means_other_years_with_less_weight():
    period = read("What happened in March?", NOW).period
    assert period.holds(datetime(2026, 3, 5, tzinfo=UTC), datetime(2026, 3, 6, tzinfo=UTC)) == 1.0
    assert period.holds(datetime(2024, 3, 5, tzinfo=UTC), datetime(2024, 3, 6, tzinfo=UTC)) == 0.7
    assert period.holds(datetime(2024, 7, 5, tzinfo=UTC), datetime(2024, 7, 6, tzinfo=UTC)) == 0.0
    exact = read("What happened in March 2026?", NOW).period
    assert exact.holds(datetime(2024, 3, 5, tzinfo=UTC), datetime(2024, 3, 6, tzinfo=UTC)) == 0.0


def test_a_pasted_page_is_cut_to_its_heaviest_words_with_names_first():
    question = read("see " + " ".join(f"word{number}" for number in range(500)) + " and also Kilimanjaro", NOW)
    assert len(question.terms) == MOST_TERMS
    assert "kilimanjaro" in words(question)


@given(st.text(max_size=200))
def test_any_text_can_be_read_as_a_question(text):
    question = read(text, NOW)
    Reader(question.terms, question.text).read(record("some record"))


def test_a_reader_counts_the_word_its_forms_and_related_words_apart():
    question = read("What did he buy?", NOW)
    evidence = Reader(question.terms, question.text).read(
        record("I bought bread. The purchase was cheap, buying is fun.")
    )
    assert evidence.direct == {0: 2.0}
    assert evidence.related == {0: pytest.approx(0.4)}


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Hope to carry the city baby", "the cities, hoping, carried two babies"),
        ("bge-m3", "we use BGE-M3 here"),
        ("Cafe Zoe", "Café Zoé closes early"),
        ("撞牆", "他撞牆之後才改用向量搜尋"),
        ("가치관", "가치관이 다르다"),
        ("v2.1", "since v2.1 it works"),
    ],
)
def test_every_word_of_a_question_is_found_in_the_text_that_holds_it(question, text):
    asked = read(question, NOW)
    evidence = Reader(asked.terms, asked.text).read(record(text))
    assert set(evidence.direct) == set(range(len(asked.terms)))


def test_a_reader_looks_into_summary_tags_and_entities():
    asked = read("sourdough oven Peter", NOW)
    evidence = Reader(asked.terms, asked.text).read(
        record("x", summary="sourdough", tags=("oven",), entities=("Peter",))
    )
    assert set(evidence.direct) == {0, 1, 2}


@pytest.mark.parametrize(
    ("text", "asks"), [("Really?", True), ('He said: "why?"', True), ("好吗？", True), ("No. Why not.", False)]
)
def test_a_text_that_ends_as_a_question_is_noticed(text, asks):
    assert Reader((), "").read(record(text)).asks is asks


def test_the_speaker_comes_from_metadata_or_from_the_name_before_the_colon_of_an_episode():
    assert speaker_of(record("hello", kind="episode", metadata={"speaker": "Ann"})) == "Ann"
    assert speaker_of(record("Ann Lee: hello there", kind="episode")) == "Ann Lee"
    assert speaker_of(record("**Ann Lee:** hello", kind="episode")) == "Ann Lee"
    assert speaker_of(record("佐藤：こんにちは", kind="episode")) == "佐藤"
    assert speaker_of(record("Note: buy milk", kind="fact")) == ""


@pytest.mark.parametrize(
    "text", ["at 10:30 we left", "https://example.org", "He said (twice): no", "x" * 60 + ": y", ": y", ""]
)
def test_what_stands_before_a_colon_is_not_always_a_name(text):
    assert speaker_of(record(text or "-", kind="episode")) == ""


@pytest.mark.parametrize(("text", "told"), [("three cats", True), ("room 12", True), ("some cats", False)])
def test_a_number_is_a_number_in_digits_and_in_words(text, told):
    assert tells_amount(text) is told


def test_a_record_fits_the_time_its_text_names_rather_than_the_time_it_was_said():
    period = read("What happened in May 2026?", NOW).period
    june = datetime(2026, 6, 1, 9, tzinfo=UTC)
    assert fits_period(record("We moved yesterday.", occurred_at=june), period) == 1.0
    assert fits_period(record("We moved.", occurred_at=june), period) == 0.0
    assert fits_period(record("We moved.", occurred_at=june - timedelta(days=3)), period) == 0.8
    assert fits_period(record("We move next month.", occurred_at=june - timedelta(days=3)), period) == pytest.approx(
        0.3
    )


@pytest.mark.parametrize(
    ("name", "question", "found"),
    [
        ("Ann", "What did Ann say?", True),
        ("ann", "What did Ann's brother say?", True),
        ("Ann Lee", "What did Ann say?", True),
        ("pier-signs", "Where do the pier signs hang?", True),
        ("pier-signs", "Where is the pier?", False),
        ("The-Castle", "Who lives in the castle?", True),
        ("林雨桐", "林雨桐住在哪里？", True),
        ("Ann", "Where is the annex?", False),
        ("", "anything", False),
    ],
)
def test_names_are_matched_as_whole_words_or_whole_runs(name, question, found):
    assert named(name, read(question, NOW)) is found
