"""Search: what is found, in which order, and that the stages which keep it fast change neither."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from memcore import Draft, Query, Scope
from memcore.contracts import Capability
from memcore.testing.harness import Clock, open_context
from memcore_backends.sqlite import Plugin, search, stages
from memcore_backends.sqlite.search import SCORE
from memcore_backends.sqlite.stages import plan
from memcore_toolkit.text import fts_query, query_terms

VOCABULARY = [
    f"{start}{end}"
    for start in ("ka", "lo", "mi", "nu", "re", "so", "ti", "vu")
    for end in ("ba", "de", "fi", "go", "ha")
]


def opened(folder, **settings):
    context = open_context(folder, Plugin, settings=settings, clock=Clock())
    return Plugin().memcore_backend().open(context)


@pytest.fixture
def store(tmp_path):
    store = opened(tmp_path)
    yield store
    store.workspace.close()


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Return a backend with 2,400 records in which word number n stands in about every (n + 2)th."""
    store = opened(tmp_path_factory.mktemp("library"))
    store.put([
        Draft(
            content=" ".join([f"nr{number}", "all", *(word for place, word in enumerate(VOCABULARY) if (number * 7919 + place * 104729) % (place + 2) == 0)]),
            namespace="even" if number % 2 == 0 else f"odd{number}",
            kind="episode" if number % 3 == 0 else "fact",
        )
        for number in range(2400)
    ])  # fmt: skip
    yield store
    store.workspace.close()


@pytest.fixture
def small(monkeypatch):
    """Let the stages begin at a tenth of a percent of their real size."""
    monkeypatch.setattr(stages, "BUDGET", 100)
    monkeypatch.setattr(stages, "FLOOD", 1_000_000)
    monkeypatch.setattr(search, "BUDGET", 100)


def contents(store, text, *, limit=10, **scope) -> list[str]:
    return [hit.record.content for hit in store.search(Query(text=text, scope=Scope(**scope), limit=limit))]


def exhaustive(store, text, where="1", limit=10) -> list[float]:
    """Return the best scores of a search that scores every match."""
    found = []
    for table in ("curated", "episodes"):
        sql = f"SELECT {SCORE} FROM curated_fts JOIN {table} ON seq = curated_fts.rowid WHERE curated_fts MATCH ? AND {where}"
        found += [row[0] for row in store.workspace.connection().execute(sql, (fts_query(query_terms(text)),))]
    return sorted(found, reverse=True)[:limit]


class TestWhatIsFound:
    def test_summary_tags_and_entities_are_searched_too(self, store):
        store.put([
            Draft(content="one", summary="about the ferry"), Draft(content="two", tags=("timetable",)),
            Draft(content="three", entities=("Mina Seo",)), Draft(content="four"),
        ])  # fmt: skip
        assert contents(store, "ferry") == ["one"]
        assert contents(store, "timetables") == ["two"]
        assert contents(store, "Where does Mina live?") == ["three"]

    def test_the_text_counts_more_than_its_summary(self, store):
        filler = [Draft(content=f"filler number {number}") for number in range(20)]
        store.put(
            [
                *filler,
                Draft(content="first other words", summary="ferry"),
                Draft(content="second ferry words", summary="other"),
            ]
        )
        assert contents(store, "ferry") == ["second ferry words", "first other words"]

    def test_words_meet_in_every_inflection(self, store):
        store.put([Draft(content="She was moving to Tongyeong."), Draft(content="The bakery opens at six.")])
        assert contents(store, "Where did she move?") == ["She was moving to Tongyeong."]

    def test_facts_and_turns_are_ranked_together_and_apart(self, store):
        store.put([Draft(content="ferry ferry", kind="episode"), Draft(content="ferry and other words")])
        assert contents(store, "ferry") == ["ferry ferry", "ferry and other words"]
        assert contents(store, "ferry", kinds=("episode",)) == ["ferry ferry"]
        assert contents(store, "ferry", kinds=("fact",)) == ["ferry and other words"]

    def test_scores_are_positive_and_named(self, store):
        store.put([Draft(content="ferry"), Draft(content="bakery")])
        hit = store.search(Query(text="ferry"))[0]
        assert hit.score > 0
        assert hit.strategies == {"text": hit.score}

    def test_equal_records_keep_the_order_of_writing(self, store):
        store.put([Draft(content="ferry", namespace=f"n{number}") for number in range(9)])
        found = store.search(Query(text="ferry", limit=5))
        assert [hit.record.namespace for hit in found] == ["n0", "n1", "n2", "n3", "n4"]

    def test_a_pasted_text_is_a_question(self, library):
        text = " ".join(f"word{number}" for number in range(5000)) + " tiha vuha"
        assert contents(library, "tiha vuha " + text)
        assert contents(library, text) == []

    def test_rare_words_of_a_long_text_decide(self, library, monkeypatch):
        monkeypatch.setattr(search, "MOST_TERMS", 3)
        rare = ["nr8", "nr9", "nr10"]
        assert contents(library, " ".join([*VOCABULARY, *rare])) == contents(library, " ".join(rare))


class TestStages:
    def test_below_the_budget_all_words_are_one_stage(self):
        assert [stage.match for stage in plan([("a", 5), ("b", 7), ("never", 0)], 100)] == ['"a" OR "b"']
        assert plan([("never", 0)], 100) == plan([], 100) == []

    def test_rare_words_choose_and_frequent_words_only_add(self):
        found = plan([("rare", 50), ("often", 30_000)], 100_000)
        assert [stage.match for stage in found] == ['("rare") AND ("often")', '"rare"', '"often"']
        assert found[-1].reach == 0.0
        assert found[1].reach < found[0].reach

    def test_words_of_most_records_are_left_out_beside_rarer_ones(self):
        assert [stage.match for stage in plan([("rare", 50), ("everywhere", 50_001)], 100_000)] == ['"rare"']
        assert len(plan([("everywhere", 50_001)], 100_000)) == 1

    def test_a_flood_of_matches_is_cut_to_the_newest(self):
        (stage,) = plan([("often", 40_000)], 100_000)
        assert stage.share == pytest.approx(stages.FLOOD / 40_000)

    @given(st.lists(st.sampled_from(range(40)), min_size=1, max_size=8, unique=True), st.sampled_from([1, 5, 10, 50]))
    def test_a_staged_search_is_as_good_as_an_exhaustive_one(self, library, places, limit):
        text = " ".join(VOCABULARY[place] for place in places)
        with pytest.MonkeyPatch.context() as patch:
            for module, name, value in ((stages, "BUDGET", 100), (stages, "FLOOD", 10**6), (search, "BUDGET", 100)):
                patch.setattr(module, name, value)
            patch.setattr(stages, "DEVIATIONS", 100.0)  # the strict bound: then nothing may be missed
            patch.setattr(stages, "REACH", 2.2)
            hits = library.search(Query(text=text, limit=limit))
        best = exhaustive(library, text, limit=limit)
        weightless = 1e-4  # words of every second record are left out, FTS5 gives them a millionth
        assert [hit.score for hit in hits] == pytest.approx(best[: len(hits)], abs=weightless)
        assert len(hits) == len(best) or all(score < weightless for score in best[len(hits) :])

    @pytest.mark.parametrize(
        "scope",
        [
            {"namespaces": ("even",)},
            {"namespaces": ("odd7",)},
            {"kinds": ("episode",)},
            {"kinds": ("fact",), "namespaces": ("even",)},
        ],
    )
    def test_a_scope_is_honoured_in_stages(self, library, small, scope):
        where = " AND ".join(f"{name[:-1]} = '{values[0]}'" for name, values in scope.items())
        for text in ("tiha kade", "kaba kade", "vuha", "all kaba", "all"):
            hits = library.search(Query(text=text, scope=Scope(**scope), limit=5))
            assert all(Scope(**scope).admits(hit.record) for hit in hits)
            assert len(hits) == len(exhaustive(library, text, where, limit=5))

    def test_a_flood_still_fills_the_limit(self, library, monkeypatch):
        monkeypatch.setattr(stages, "BUDGET", 10)
        monkeypatch.setattr(stages, "FLOOD", 10)
        monkeypatch.setattr(search, "BUDGET", 10)
        newest = library.search(Query(text="all", limit=3, scope=Scope(kinds=("fact",))))
        assert len(newest) == 3
        last = library.workspace.connection().execute("SELECT id FROM curated ORDER BY seq DESC LIMIT 100").fetchall()
        assert {hit.record.id for hit in newest} <= {row[0] for row in last}
        assert len(library.search(Query(text="all", limit=9, scope=Scope(namespaces=("odd7",))))) == 1
        assert len(library.search(Query(text="all", limit=2000, scope=Scope(kinds=("fact",))))) == 1600

    def test_every_word_on_most_records_gives_an_answer(self, library, small):
        assert len(contents(library, "all kaba", limit=7)) == 7

    def test_frequencies_are_counted_again_when_the_memory_has_grown(self, tmp_path, monkeypatch):
        monkeypatch.setattr(search, "BUDGET", 5)
        store = opened(tmp_path)
        store.put([Draft(content=f"ferry {number}") for number in range(10)])
        contents(store, "ferry", limit=4)
        assert store._ranker._counted_at == 10
        store.put([Draft(content=f"ferry again {number}") for number in range(100)])
        assert len(contents(store, "ferry again", limit=4)) == 4
        assert store._ranker._counted_at == 110
        store.workspace.close()


class TestWithoutFullText:
    @pytest.fixture
    def bare(self, tmp_path):
        store = opened(tmp_path, full_text=False)
        yield store
        store.workspace.close()

    def test_it_does_not_claim_to_rank_words(self, bare):
        assert Capability.TEXT_SEARCH not in bare.capabilities

    @pytest.mark.parametrize(
        ("memory", "question"),
        [
            ("Mina takes the morning ferry to Tongyeong.", "So, which ferry does Mina usually take: the morning one?"),
            ("We moved the archive in May.", "When are we moving the ARCHIVES?"),
            ("We wrote it in C++.", "C++?"),
            ("It embeds with bge-m3.", "bge-m3"),
            ("She met O'Brien at the Café.", "cafe o'brien"),
            ("她在工作上撞牆之後決定休息一個月。", "什么时候撞牆"),
            ("抹茶の注文は金曜日に届く。", "抹茶はいつ届きますか"),
            ("기록은 SQLite로 옮겼다.", "sqlite"),
            ("회의는 부산에서 열린다.", "부산"),
        ],
    )
    def test_the_same_questions_find_the_same_memories(self, bare, memory, question):
        bare.put([Draft(content=memory), Draft(content="Zwei Vögel zogen fort."), Draft(content="鄰居養了一隻貓。")])
        assert contents(bare, question)[:1] == [memory]

    def test_tags_entities_and_summaries_are_searched_too(self, bare):
        bare.put(
            [
                Draft(content="one", summary="ferry"),
                Draft(content="two", tags=("harbour",)),
                Draft(content="three", entities=("Mina",)),
            ]
        )
        assert [contents(bare, word) for word in ("ferry", "harbour", "mina")] == [["one"], ["two"], ["three"]]

    def test_the_record_with_more_of_the_question_is_first(self, bare):
        bare.put(
            [
                Draft(content="the ferry was sold"),
                Draft(content="the ferry does not run in winter"),
                Draft(content="a quiet winter"),
            ]
        )
        found = contents(bare, "ferry winter")
        assert found[0] == "the ferry does not run in winter"
        assert len(found) == 3

    def test_limits_and_scopes_hold(self, bare):
        bare.put([Draft(content=f"ferry {number}", namespace=f"n{number % 2}") for number in range(6)])
        assert [len(contents(bare, "ferry", limit=limit)) for limit in (0, 1, 10**12)] == [0, 1, 6]
        assert len(contents(bare, "ferry", namespaces=("n1",))) == 3
        assert contents(bare, " ?!") == []

    def test_hits_name_their_strategy(self, bare):
        bare.put([Draft(content="ferry")])
        hit = bare.search(Query(text="ferry"))[0]
        assert hit == evolve(hit, strategies={"substring": hit.score})
