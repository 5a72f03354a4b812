"""A scope as SQL admits exactly what `Scope.admits` admits, whatever text stands in a record or a filter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memcore import Draft, Query, Scope
from memcore.testing.harness import Clock, open_context
from memcore_backends.sqlite import Plugin
from memcore_backends.sqlite.scope import Condition, tables_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORDS = [
    "a",
    "b",
    "A",
    "a b",
    'a"b',
    'x"a',
    "a\\",
    "\\",
    "a\nb",
    "\n",
    "\u2028",
    "a,b",
    ",",
    "",
    "é",
    "e\u0301",
    "%",
    "_",
    "[",
    "]",
    "a\0b",
]
SOURCES = [
    None,
    "",
    "#L1",
    "a.md",
    "a.md#L1",
    "a.md#L12",
    "a.md#",
    "a.md#x#L1",
    "a.md$",
    "a.md!",
    "a",
    "b.md#L1",
    "a.md#L1#",
]
words = st.sampled_from(WORDS)
some = st.lists(words, max_size=2)
times = st.sampled_from(
    [NOON - timedelta(hours=1), NOON, (NOON + timedelta(microseconds=1)).astimezone(timezone(timedelta(hours=9)))]
)
visible = words.filter(lambda word: word and word == word.strip())
drafts = st.builds(
    Draft, content=st.integers(0, 99).map(lambda n: f"lighthouse {n}"), kind=st.sampled_from(["fact", "opinion", "episode", "a_c"]),
    namespace=visible, agent_id=st.none() | words, tags=some, entities=some, source=st.sampled_from(SOURCES),
    occurred_at=st.none() | times, confidence=st.sampled_from([None, 0.0, 0.5, 1.0]),
)  # fmt: skip
scopes = st.builds(
    Scope, namespaces=st.lists(visible, max_size=2), kinds=st.lists(st.sampled_from(["fact", "episode", "a_c", "x"]), max_size=2),
    statuses=st.lists(st.sampled_from(["active", "retired", "archived"]), max_size=2), agent_id=st.none() | words, tags=some,
    entities=some, source=st.sampled_from([*SOURCES, "a.m", "a.md#L"]), since=st.none() | times, until=st.none() | times,
    min_confidence=st.sampled_from([None, 0.0, 0.5, 1.0]),
)  # fmt: skip


@pytest.fixture(scope="module")
def memory(tmp_path_factory):
    context = open_context(tmp_path_factory.mktemp("scope"), Plugin, clock=Clock(NOON))
    yield Plugin().memcore_backend().open(context)
    context.workspace.close()


def held(store) -> list:
    return store.scan(Scope(statuses=()), limit=10_000).records


@settings(max_examples=100)
@given(batch=st.lists(drafts, max_size=6), gone=st.integers(0, 5), scopes=st.lists(scopes, min_size=1, max_size=8))
def test_scan_and_search_give_what_the_definition_says(memory, batch, gone, scopes):
    store = memory
    stored = store.put(batch)
    store.retire([item.record.id for item in stored[:gone]], reason="a test")
    records = held(store)
    for scope in scopes:
        admitted = {record.id for record in records if scope.admits(record)}
        assert {record.id for record in store.scan(scope, limit=10_000).records} == admitted
        found = store.search(Query(text="lighthouse", scope=scope, limit=10_000))
        assert {hit.record.id for hit in found} == admitted
        ids = tuple(record.id for record in records[:3])
        narrow = Scope(ids=(*ids, "no-such-id", "\ud800"), statuses=())
        assert {hit.record.id for hit in store.search(Query(text="lighthouse", scope=narrow))} == set(ids)


@pytest.mark.parametrize(
    "scope",
    [
        Scope(namespaces=("\ud800",)),
        Scope(kinds=("\ud800", "\udfff")),
        Scope(tags=("\ud800",)),
        Scope(entities=("\ud800",)),
        Scope(agent_id="\ud800"),
        Scope(source="\ud800"),
        Scope(source="\ud800#L1"),
        Scope(ids=("\ud800",)),
    ],
    ids=lambda scope: ascii(scope)[:60],
)
def test_a_filter_that_no_text_can_meet_admits_nothing(memory, scope):
    memory.put([Draft(content="lighthouse", tags=("a",), entities=("a",), agent_id="a", source="a.md#L1")])
    assert memory.scan(scope).records == []
    assert memory.search(Query(text="lighthouse", scope=scope)) == []


def test_times_beyond_the_calendar_sort_before_and_behind_everything(memory):
    memory.put([Draft(content="lighthouse")])
    everything = len(memory.scan(Scope(), limit=10_000).records)
    dawn = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=9)))
    dusk = datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-9)))
    assert len(memory.scan(Scope(since=dawn, until=dusk), limit=10_000).records) == everything > 0
    assert memory.scan(Scope(since=dusk)).records == memory.scan(Scope(until=dawn)).records == []


def test_only_the_tables_that_can_hold_a_kind_are_read():
    assert [table.name for table in tables_of(Scope())] == ["curated", "episodes"]
    assert [table.name for table in tables_of(Scope(kinds=("fact", "episode")))] == ["curated", "episodes"]
    assert [table.name for table in tables_of(Scope(kinds=("fact", "opinion")))] == ["curated"]
    assert [table.name for table in tables_of(Scope(kinds=("episode",)))] == ["episodes"]


def test_thousands_of_ids_are_one_value():
    condition = Condition(Scope(ids=[f"m{number}" for number in range(50_000)]))
    assert condition.sql.count("?") == len(condition.values) == 2
