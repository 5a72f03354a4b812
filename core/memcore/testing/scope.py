"""Every filter of a scope, in every call that takes one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memcore.contracts import Capability
from memcore.records import Query, Record, Scope
from memcore.testing.harness import Harness, Store, since

__all__ = ["QUIET", "ScopeTests"]

QUIET = settings(
    derandomize=True, database=None, deadline=None, print_blob=False, suppress_health_check=list(HealthCheck)
)  # fmt: skip
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EARLIER = NOON - timedelta(seconds=1)
FILTERS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "namespaces": ({}, {}, {}),
    "kinds": ({"kind": "experience"}, {"kind": "opinion"}, {"kinds": ("experience", "world")}),
    "statuses": ({}, {}, {"statuses": ("active",)}),
    "ids": ({}, {}, {}),
    "agent_id": ({"agent_id": "ada"}, {"agent_id": "bob"}, {"agent_id": "ada"}),
    "agent_id-missing": ({"agent_id": "ada"}, {}, {"agent_id": "ada"}),
    "tags-all": ({"tags": ("x", "sea", "dusk")}, {"tags": ("sea",)}, {"tags": ("dusk", "sea")}),
    "entities-any": ({"entities": ("Mina",)}, {"entities": ("Jonas",)}, {"entities": ("Mina", "Teo")}),
    "source": ({"source": "bank/a.md#L3"}, {"source": "bank/a.md.bak#L3"}, {"source": "bank/a.md"}),
    "source-line": ({"source": "bank/a.md#L3"}, {"source": "bank/a.md#L31"}, {"source": "bank/a.md#L3"}),
    "since": ({"occurred_at": NOON}, {"occurred_at": EARLIER}, {"since": NOON}),
    "until": ({"occurred_at": EARLIER}, {"occurred_at": NOON}, {"until": NOON}),
    "min_confidence": ({"confidence": 0.5}, {"confidence": 0.49}, {"min_confidence": 0.5}),
    "min_confidence-unsaid": ({}, {"confidence": 0.1}, {"min_confidence": 0.5}),
}
"""Filter -> fields of a record inside, fields of one outside, and the limits that part them (`_pair` fills in ids)."""

filters = pytest.mark.parametrize("name", FILTERS)


def _pair(store: Store, name: str) -> tuple[Record, Record, Scope, Scope]:
    """Store one record inside and one outside; return them with a scope that holds both and the one that parts them."""
    inside_fields, outside_fields, limits = FILTERS[name]
    spaces = (store.namespace, store.namespace + "-other")
    if name == "namespaces":
        outside_fields, limits = {"namespace": spaces[1]}, {"namespaces": spaces[:1]}
    inside = store.keep("The lighthouse counts ships to the north.", **inside_fields)
    outside = store.keep("The lighthouse counts ships to the south.", **outside_fields)
    if name == "ids":
        limits = {"ids": (inside.id, "no-such-id")}
    if name == "statuses":
        store.backend.retire([outside.id], reason="no longer true")
    both: dict[str, Any] = {"namespaces": spaces, "statuses": ()}
    return inside, outside, Scope(**both), Scope(**{**both, **limits})


@since(1)
class ScopeTests(Harness):
    """What a scope promises: nothing outside of it comes back, everything inside can."""

    @filters
    def test_search_honours_the_scope(self, store: Store, name: str) -> None:
        """A search gives nothing from outside of its scope, in every arm it has (words, vectors, fallbacks).

        If this fails, check the filter in the test's name: is it applied to the hits of each arm, before the limit?
        """
        inside, outside, both, scope = _pair(store, name)
        assert set(store.found("lighthouse", scope=both)) == {inside.id, outside.id}
        assert store.found("lighthouse", scope=scope) == [inside.id]

    @filters
    def test_scan_honours_the_scope(self, store: Store, name: str) -> None:
        """A scan gives what lies in its scope and nothing else.

        If this fails, check the filter in the test's name; `Scope.admits` is the definition.
        """
        inside, outside, both, scope = _pair(store, name)
        assert set(store.listed(both)) == {inside.id, outside.id}
        assert store.listed(scope) == [inside.id]

    @pytest.mark.parametrize("name", [name for name in FILTERS if name != "statuses"])
    def test_purge_honours_the_scope(self, store: Store, name: str) -> None:
        """A purge removes what lies in its scope, and leaves everything else.

        If this fails, check the filter in the test's name at once: an ignored filter deletes other people's memory.
        """
        self.need(store, Capability.PURGE)
        inside, outside, both, scope = _pair(store, name)
        assert len(store.all(both)) == 2
        assert store.full.purge(scope) == 1
        assert store.get(inside.id, outside.id) == [outside]

    def test_several_values_widen_and_several_filters_narrow(self, store: Store) -> None:
        """Values of one filter are alternatives; different filters must all hold.

        If this fails, check how the conditions are joined: OR inside a filter, AND between filters.
        """
        one = store.keep("lighthouse one", kind="experience", agent_id="ada")
        two = store.keep("lighthouse two", kind="opinion", agent_id="ada")
        three = store.keep("lighthouse three", kind="opinion", agent_id="bob")
        wide = store.scope(kinds=("experience", "opinion"))
        assert set(store.found("lighthouse", scope=wide)) == {one.id, two.id, three.id}
        narrow = store.scope(kinds=("opinion",), agent_id="ada")
        assert store.found("lighthouse", scope=narrow) == [two.id]
        assert store.listed(narrow) == [two.id]

    def test_an_empty_scope_sets_no_limit(self, store: Store) -> None:
        """A scope without limits means all active records of all namespaces.

        If this fails, check that an empty tuple is not taken for "nothing".
        """
        mine = store.keep("lighthouse here", kind="opinion").id
        theirs = store.keep("lighthouse there", namespace=store.namespace + "-other").id
        assert {mine, theirs} <= set(store.listed(Scope()))
        assert {mine, theirs} <= set(store.found("lighthouse", scope=Scope()))

    def test_names_are_compared_exactly(self, store: Store) -> None:
        """A name in a filter is text, not a pattern: other case, prefixes and wildcards do not match.

        If this fails, check LIKE, GLOB, case-insensitive columns, and lists stored as one joined text.
        """
        names = ("a_c", "A_C", "abc", "a_c ", "a_c-2", "a%", "x a_c", "a_c'", "*", "a_c,b", '"a_c"')
        for name in names:
            store.keep(f"lighthouse {name}", kind=name, agent_id=name, tags=(name,), entities=(name,))
        assert len(store.find("lighthouse")) == len(names)
        for name in names:
            for limits in ({"kinds": (name,)}, {"agent_id": name}, {"tags": (name,)}, {"entities": (name,)}):
                scope = store.scope(**limits)
                assert [record.content for record in store.all(scope)] == [f"lighthouse {name}"], limits
                assert [record.content for record in store.find("lighthouse", scope=scope)] == [f"lighthouse {name}"], (
                    limits
                )

    def test_times_are_compared_as_instants(self, store: Store) -> None:
        """A time in another zone is the same instant, in the record and in the filter.

        If this fails, check times that are stored or compared as local text; convert to UTC first.
        """
        seoul = timezone(timedelta(hours=9))
        early = store.keep("lighthouse early", occurred_at=datetime(2026, 3, 1, 20, 59, tzinfo=seoul))
        late = store.keep("lighthouse late", occurred_at=datetime(2026, 3, 1, 21, 0, tzinfo=seoul))
        assert len(store.find("lighthouse")) == 2
        for noon in (NOON, NOON.astimezone(seoul), NOON.astimezone(timezone(timedelta(hours=-8)))):
            assert store.listed(store.scope(since=noon)) == [late.id]
            assert store.found("lighthouse", scope=store.scope(until=noon)) == [early.id]

    def test_a_record_without_its_own_time_counts_from_its_writing(self, store: Store) -> None:
        """Without occurred_at, since and until look at created_at.

        If this fails, check that a missing occurred_at neither excludes nor admits a record everywhere.
        """
        record = store.keep("lighthouse without a date")
        after = record.created_at + timedelta(seconds=1)
        assert store.found("lighthouse", scope=store.scope(since=record.created_at)) == [record.id]
        assert store.listed(store.scope(until=after)) == [record.id]
        assert store.find("lighthouse", scope=store.scope(since=after)) == []
        assert store.all(store.scope(until=record.created_at)) == []

    def test_any_scope_gives_what_the_definition_says(self, store: Store) -> None:
        """For any combination of filters, scan gives exactly the records that `Scope.admits`, and search nothing else.

        If this fails, read the shrunk scope in the message and compare your condition with `Scope.admits`.
        """
        records = _zoo(store)
        assert len(records) == 12

        @settings(QUIET, max_examples=60)
        @given(_scopes(store.namespace))
        def check(scope: Scope) -> None:
            admitted = {record.id for record in records if scope.admits(record)}
            assert set(store.listed(scope)) == admitted
            assert set(store.found("lighthouse", scope=scope)) == admitted

        check()

    def test_unknown_filters_and_keywords_are_refused(self, store: Store) -> None:
        """A misspelt filter or keyword is an error, never ignored.

        If this fails, check for `**kwargs` in your methods: a filter that is dropped in silence shows too much.
        """
        store.keep("lighthouse")
        query = Query(text="lighthouse", scope=store.scope(), now=store.clock())
        assert store.backend.search(query)
        assert store.backend.scan(store.scope()).records
        misspelt: list[Callable[[], object]] = [
            lambda: Scope(namespace="typo"),  # type: ignore[call-arg]
            lambda: Query(text="x", top_k=3),  # type: ignore[call-arg]
            lambda: store.backend.search(query, top_k=3),  # type: ignore[call-arg]
            lambda: store.backend.scan(store.scope(), page_size=3),  # type: ignore[call-arg]
            lambda: store.backend.retire([], reason="x", because="y"),  # type: ignore[call-arg]
        ]
        for call in misspelt:
            with pytest.raises(TypeError):
                call()


def _zoo(store: Store) -> list[Record]:
    """Store records that differ in every field a scope looks at."""
    for number in range(12):
        kept = store.keep(
            f"lighthouse {number}",
            namespace=store.namespace + ("-other" if number % 4 == 3 else ""),
            kind=("experience", "opinion", "fact")[number % 3],
            agent_id=(None, "ada", "bob")[number % 3],
            tags=(("sea",), ("sea", "dusk"), ())[number // 2 % 3],
            entities=((), ("Mina",), ("Mina", "Jonas"))[number // 3 % 3],
            source=(None, "bank/a.md#L3", "bank/a.md", "bank/b.md")[number // 2 % 4],
            occurred_at=NOON + timedelta(hours=number - 6),
            confidence=(None, 0.2, 0.8)[number % 3],
        )
        if number % 5 == 4:
            store.backend.retire([kept.id], reason="no longer true")
    return store.all(Scope(namespaces=(store.namespace, store.namespace + "-other"), statuses=()))


def _scopes(namespace: str) -> st.SearchStrategy[Scope]:
    def some(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
        return st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple)

    times = st.none() | st.integers(-7, 7).map(lambda hours: NOON + timedelta(hours=hours))
    spaces = st.sampled_from([(namespace,), (namespace + "-other",), (namespace, namespace + "-other")])
    return st.builds(
        Scope, namespaces=spaces, kinds=some("experience", "opinion", "other"), statuses=some("active", "retired"),
        agent_id=st.sampled_from([None, "ada", "bob"]), tags=some("sea", "dusk"), entities=some("Mina", "Jonas", "Teo"),
        source=st.sampled_from([None, "bank/a.md", "bank/a.md#L3", "bank"]), since=times, until=times,
        min_confidence=st.sampled_from([None, 0.2, 0.5]),
    )  # fmt: skip
