"""Near-duplicates: copies of a fact meet, different facts never do."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from memcore_toolkit.sameness import near_duplicate, normal_form

COPIES = [
    ("- W @Peter: Likes green tea.", "Peter likes green tea"),
    ("O(c=0.95) @Peter: Prefers short replies", "Peter prefers short replies (2025-11-27)"),
    ("- **Peter** likes `green tea`", "Peter likes green tea (session, 2026-02-06)."),
    ("The server moved to a new rack", "server moved to new rack"),
    ("* An owl sits on the roof", "An owl sits on roof (memory/2025-11-27.md#L12)"),
    ("S[garden]: the beds are full", "garden the beds are full (src: MEMORY.md:29)"),
    ("**O(c=0.6)**: tests are slow (c=0.6)", "tests are slow"),
    ("B: moved to Lyon", "+ moved to Lyon"),
    ("> Anna sings", "# anna SINGS!"),
    ("the plan (see notes/plan.md)", "plan"),
    ("Anna\u2019s car", "Anna's car"),
    ("ＡＢＣ　Company", "abc company"),
    ("- W @지수: 녹차를 좋아한다.", "지수 녹차를 좋아한다 (세션, 2026-02-06)"),
    ("**小明** 喜欢绿茶。", "小明喜欢绿茶"),
    ("- 猫は元気です。（メモ, 2026-02-06）", "猫は元気です"),
    ("[ ] water the plants", "water the plants"),
]
DIFFERENT = [
    ("Peter likes tea", "Anna likes tea"),
    ("Peter likes tea", "Peter does not like tea"),
    ("Peter beat Anna", "Anna beat Peter"),
    ("the budget is 1.5", "the budget is 15"),
    ("the budget is 1,5", "the budget is 1.5"),
    ("it was -5 outside", "it was 5 outside"),
    ("floors 3-5", "floors 3, 5"),
    ("at 10:30", "at 1030"),
    ("costs $50", "costs €50"),
    ("grew 5%", "grew 5"),
    ("more than > 5", "more than < 5"),
    ("writes C++", "writes C"),
    ("writes C#", "writes C"),
    ("Peter is the lead", "Peter was the lead"),
    ("a flight to Paris", "a flight from Paris"),
    ("Peter likes tea?", "Peter likes tea."),
    ("[x] water the plants", "[ ] water the plants"),
    ("~~Peter likes tea~~", "Peter likes tea"),
    ("- W @Peter: sings", "- W @Anna: sings"),
    ("we met (Berlin, 2025-11-27)", "we met (Paris, 2025-11-27)"),
    ("1. place: Anna", "2. place: Anna"),
    ("Plan A failed", "Plan failed"),
    ("A agreed", "An agreed"),
    ("der Vater sieht den Sohn", "den Vater sieht der Sohn"),
    ("Licht an", "Licht aus"),
    ("Ich komme", "Ich komme nicht"),
    ("il vient", "il ne vient pas"),
    ("schon da", "schön da"),
    ("see [docs](a.example)", "see [docs](b.example)"),
    ("지수는 녹차를 좋아한다", "지수는 녹차를 안 좋아한다"),
    ("지수가 민호를 이겼다", "민호가 지수를 이겼다"),
    ("3월에 이사", "4월에 이사"),
    ("小明喜欢绿茶", "小明不喜欢绿茶"),
    ("小明喜欢绿茶", "小红喜欢绿茶"),
    ("没去东京", "去东京"),
    ("猫が犬を追う", "犬が猫を追う"),
    ("行きます", "行きません"),
    ("会議は3時", "会議は4時"),
    ("😀 today", "😡 today"),
]
NEAR = [
    (
        "After the release Peter moved the whole build cluster to the new rack in Lisbon and documented each step",
        "After the release Peter moved the whole build cluster to the new rack in Lisbon and carefully documented each step",
    )
]
NOT_NEAR_TEMPLATE = "After the big release {0} moved the whole build cluster to {1} new racks in {2} and {3} documented each step with care"

WORDS = "Anna Peter Mina Lisbon tea coffee server likes moves sees to from with no not 3 30 1.5 小明 지수 東京"
words = st.sampled_from(WORDS.split())
sentence = st.lists(words, min_size=1, max_size=8)


@pytest.mark.parametrize(("first", "second"), COPIES)
def test_copies_of_a_fact_meet(first: str, second: str) -> None:
    assert normal_form(first) == normal_form(second)
    assert near_duplicate(first, second)


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_different_facts_never_meet(first: str, second: str) -> None:
    assert normal_form(first) != normal_form(second)
    assert not near_duplicate(first, second)


@pytest.mark.parametrize(("first", "second"), NEAR)
def test_a_longer_copy_is_merged_for_reading(first: str, second: str) -> None:
    assert normal_form(first) != normal_form(second)
    assert near_duplicate(first, second)
    assert near_duplicate(second, first)


@pytest.mark.parametrize(
    "changed",
    [
        ("Anna", "12", "Lisbon", "then"),
        ("Peter", "13", "Lisbon", "then"),
        ("Peter", "12", "Porto", "then"),
        ("Peter", "12", "Lisbon", "never"),
        ("Peter", "12", "Lisbon", "almost"),
        ("Peter", "12", "Lisbon", "then Anna"),
        ("Peter", "12", "Lisbon", "then 4"),
        ("Peter", "12", "Lisbon", "then 다시"),
    ],
)
def test_one_weighty_word_keeps_long_facts_apart(changed: tuple[str, ...]) -> None:
    base = NOT_NEAR_TEMPLATE.format("Peter", "12", "Lisbon", "then")
    assert not near_duplicate(base, NOT_NEAR_TEMPLATE.format(*changed))


def test_empty_texts_are_the_same_only_when_they_are_equal() -> None:
    assert near_duplicate("", " ")
    assert not near_duplicate("!!!", "...")
    assert not near_duplicate("", "tea")


@given(sentence, sentence)
def test_equal_keys_mean_equal_words_in_equal_order(first: list[str], second: list[str]) -> None:
    if normal_form(" ".join(first)) == normal_form(" ".join(second)):
        assert "".join(first) == "".join(second)


@given(sentence, st.integers(0, 7), words)
def test_replacing_one_word_changes_the_key(text: list[str], index: int, word: str) -> None:
    index %= len(text)
    assume(text[index] != word)
    changed = [*text[:index], word, *text[index + 1 :]]
    assert normal_form(" ".join(text)) != normal_form(" ".join(changed))
    assert not near_duplicate(" ".join(text), " ".join(changed))


@given(st.text(max_size=60))
def test_the_key_of_a_key_is_stable_for_any_text(text: str) -> None:
    key = normal_form(text)
    assert key == key.strip()
    assert near_duplicate(text, text)


@given(
    sentence,
    st.sampled_from(
        ["- {}", "* {}", "**{}**", "`{}`", "{} (2026-02-06)", "{} (session, 2026-02-06)", "{}.", "> - {}", "“{}”"]
    ),
)
def test_markup_around_a_fact_does_not_change_its_key(text: list[str], markup: str) -> None:
    assume(not text[0][0].isdigit())
    plain = " ".join(text)
    assert normal_form(markup.format(plain)) == normal_form(plain)


def test_a_megabyte_is_reduced_without_backtracking() -> None:
    for unit in ("a ", "*", "(", "- ", "((2026-02-06) ", "W(c=", "@a ", "1.", "_a", "가"):
        normal_form(unit * (1_000_000 // len(unit)))
