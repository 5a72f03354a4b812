from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from memcore.errors import InvalidInputError
from memcore.records import Draft, Query, Record, Scope, content_hash, to_json

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def record(**changes):
    fields = {"id": "r1", "content": "the replica runs in Bergen", "created_at": NOW, "content_hash": "sha256:0"}
    return Record(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"content": ""}, "visible character"),
        ({"content": " \n\t"}, "visible character"),
        ({"content": 7}, "visible character"),
        ({"kind": ""}, "non-empty"),
        ({"namespace": ""}, "non-empty"),
        ({"namespace": " team"}, "outer spaces"),
        ({"confidence": 1.01}, "0..1"),
        ({"confidence": -0.1}, "0..1"),
        ({"provenance": "rumour"}, "provenance"),
        ({"occurred_at": datetime(2026, 1, 1)}, "time zone"),
        ({"content": "half \ud800"}, "surrogate"),
        ({"source": "memory/\udcff.md"}, "surrogate"),
        ({"tags": ["\ud800"]}, "surrogate"),
    ],
)
def test_a_draft_that_cannot_be_stored_says_why(changes, part):
    with pytest.raises(InvalidInputError) as caught:
        Draft(**({"content": "fine"} | changes))
    assert part in caught.value.why
    assert caught.value.cure


def test_a_draft_is_frozen_and_keeps_sequences_as_tuples():
    draft = Draft(content="fine", tags=["a", "b"], entities=["Mina"])
    assert draft.tags == ("a", "b")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        draft.content = "other"


def test_unknown_filters_are_refused():
    with pytest.raises(TypeError):
        Scope(namespace="default")
    with pytest.raises(TypeError):
        Query(text="x", filter={"kind": "fact"})


@pytest.mark.parametrize("limit", [-1, 1.5, "3", None])
def test_a_limit_is_a_whole_number_from_zero(limit):
    with pytest.raises(InvalidInputError):
        Query(text="x", limit=limit)


@pytest.mark.parametrize(
    ("scope", "admitted"),
    [
        (Scope(), True),
        (Scope(namespaces=("default",)), True),
        (Scope(namespaces=("other",)), False),
        (Scope(kinds=("fact",)), True),
        (Scope(kinds=("opinion",)), False),
        (Scope(statuses=()), True),
        (Scope(statuses=("retired",)), False),
        (Scope(ids=("r1",)), True),
        (Scope(ids=("r2",)), False),
        (Scope(agent_id="a"), True),
        (Scope(agent_id="b"), False),
        (Scope(tags=("x", "y")), True),
        (Scope(tags=("x", "z")), False),
        (Scope(entities=("Mina", "Nobody")), True),
        (Scope(entities=("Nobody",)), False),
        (Scope(source="bank/world.md"), True),
        (Scope(source="bank/world.md#L3"), True),
        (Scope(source="bank/world.md#L4"), False),
        (Scope(since=NOW), True),
        (Scope(since=NOW + timedelta(seconds=1)), False),
        (Scope(until=NOW), False),
        (Scope(until=NOW + timedelta(seconds=1)), True),
        (Scope(min_confidence=0.5), True),
        (Scope(min_confidence=0.9), False),
    ],
)
def test_a_scope_admits_exactly_what_it_names(scope, admitted):
    found = record(
        agent_id="a", tags=("x", "y"), entities=("Mina",), source="bank/world.md#L3", confidence=0.6, occurred_at=NOW
    )
    assert scope.admits(found) is admitted


def test_a_record_without_confidence_or_source_passes_and_fails_as_documented():
    assert Scope(min_confidence=0.9).admits(record())
    assert not Scope(source="bank/world.md").admits(record())
    assert Scope(since=NOW).admits(record()), "without occurred_at the time of writing counts"


@given(st.text())
def test_the_content_hash_is_that_of_the_exact_text(text):
    assert content_hash(text) == content_hash(str(text))
    assert content_hash(text + "x") != content_hash(text)
    assert len(content_hash(text)) == len("sha256:") + 64


def test_a_record_becomes_json_ready():
    plain = to_json(record(occurred_at=NOW, tags=("a",), metadata={"when": NOW}))
    assert plain["occurred_at"] == "2026-05-01T00:00:00+00:00"
    assert plain["tags"] == ["a"]
    assert plain["metadata"] == {"when": "2026-05-01T00:00:00+00:00"}
