"""What a search must find, and what it may be asked."""

from __future__ import annotations

import pytest

from memcore.contracts import Capability
from memcore.records import Query
from memcore.testing.harness import Harness, Store, since
from memcore.testing.text import HOSTILE

__all__ = ["QuestionTests"]

CJK_WORDS = {
    "chinese-traditional": ("她在工作上撞牆之後決定休息一個月。", "撞牆", "他喜歡在公園散步。"),
    "chinese-simplified": ("我们决定把服务器迁移到新加坡。", "迁移", "她每天喝三杯咖啡。"),
    "chinese-one-character": ("鄰居養了一隻貓。", "貓", "他喜歡在公園散步。"),
    "japanese-kanji": ("抹茶の注文は金曜日に届く。", "抹茶", "会議は来週に延期された。"),
    "japanese-katakana": ("誕生日のケーキを予約した。", "ケーキ", "会議は来週に延期された。"),
    "japanese-question": ("会議は来週に延期された。", "会議はいつですか？", "誕生日のケーキを予約した。"),
    "korean-glued-particle": ("회의는 부산에서 열린다.", "부산", "고양이가 창가에서 잔다."),
    "korean-object": ("우리는 기억을 파일에 저장한다.", "기억", "고양이가 창가에서 잔다."),
    "korean-latin-glued": ("기록은 SQLite로 옮겼다.", "SQLite", "고양이가 창가에서 잔다."),
    "mixed-with-latin": ("部署用的是Docker容器。", "docker", "她每天喝三杯咖啡。"),
}
"""Name -> a memory, what is asked, and a memory that does not answer."""

QUERIES = {
    "nothing": (
        "",
        " ",
        "\t\n",
        "?",
        "!!! ...",
        "。",
        "？！",
        "//",
        "@",
        "#",
        "\\",
        "\u200b",
        "\ufeff",
        "\0",
        "\u0301",
        "👍",
    ),
    "quotes": ('"', "''", '"""', '"ferry', 'ferry"', "'; DROP TABLE curated", "x = 1; --", "`ferry`", "a\0b"),
    "brackets": ("(", ")", "((", "()", "[", "{", "ferry AND (harbour OR", "(" * 500, "{content} : ferry"),
    "words-of-a-language": ("a AND", "OR", "NOT", "NEAR", "AND OR NOT", "NEAR(a b, 2)", "ferry NOT harbour"),
    "columns": ("col:val", "content:ferry", "content : ferry", "a:b:c", "rowid:1", "$1", "\\u0000"),
    "signs": ("-ferry", "+ferry", "^ferry", "ferry*", "***", "%", "_", "%%%", "~1"),
    "names-with-signs": ("C++", "C#", ".NET", "v2.1", "bge-m3", "user@host", "a/b/c.md#L3"),
    "numbers": ("0", "-1", "1e999", "007", "9" * 400),
    "short": ("a", "é", "한", "の", "貓", "ㅋ"),
    "long": ("a" * 5000, "word " * 2000, "潮" * 5000, "? " * 2000),
}
"""Queries that look like operators of a query language, or like nothing at all."""


@since(1)
class QuestionTests(Harness):
    """What people ask, and how."""

    def test_a_text_is_found_by_a_part_of_it(self, store: Store) -> None:
        """A word copied from a memory finds that memory and no other. Every backend can do this.

        If this fails, check that a record is searchable as soon as put has returned.
        """
        wanted = store.keep("The ferry leaves the harbour at nine.")
        store.keep("The bakery opens at six.")
        assert store.found("harbour")[0] == wanted.id
        if Capability.VECTOR_SEARCH not in store.backend.capabilities:
            assert len(store.find("harbour")) == 1
            assert store.find("xylophone") == []

    @pytest.mark.parametrize("name", QUERIES)
    def test_any_text_is_a_legal_query(self, store: Store, name: str) -> None:
        """A query is text, never an expression: nothing in it can cause an error, leave the scope or pass the limit.

        If this fails, check that each word is quoted before it goes into a query language.
        """
        store.put("The ferry leaves the harbour at nine.", "We wrote it in C++ and C#.")
        store.keep("a ferry of someone else, 0 C++ é 한 の 潮 %", namespace=store.namespace + "-other")
        assert store.find("ferry")
        for query in QUERIES[name]:
            assert {record.namespace for record in store.find(query)} <= {store.namespace}, query
            assert len(store.find(query, limit=1)) <= 1, query

    def test_a_stored_text_is_a_legal_query(self, store: Store) -> None:
        """The text of any memory can be asked for as it stands.

        If this fails, check limits of your query language: number of terms, depth, characters.
        """
        kept = store.keep("The ferry leaves the harbour at nine.")
        assert store.found("ferry") == [kept.id]
        for name, text in HOSTILE.items():
            assert set(store.found(text)) <= {kept.id}, name

    def test_a_question_with_punctuation_finds_its_memory(self, store: Store) -> None:
        """A whole question finds the memory that answers it, although most of its words are not in it.

        If this fails, check that words are joined by OR and ranked: joined by AND, a question finds nothing.
        """
        self.need(store, Capability.TEXT_SEARCH)
        wanted = store.keep("Mina takes the morning ferry to Tongyeong.")
        store.put("The bakery opens at six.", "Jonas repairs bicycles.", "The archive was moved in May.")
        assert store.found("ferry")[0] == wanted.id
        found = store.find("So, which ferry does Mina usually take: the morning one, or (maybe) the late one?")
        assert found
        assert found[0].id == wanted.id

    def test_case_makes_no_difference(self, store: Store) -> None:
        """Capital and small letters find each other.

        If this fails, check that text and query are folded in the same way.
        """
        self.need(store, Capability.TEXT_SEARCH)
        wanted = store.keep("The FERRY to Tongyeong.")
        store.keep("The bakery opens at six.")
        for query in ("FERRY", "ferry", "TONGYEONG", "tongyeong"):
            assert store.found(query)[:1] == [wanted.id], query

    def test_more_matching_words_rank_first(self, store: Store) -> None:
        """The memory that has all words of a query precedes those that have one.

        If this fails, check the direction of the ranking.
        """
        self.need(store, Capability.TEXT_SEARCH)
        store.put("The ferry was repainted.", "The bridge is closed in winter.")
        wanted = store.keep("The ferry does not run in winter.")
        store.put("The ferry was sold.", "A quiet winter.")
        found = store.find("ferry winter")
        assert len(found) >= 5
        assert found[0].id == wanted.id

    @pytest.mark.parametrize("name", CJK_WORDS)
    def test_a_cjk_word_finds_its_memory(self, store: Store, name: str) -> None:
        """A word of a language written without spaces, or with glued particles, finds the sentence it stands in.

        If this fails, check the tokenizer: index such text as characters and pairs, or segment text and query alike.
        """
        self.need(store, Capability.TEXT_SEARCH)
        sentence, asked, other = CJK_WORDS[name]
        wanted = store.keep(sentence)
        store.put(other, "The ferry leaves at nine.")
        assert store.found(sentence)[0] == wanted.id
        found = store.find(asked)
        assert found
        assert found[0].id == wanted.id

    def test_a_word_among_operators_is_still_found(self, store: Store) -> None:
        """Signs around a word do not hide it.

        If this fails, check that signs are cut off or quoted, and that a syntax error is not answered by an empty list.
        """
        self.need(store, Capability.TEXT_SEARCH)
        wanted = store.keep("The ferry leaves at nine.")
        store.keep("The bakery opens at six.")
        for query in ("ferry", '"ferry" AND (nonsense', "ferry*", "content:ferry", "NEAR(ferry x)", "'ferry';"):
            assert store.found(query)[:1] == [wanted.id], query

    def test_a_search_changes_nothing(self, store: Store) -> None:
        """Asking does not write: records are the same before and after, and so is the next answer.

        If this fails, check counters and "last seen" stamps; they do not belong into records.
        """
        kept = [item.record for item in store.put("The ferry leaves at nine.", "The ferry was sold.")]
        first = store.backend.search(Query(text="ferry", scope=store.scope(), now=store.clock()))
        assert len(first) == 2
        assert store.backend.search(Query(text="ferry", scope=store.scope(), now=store.clock())) == first
        assert store.get(*(record.id for record in kept)) == kept
