"""The full-text index: its words, its upkeep when it is behind, and that deleted words are gone from the files."""

from __future__ import annotations

import hashlib
import logging
import sqlite3

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from memcore import Draft, Engine, Query, Scope
from memcore.testing.harness import Clock, open_context
from memcore.workspace import Workspace
from memcore_backends.sqlite import Plugin, index, schema
from memcore_backends.sqlite.index import ANALYSIS, VERSION, searchable
from memcore_backends.sqlite.store import SqliteBackend
from memcore_toolkit.text import LONGEST_TERM, index_text

PROBE = (
    "Café NAÏVE Straße ΔΕΛΤΑ Привет İstanbul ﬁve ① bge-m3 C++ C# v2.1 1,000 O'Brien don't user@host foo_bar 2026-11-21 "
    "가치관이 SQLite로 しりとり カメラ ﾊﾝｶｸ 成语接龙 撞牆 ภาษาไทย हिन्दी עברית 👍 \u200b " + "x" * 70
)
PROBED = {"1": "3a4db8f9"}
"""Version -> digest of the terms of the probe. If the terms change, raise `index.VERSION` and add a line."""

ascii_text = st.text(st.sampled_from("aZ9 \n\t.,-'_@+#/:\"()\0*\\~x"), max_size=30)
long_words = st.integers(LONGEST_TERM - 2, 3 * LONGEST_TERM).map(lambda length: "w" * length)
texts = st.lists(ascii_text | long_words | st.text(max_size=12), max_size=6).map(" ".join)


@pytest.fixture
def store(tmp_path):
    store = opened(tmp_path)
    yield store
    store.workspace.close()


def opened(folder, **settings) -> SqliteBackend:
    return Plugin().memcore_backend().open(open_context(folder, Plugin, settings=settings, clock=Clock()))


def reopened(store, **settings) -> SqliteBackend:
    store.workspace.close()
    return opened(store.workspace.path.parent, **settings)


def found(store, text, **scope) -> list[str]:
    return [hit.record.content for hit in store.search(Query(text=text, scope=Scope(**scope)))]


def holding(store, *words: str) -> set[str]:
    """Return the words that stand in any file of the memory."""
    content = b"\0".join(path.read_bytes() for path in sorted(store.workspace.path.parent.rglob("*")) if path.is_file())
    return {word for word in words if word.encode() in content.lower()}


@pytest.fixture(scope="module")
def fts():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5(body, content='', tokenize='unicode61 remove_diacritics 0')")
    connection.execute("CREATE VIRTUAL TABLE v USING fts5vocab(t, instance)")
    yield connection
    connection.close()


class TestWords:
    def tokens(self, fts, value) -> list[str]:
        fts.execute("INSERT INTO t(t) VALUES('delete-all')")
        fts.execute("INSERT INTO t(rowid, body) VALUES(1, ?)", (value,))
        return sorted(row[0] for row in fts.execute("SELECT term FROM v"))

    @given(texts)
    @example("The ferry, of 1,000 seats. It's v2.1; C++ or C#, user@host foo_bar bge-m3 'quoted' end.")
    @example("a" * 65)
    @example("a" * 64 + " " + "b" * 65 + ".")
    @example("x " * 40 + "y" * 66)
    def test_fts5_makes_the_terms_of_the_analysis_from_what_it_is_given(self, fts, text):
        assert self.tokens(fts, searchable(text)) == self.tokens(fts, index_text(text))

    def test_plain_sentences_are_not_analysed(self, monkeypatch):
        monkeypatch.setattr(index, "index_text", lambda text: pytest.fail(f"analysed {text!r}"))
        text = 'The ferry leaves at nine. It costs 12 euros, or (rarely) 15; ask "Mina" first.'
        assert searchable(text) == text

    def test_the_analysis_is_that_of_the_version(self):
        """If this fails, the toolkit cuts text differently: raise index.VERSION, so that old files are indexed again."""
        digest = hashlib.sha256(index_text(PROBE).encode()).hexdigest()
        assert digest.startswith(PROBED[VERSION])


class TestBehind:
    def test_an_index_of_another_version_is_made_again_and_says_so(self, store, caplog):
        store.put([Draft(content="The ferry leaves."), Draft(content="A turn about ferries.", kind="episode")])
        connection = store.workspace.connection()
        connection.execute("INSERT INTO curated_fts(curated_fts) VALUES('delete-all')")
        store.workspace.set_meta(ANALYSIS, "older")
        assert not store.index.fresh()
        with caplog.at_level(logging.WARNING):
            assert sorted(found(store, "ferry")) == ["A turn about ferries.", "The ferry leaves."]
        assert "made again" in caplog.text
        assert "ferry" not in caplog.text
        assert store.index.fresh()
        caplog.clear()
        found(store, "ferry")
        assert caplog.text == ""

    def test_a_write_makes_an_index_of_another_version_again_first(self, store):
        store.put([Draft(content="The ferry leaves.")])
        store.workspace.set_meta(ANALYSIS, "older")
        store.put([Draft(content="The ferry arrives.")])
        assert len(found(store, "ferry")) == 2
        assert store.index.gaps() == (0, 0)

    def test_two_that_find_it_behind_make_it_once(self, store, monkeypatch):
        store.put([Draft(content="The ferry leaves.")])
        seen = iter([False, True])
        monkeypatch.setattr(store.index, "fresh", lambda: next(seen))
        monkeypatch.setattr(store.index, "rebuild", lambda: pytest.fail("made twice"))
        assert store.index.current()

    def test_a_new_file_says_nothing(self, store, caplog):
        store.put([Draft(content="The ferry leaves.")])
        assert caplog.text == ""

    def test_what_was_written_without_full_text_is_indexed_when_it_is_back(self, store):
        store.put([Draft(content="The ferry leaves.")])
        store = reopened(store, full_text=False)
        store.put([Draft(content="The ferry arrives.")])
        assert len(found(store, "ferry")) == 2
        store = reopened(store)
        assert len(found(store, "ferries")) == 2
        assert store.index.gaps() == (0, 0)
        store.workspace.close()

    def test_a_reader_uses_an_old_index_and_reads_rows_when_there_is_none(self, store):
        store.put([Draft(content="The ferry leaves.")])
        store.workspace.set_meta(ANALYSIS, "older")
        for strategy in ("text", "substring"):
            workspace = Workspace(store.workspace.path, read_only=True)
            hits = SqliteBackend(workspace, Clock()).search(Query(text="ferry"))
            assert [list(hit.strategies) for hit in hits] == [[strategy]]
            workspace.close()
            store.workspace.set_meta(ANALYSIS, None)

    def test_a_rebuild_that_is_rolled_back_did_not_happen(self, store):
        store.put([Draft(content="The ferry leaves.")])
        store.workspace.set_meta(ANALYSIS, "older")
        with pytest.raises(ZeroDivisionError), store.workspace.transaction():
            store.put([Draft(content="The ferry arrives.")])
            assert store.index.fresh()
            raise ZeroDivisionError
        assert not store.index.fresh()
        assert found(store, "ferry") == ["The ferry leaves."]

    def test_gaps_are_counted_both_ways(self, store):
        store.put([Draft(content="one"), Draft(content="two", kind="episode")])
        connection = store.workspace.connection()
        connection.execute("DELETE FROM curated")
        connection.execute("INSERT INTO curated_fts(curated_fts, rowid, content) VALUES('delete', -1, 'two')")
        assert store.index.gaps() == (1, 1)
        assert store.index.rebuild() == 1
        assert store.index.gaps() == (0, 0)


class TestWithoutTheModule:
    @pytest.fixture(autouse=True)
    def missing(self, monkeypatch):
        monkeypatch.setattr(schema, "fts5_available", lambda: False)

    def test_a_new_file_works_and_is_indexed_as_soon_as_there_is_fts5(self, tmp_path, monkeypatch):
        store = opened(tmp_path)
        store.put([Draft(content="The ferry leaves."), Draft(content="The bakery opens.")])
        assert found(store, "ferries leaving") == ["The ferry leaves."]
        assert "curated_fts" in store.workspace.tables()
        store.delete([store.scan(Scope()).records[1].id])
        monkeypatch.undo()
        store = reopened(store)
        assert found(store, "ferries") == ["The ferry leaves."]
        assert store.index.gaps() == (0, 0)
        store.workspace.close()

    def test_words_are_deleted_from_an_index_that_cannot_be_opened(self, tmp_path, monkeypatch):
        monkeypatch.undo()
        store = opened(tmp_path)
        ids = [
            stored.record.id
            for stored in store.put([Draft(content="The zwiebelkuchen burned."), Draft(content="It rained.")])
        ]
        assert holding(store, "zwiebelkuchen") == {"zwiebelkuchen"}
        monkeypatch.setattr(schema, "fts5_available", lambda: False)
        store = reopened(store)
        store.delete(ids[:1])
        assert holding(store, "zwiebelkuchen", "zwiebelkuch") == set()
        assert found(store, "rained") == ["It rained."]
        monkeypatch.undo()
        store = reopened(store)
        assert found(store, "raining") == ["It rained."]
        store.workspace.close()


class TestErasing:
    WORDS = ("schwingungen", "pfannkuchenrezepte", "eichhörnchen")
    TOKENS = ("schwingungen", "schwingungen"[:8], "pfannkuchenrezept", "eichhornchen", "eichhornchen"[:9])

    def planted(self, store) -> str:
        store.put([Draft(content=f"entry number {number} about the harbour") for number in range(300)])
        draft = Draft(content="Die Schwingungen der", summary="Pfannkuchenrezepte", tags=("Eichhörnchen",))
        key = store.put([draft])[0].record.id
        assert holding(store, "pfannkuchenrezept", "eichhornchen", "schwingungen") == {
            "pfannkuchenrezept",
            "eichhornchen",
            "schwingungen",
        }
        return key

    def test_neither_text_nor_terms_nor_stems_are_left(self, store):
        key = self.planted(store)
        assert store.delete([key]) == 1
        assert holding(store, *self.WORDS, *self.TOKENS) == set()
        store.workspace.close()
        assert holding(store, *self.WORDS, *self.TOKENS) == set()
        assert holding(store, "harbour") == {"harbour"}

    def test_words_of_an_earlier_summary_go_with_the_record(self, store):
        key = self.planted(store)
        store.update(key, summary="Apfelstrudel", tags=())
        store.retire([key], reason="Zimtsterne")
        store.put([Draft(content="Die Schwingungen der", tags=("Vanillekipferl",))])
        store.delete([key])
        assert holding(store, *self.WORDS, *self.TOKENS, "apfelstrudel", "zimtsterne", "vanillekipferl") == set()

    @pytest.fixture
    def newer(self, monkeypatch):
        """Return what lets the analysis cut one word differently from now on, as a newer Unicode table would."""

        def change(word):
            def changed(text):
                return index_text(text).replace("eichhornchen", word)

            index._analysed.cache_clear()
            monkeypatch.setattr(index, "index_text", changed)

        yield change
        index._analysed.cache_clear()

    @pytest.mark.parametrize("word", ["andereswort", "aus drei worten"])
    def test_words_that_today_would_be_cut_otherwise_are_deleted_too(self, store, newer, word):
        key = self.planted(store)
        newer(word)
        store.delete([key])
        assert holding(store, *self.WORDS, *self.TOKENS) == set()
        assert store.index.gaps() == (0, 0)
        assert len(found(store, "harbour")) == 10

    @pytest.mark.parametrize("word", ["andereswort", "aus drei worten"])
    def test_records_that_today_would_be_cut_otherwise_can_be_updated(self, store, newer, word):
        key = self.planted(store)
        newer(word)
        assert store.update(key, summary="Apfelstrudel").tags == ("Eichhörnchen",)
        assert found(store, "Apfelstrudel") == ["Die Schwingungen der"]
        assert found(store, "Pfannkuchenrezepte") == []
        assert store.index.gaps() == (0, 0)

    def test_a_purge_of_a_namespace_leaves_the_words_of_others(self, store):
        store.put([Draft(content="Die Schwingungen", namespace="a"), Draft(content="Die Schwingungen", namespace="b")])
        store.put([Draft(content="Das Pfannkuchenrezepte", namespace="a", kind="episode")])
        assert store.purge(Scope(namespaces=("a",))) == 2
        assert holding(store, "schwingungen", "pfannkuchenrezept") == {"schwingungen"}
        assert found(store, "Schwingungen", namespaces=("b",)) == ["Die Schwingungen"]

    def test_a_deletion_inside_a_transaction_can_be_undone(self, store):
        key = self.planted(store)
        with pytest.raises(ZeroDivisionError), store.workspace.transaction():
            assert store.delete([key]) == 1
            raise ZeroDivisionError
        assert found(store, "Schwingungen") == ["Die Schwingungen der"]
        assert store.index.gaps() == (0, 0)

    def test_nothing_to_delete_rewrites_nothing(self, store):
        self.planted(store)
        before = store.workspace.connection().total_changes
        assert store.delete(["no-such-id"]) == store.purge(Scope(namespaces=("nobody",))) == 0
        assert store.workspace.connection().total_changes == before

    def test_thousands_are_deleted_at_once(self, store):
        store.put(
            [Draft(content=f"entry {number}", kind="episode" if number % 2 else "fact") for number in range(2500)]
        )
        assert store.purge(Scope()) == 2500
        assert store.scan(Scope(statuses=())).records == found(store, "entry") == []
        assert store.index.gaps() == (0, 0)

    def test_forgetting_through_the_engine_leaves_no_byte(self, tmp_path):
        with Engine.open(home=tmp_path, environ={}, settings={"plugins": "sqlite"}) as engine:
            outcomes = engine.remember(
                [Draft(content="Die Schwingungen", source="a.md#L1"), Draft(content="It rained.")]
            )
            assert holding(engine.backend, "schwingungen") == {"schwingungen"}
            assert engine.forget(Scope(ids=(outcomes[0].record.id,)))["records"] == 1
            assert holding(engine.backend, "schwingungen", "schwingung") == set()
