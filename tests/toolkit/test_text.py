"""Terms: what is indexed, what is asked, and that SQLite sees exactly the terms we made."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memcore_toolkit.text import LONGEST_TERM, estimate_tokens, fold, fts_query, index_terms, index_text, query_terms

anything = st.text(max_size=60)
multilingual = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(
            "aZ09 -_.@'+#,\u2019\u2010éÉßıİøŁ한글ᄒ가のガカ\u3099漢字々〇ー・\u0301\u093f\u094dनไท\u0e34１Ａﾊﾟ\u200d\ufe0f🙂\x00\x01\x02"
        ),
        st.characters(min_codepoint=0x10000, max_codepoint=0x323AF, exclude_categories=["Cs"]),
    ),
    max_size=40,
)


@pytest.fixture(scope="module")
def fts() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE raw USING fts5(body, tokenize = 'unicode61 remove_diacritics 0')")
    connection.execute("CREATE VIRTUAL TABLE raw_terms USING fts5vocab(raw, instance)")
    connection.execute(
        "CREATE VIRTUAL TABLE stemmed USING fts5(body, tokenize = 'porter unicode61 remove_diacritics 0')"
    )
    yield connection
    connection.close()


def sqlite_tokens(connection: sqlite3.Connection, text: str) -> list[str]:
    connection.execute("DELETE FROM raw")
    connection.execute("INSERT INTO raw (rowid, body) VALUES (1, ?)", (text,))
    return [row[0] for row in connection.execute('SELECT term FROM raw_terms ORDER BY "offset"')]


def finds(connection: sqlite3.Connection, question: str, memory: str) -> bool:
    connection.execute("DELETE FROM stemmed")
    connection.execute("INSERT INTO stemmed (rowid, body) VALUES (1, ?)", (index_text(memory),))
    rows = connection.execute("SELECT rowid FROM stemmed WHERE stemmed MATCH ?", (fts_query(query_terms(question)),))
    return rows.fetchone() is not None


class TestFold:
    @pytest.mark.parametrize(
        ("text", "folded"),
        [
            ("Café", "cafe"),
            ("Łódź", "lodz"),
            ("STRASSE", "strasse"),
            ("Straße", "strasse"),
            ("İstanbul", "istanbul"),
            ("Ἀθῆναι", "αθηναι"),
            ("Ёлка", "елка"),
            ("ＡＢＣ１２３", "abc123"),
            ("ﾊﾟｿｺﾝ", "パソコン"),
            ("ガ", "ガ"),
            ("カ\u3099", "ガ"),
            ("한글", "한글"),
            (unicodedata.normalize("NFD", "한글"), "한글"),
            ("हिन्दी", "हिन्दी"),
            ("zero\u200bwidth\ufeff", "zerowidth"),
        ],
    )
    def test_width_case_and_latin_diacritics_go_and_other_marks_stay(self, text: str, folded: str) -> None:
        assert fold(text) == folded

    @given(multilingual)
    def test_folding_twice_changes_nothing(self, text: str) -> None:
        assert fold(fold(text)) == fold(text)


class TestIndexTerms:
    @pytest.mark.parametrize(
        ("text", "terms"),
        [
            ("SQLite로", ["sqlite", "로"]),
            ("가치관이", ["가", "치", "관", "이", "가치", "치관", "관이"]),
            ("重跑gen-itgc后", ["重", "跑", "重跑", "gen", "itgc", "genitgc", "后"]),
            ("成语、接龙", ["成", "语", "成语", "接", "龙", "接龙"]),
            ("bge-m3", ["bge", "m3", "bgem3"]),
            ("foo_bar", ["foo", "bar", "foobar"]),
            ("C++, C# and F#", ["c", "cpp", "c", "csharp", "and", "f", "fsharp"]),
            ("node.js", ["node", "js", "nodejs"]),
            ("user@host", ["user", "host", "userhost"]),
            ("Peter\u2019s", ["peter"]),
            ("don't", ["dont"]),
            ("O'Brien", ["o", "brien", "obrien"]),
            ("1,000,000 won", ["1000000", "won"]),
            ("#hash issue#7", ["hash", "issue", "7"]),
            ("well... no--yes", ["well", "no", "yes"]),
            ("", []),
            ("?! — …", []),
        ],
    )
    def test_words_compounds_and_unspaced_runs(self, text: str, terms: list[str]) -> None:
        assert index_terms(text) == terms

    def test_a_dotted_version_has_a_whole_form_that_an_undotted_one_lacks(self) -> None:
        whole = index_terms("v2.1")[-1]
        assert index_terms("v2.1")[:2] == ["v2", "1"]
        assert whole not in index_terms("v21")
        assert whole in index_terms("release V2.1 is out")

    def test_vowel_signs_do_not_cut_an_indic_word(self) -> None:
        assert len(index_terms("हिन्दी भाषा")) == 2

    def test_long_words_are_cut_to_the_longest_term(self) -> None:
        assert index_terms("x" * 70_000) == ["x" * LONGEST_TERM]

    @given(st.one_of(anything, multilingual))
    def test_sqlite_sees_exactly_the_terms_we_made(self, fts: sqlite3.Connection, text: str) -> None:
        terms = index_terms(text)
        assert sqlite_tokens(fts, " ".join(terms)) == terms
        assert index_text(text) == " ".join(terms)

    def test_every_character_of_unicode_survives_sqlite(self, fts: sqlite3.Connection) -> None:
        everything = [chr(code) for code in range(0x33480) if not 0xD800 <= code < 0xE000]
        for start in range(0, len(everything), 2000):
            terms = index_terms(" ".join(f"a{character}b" for character in everything[start : start + 2000]))
            assert sqlite_tokens(fts, " ".join(terms)) == terms

    def test_a_megabyte_without_a_space_is_cut_like_any_other_text(self) -> None:
        for unit in ("a", "a-", "a'", "1,000", "_", "+", "가", "#c++"):
            assert len(index_terms(unit * (1_000_000 // len(unit)))) <= 2_000_000


class TestQueryTerms:
    @pytest.mark.parametrize(
        ("question", "terms"),
        [
            ("When did we move to Lisbon?", ["move", "lisbon"]),
            ("What did Will do in May?", ["will", "may"]),
            ("who are you", ["who", "are", "you"]),
            ("wann war das Treffen mit Anna", ["treffen", "anna"]),
            ("¿Cuándo es el cumpleaños de mi hijo?", ["cumpleanos", "hijo"]),
            ("when did the war end", ["war", "end"]),
            ("my son's birthday", ["son", "birthday"]),
            ("is it C++ or Rust", ["cpp", "rust"]),
            ("tea tea TEA", ["tea"]),
            ("猫の名前は何ですか", ["猫の", "の名", "名前", "猫"]),
            ("什么时候去的东京", ["去的", "的东", "东京", "东", "京"]),
            ("数据库迁移的时间", ["数据", "据库", "库迁", "迁移", "移的", "的时", "时间", "时", "间"]),
            ("책을 어디에 뒀지", ["책을", "책", "뒀지"]),
            ("언제?", ["언", "제", "언제"]),
            ("我们是谁", ["我", "们", "是", "谁", "我们", "们是", "是谁"]),
            ("  ", []),
        ],
    )
    def test_function_words_go_unless_nothing_else_is_there(self, question: str, terms: list[str]) -> None:
        assert query_terms(question) == terms

    @given(st.one_of(anything, multilingual))
    def test_a_question_asks_for_what_its_own_text_is_indexed_under(self, text: str) -> None:
        terms = query_terms(text)
        assert set(terms) <= set(index_terms(text))
        assert len(set(terms)) == len(terms)
        assert bool(terms) == bool(index_terms(text))

    @pytest.mark.parametrize(
        ("question", "memory"),
        [
            ("what are my values? 가치관", "그의 가치관이 바뀌었다"),
            ("SQLite", "지금은 SQLite로 옮겼다"),
            ("しりとり", "昨日しりとりをして遊んだ"),
            ("成語", "她喜歡成語接龍"),
            ("cafe", "We met in the Café"),
            ("bge-m3", "the model is BGE_M3 now"),
            ("C++", "he writes c++17"),
            ("running tests", "the test ran, then it runs again"),
            ('a AND "b" OR (c* NEAR ^d', "a b c d"),
            ("猫", "猫が好きだ"),
            ("他的书讲什么？", "新书写的是海边的故事"),
            ("うちの猫の名前は？", "黒猫だ"),
            ("책을 어디에 뒀지?", "그 책은 반납했다"),
            ("what's the U.S.A. version?", "USA"),
            ("col:val", "a col with a val"),
        ],
    )
    def test_a_question_finds_its_memory(self, fts: sqlite3.Connection, question: str, memory: str) -> None:
        assert finds(fts, question, memory)

    @pytest.mark.parametrize(
        ("question", "memory"), [("v2.1", "see v21"), ("C++", "the C language"), ("gpt-4", "gate 4")]
    )
    def test_a_question_does_not_find_a_lookalike_by_its_whole_form(self, question: str, memory: str) -> None:
        assert query_terms(question)[-1] not in index_terms(memory)


class TestFtsQuery:
    def test_terms_are_quoted_and_joined(self) -> None:
        assert fts_query(["a", 'b"c']) == '"a" OR "b""c"'
        assert fts_query(["a", "b"], any_of=False) == '"a" AND "b"'

    def test_nothing_to_ask_is_an_empty_expression(self) -> None:
        assert fts_query([]) == ""
        assert fts_query(["", "++", " ", "_", '"']) == ""

    @given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=5), st.booleans())
    def test_no_term_is_a_syntax_error(self, fts: sqlite3.Connection, terms: list[str], any_of: bool) -> None:
        expression = fts_query(terms, any_of=any_of)
        if expression:
            fts.execute("SELECT count(*) FROM raw WHERE raw MATCH ?", (expression,)).fetchone()


class TestEstimateTokens:
    @pytest.mark.parametrize(
        ("text", "tokens"), [("", 0), ("a", 1), ("four", 1), ("fiver", 2), ("東京", 2), ("東京 ok", 3), ("한글", 2)]
    )
    def test_a_quarter_per_latin_and_one_per_unspaced_character(self, text: str, tokens: int) -> None:
        assert estimate_tokens(text) == tokens

    @given(multilingual, multilingual)
    def test_more_text_never_costs_less(self, first: str, second: str) -> None:
        assert estimate_tokens(first + second) >= max(estimate_tokens(first), estimate_tokens(second), bool(first))
