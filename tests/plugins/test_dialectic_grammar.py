"""The U-tag grammar: what is a tag, what is not, and what it says."""

from __future__ import annotations

import string
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memcore_plugins.dialectic.grammar import LONGEST_TAG, UTag, normal_tag, parse_line, parse_text


def only(line: str) -> UTag:
    found = parse_line(line)
    assert found is not None
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("line", "stance", "source"),
    [
        ("- U @Ines answers_at_night: wrote at 23:40", "support", "observed"),
        ("- U+ @Ines answers_at_night: wrote at 23:40", "support", "observed"),
        ("- U(declared) @Ines answers_at_night: wrote at 23:40", "support", "declared"),
        ("- U(said) @Ines answers_at_night: wrote at 23:40", "support", "declared"),
        ("- U- @Ines answers_at_night: wrote at 23:40", "contradict", "observed"),
        ("- U- (declared) @Ines answers_at_night: wrote at 23:40", "contradict", "declared"),
        ("- U-(declared) @Ines answers_at_night: wrote at 23:40", "contradict", "declared"),
        ("- U(declared)- @Ines answers_at_night: wrote at 23:40", "contradict", "declared"),
        ("- U(against, declared) @Ines answers_at_night: wrote at 23:40", "contradict", "declared"),
        ("* **U(observed)** @Ines answers_at_night: wrote at 23:40", "support", "observed"),
        ("- **U @Ines answers_at_night:** wrote at 23:40", "support", "observed"),
        ("1. U @Ines: answers_at_night: wrote at 23:40", "support", "observed"),
        ("U[Ines]: answers_at_night: wrote at 23:40", "support", "observed"),
        ("- U（declared） @Ines answers_at_night： wrote at 23:40", "support", "declared"),
        ("- U @Ines answers at night: wrote at 23:40", "support", "observed"),
        ("- U @Ines Answers-At-Night: wrote at 23:40", "support", "observed"),
        ("- U\u2212 @Ines answers_at_night: wrote at 23:40", "contradict", "observed"),
    ],
)
def test_every_spelling_of_one_tag_says_the_same(line, stance, source):
    tag = only(line)
    assert (tag.subject, tag.tag, tag.text) == ("Ines", "answers_at_night", "wrote at 23:40")
    assert (tag.stance, tag.source) == (stance, source)


def test_qualifiers_carry_a_day_and_a_confidence():
    tag = only("- U(declared, c=0.8, 2026-02-01) @Ines answers_at_night: said so")
    assert tag.confidence == 0.8
    assert tag.occurred_on == datetime(2026, 2, 1, tzinfo=UTC)
    assert only("- U @Ines answers_at_night: said so (c=70%)").confidence == pytest.approx(0.7)
    assert only("- U(perhaps, 2026-02-31) @Ines answers_at_night: said so").occurred_on is None


def test_several_people_get_a_tag_each():
    found = parse_line("- U @Ines, @Tomás and @林 walks_to_work: in the rain")
    assert found is not None
    assert [tag.subject for tag in found] == ["Ines", "Tomás", "林"]


def test_without_a_name_the_tag_speaks_of_nobody_in_particular():
    assert only("- U walks_to_work: in the rain").subject == ""


@pytest.mark.parametrize("tag", ["重视数据", "데이터_중시", "बैठक_टालता", "préfère_l_été"])
def test_tags_of_any_script_keep_their_letters(tag):
    assert only(f"- U @Ines {tag}: text").tag == tag


@pytest.mark.parametrize(
    "line",
    [
        "- U turn: no",
        "- U(n=5) of the cases: none",
        "- U[1] see below: none",
        "- U (a friend) came by: yes",
        "- U-turn ahead: no",
        "- U+1F600: a face",
        "- U.S. office: closed",
        "U are great: yes",
        "- `U @Ines answers_at_night: x`",
        "- W @Ines: lives in Porto",
        "- Use answers_at_night: x",
        "U",
        "- U",
        "",
        "- u @Ines answers_at_night: x",
    ],
)
def test_other_text_holds_no_tag(line):
    assert parse_line(line) == ()


@pytest.mark.parametrize(
    "line",
    [
        "- U @Ines",
        "- U(declared): ",
        "- U @Ines walked a long way today",
        "U[Ines] !!!: x",
        "- U @Ines (left) early: x",
    ],
)
def test_a_tag_line_without_a_tag_is_malformed_not_lost(line):
    assert parse_line(line) is None


def test_a_text_gives_its_tags_with_their_lines_and_what_stands_below_them():
    text = """# Tuesday

- U @Ines walks_to_work: in the rain,
  without an umbrella
  - Evidence: shoes wet at nine
  - U- @Ines walks_to_work: took the tram home

```
- U @Ines fenced: template
```
<!-- - U @Ines hidden: comment -->
> - U @Ines quoted: somebody else's words

U(declared) @Ines walks_to_work: "I always walk."
- U @Ines
"""
    parsed = parse_text(text)
    assert [(tag.line, tag.stance, tag.text) for tag in parsed.tags] == [
        (3, "support", "in the rain, without an umbrella shoes wet at nine"),
        (6, "contradict", "took the tram home"),
        (14, "support", '"I always walk."'),
    ]
    assert parsed.malformed == (15,)


@given(st.text(alphabet=st.sampled_from("U-+()[]@*_`:： \t\nab,c=0.9你가") | st.characters(), max_size=200))
def test_no_text_makes_the_parser_raise_or_invent(text):
    plain = "".join(text.split())
    for tag in parse_text(text).tags:
        assert 0 < len(tag.tag) <= LONGEST_TAG
        assert all("".join(word.split()) in plain for word in tag.text.split(" ") if word)
        assert 1 <= tag.line <= text.count("\n") + text.count("\r") + 1


names = st.text(string.ascii_letters, min_size=1, max_size=8)
tags = st.lists(st.text(string.ascii_lowercase, min_size=1, max_size=6), min_size=2, max_size=4).map("_".join)
texts = st.text(string.ascii_letters + " .,!?", max_size=40).map(lambda text: " ".join(text.split()))


@given(name=names, tag=tags, text=texts, against=st.booleans(), declared=st.booleans())
def test_what_is_written_by_the_grammar_is_read_back(name, tag, text, against, declared):
    line = f"- U{'-' if against else ''}{'(declared)' if declared else ''} @{name} {tag}: {text}"
    found = only(line)
    assert (found.subject, found.tag, found.text) == (name, tag, text)
    assert (found.stance == "contradict", found.source == "declared") == (against, declared)


@given(st.text(max_size=100))
def test_the_normal_form_of_a_tag_is_stable(words):
    assert normal_tag(normal_tag(words)) == normal_tag(words)


def test_long_hostile_lines_are_read_in_linear_time():
    for line in (
        "- U @Ines " + "a_" * 50_000 + "!",
        "- U " + " " * 50_000 + "x",
        "- U" + "(" * 50_000,
        "- U @a" + ", @b" * 20_000,
    ):
        parse_line(line)
