from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memcore_toolkit.retain import is_retain_heading, needs_tags, parse_confidence, parse_tag

DOCUMENTED = [
    ("- W @Quay: The gate opens at six.", "world", "@Quay: The gate opens at six.", ("Quay",), None),
    ("- B @Ana: I oiled the hinge.", "experience", "@Ana: I oiled the hinge.", ("Ana",), None),
    ("- O(c=0.95) @Ana: Likes rope.", "opinion", "@Ana: Likes rope.", ("Ana",), 0.95),
    ("- S @Quay: Two boats in.", "observation", "@Quay: Two boats in.", ("Quay",), None),
]
TOLERATED = [
    ("O(c=0.95) @Ana: no bullet", "@Ana: no bullet", ("Ana",), 0.95),
    ("- O(c=0.9): no entity", "no entity", (), 0.9),
    ("- O(c=0.9) no entity, no colon", "no entity, no colon", (), 0.9),
    ("- O @Ana: at the end (c=0.85)", "@Ana: at the end", ("Ana",), 0.85),
    ("- O(c:80%) @Ana: percent", "@Ana: percent", ("Ana",), 0.8),
    ("- O(c=0,7) @Ana: decimal comma", "@Ana: decimal comma", ("Ana",), 0.7),
    ("- S[quay]: closed", "quay: closed", ("quay",), None),
    ("- S[quay]：关闭", "quay: 关闭", ("quay",), None),
    ("- **W** @Quay: bold letter", "@Quay: bold letter", ("Quay",), None),
    ("- **W @Quay:** bold head", "@Quay: bold head", ("Quay",), None),
    ("- [W] @Quay: in brackets", "@Quay: in brackets", ("Quay",), None),
    ("* B @Ana: star", "@Ana: star", ("Ana",), None),
    ("12. B @Ana: number", "@Ana: number", ("Ana",), None),
    ("- W @鼓浪屿：冬天有雾。", "@鼓浪屿：冬天有雾。", ("鼓浪屿",), None),
    ("　・W @函館：　霧。", "@函館： 霧。", ("函館",), None),
    ("- O(c=0.8) @민아: 밤에 일한다.", "@민아: 밤에 일한다.", ("민아",), 0.8),
    ("- W @A @B: two of them", "@A @B: two of them", ("A", "B"), None),
    ("- W @A, @B and @C: three", "@A, @B and @C: three", ("A", "B", "C"), None),
    ("- W @통\u200b영: 안개", "@통\u200b영: 안개", ("통영",), None),
]
NO_TAGS = [
    "",
    "W",
    "Will do",
    "- The club wants it back",
    "- `W @Quay:` shows the format",
    "- O-2026-07-02-01: an observation id",
    "- S[link](https://example.org)",
    "B @home in prose",
    "A: yes",
    "- A: yes",
    "- O(c=",
    "mail w@quay.example: no",
]


@pytest.mark.parametrize(("line", "kind", "content", "entities", "confidence"), DOCUMENTED)
def test_the_documented_grammar_is_read(line, kind, content, entities, confidence):
    tag = parse_tag(line)
    assert (tag.kind, tag.content, tag.entities, tag.confidence, tag.problems) == (
        kind,
        content,
        entities,
        confidence,
        (),
    )


@pytest.mark.parametrize(("line", "content", "entities", "confidence"), TOLERATED)
def test_what_agents_really_write_is_read_too(line, content, entities, confidence):
    tag = parse_tag(line)
    assert (tag.content, tag.entities, tag.confidence) == (content, entities, confidence)


@pytest.mark.parametrize("line", NO_TAGS)
def test_prose_and_documentation_are_no_tags(line):
    assert parse_tag(line) is None


@pytest.mark.parametrize("line", ["- W: width", "- B: I did it", "- E: the first run", "- D @Quay: decided"])
def test_a_letter_and_a_colon_are_enough_where_tags_are_expected_only(line):
    assert parse_tag(line) is None
    assert parse_tag(line, trusting=True) is not None


def test_an_unknown_letter_keeps_its_text_as_a_fact():
    tag = parse_tag("- E: the first run failed", trusting=True)
    assert (tag.kind, tag.letter, tag.content, tag.problems) == (
        "fact",
        "E",
        "the first run failed",
        ("unknown-letter",),
    )


def test_the_same_words_about_two_entities_are_two_contents():
    assert parse_tag("- W @A: is closed").content != parse_tag("- W @B: is closed").content


@pytest.mark.parametrize(
    ("text", "value", "problem"),
    [
        ("0.5", 0.5, None),
        ("1", 1.0, None),
        ("95", 0.95, None),
        ("100%", 1.0, None),
        (" 7 % ", 0.07, None),
        ("1.2", 1.0, "confidence-out-of-range"),
        ("-0.1", None, "confidence-out-of-range"),
        ("700", None, "confidence-out-of-range"),
        ("", None, "confidence-unreadable"),
        ("high", None, "confidence-unreadable"),
        ("nan", None, "confidence-unreadable"),
        ("inf", None, "confidence-unreadable"),
    ],
)
def test_a_confidence_is_read_clamped_or_given_up(text, value, problem):
    assert parse_confidence(text) == (value, problem)


@pytest.mark.parametrize(
    "heading",
    [
        "Retain",
        "retain:",
        "Retain (long run)",
        "🧠 Retain",
        "**Retain**",
        "Retain — today",
        "保留",
        "유지",
        "Retenir",
        "保持",
    ],
)
def test_retain_headings_are_known_in_many_languages(heading):
    assert is_retain_heading(heading)


@pytest.mark.parametrize(
    "heading",
    [
        "✅ Decision: RETAIN",
        "Retain or roll back?",
        "Retain Items Processed",
        '"Retain" Section Convention',
        "Retaining wall",
        "保留意见",
        "유지보수 작업",
        "What we retain",
    ],
)
def test_false_friends_are_no_retain_headings(heading):
    assert not is_retain_heading(heading)


def test_foreign_headings_need_a_tag_below_them():
    assert needs_tags("保留")
    assert not needs_tags("Retain")


@given(st.text(alphabet="WBOSE@[](){}=:：.,0159c%*_`- \t\n\u3000\u200bx한字", max_size=60), st.booleans())
def test_no_text_breaks_the_grammar_and_nothing_is_invented(line, trusting):
    tag = parse_tag(line, trusting=trusting)
    if tag:
        assert tag.letter in line
        assert tag.confidence is None or 0 <= tag.confidence <= 1
        left = "".join(line.split()).replace("\u200b", "")
        for part in tag.content.replace("\u200b", "").replace(": ", "\n", 1).split("\n"):
            assert "".join(part.split()) in left
