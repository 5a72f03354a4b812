"""The tables of vectors against a model of them: what is put is found, what is deleted is gone, byte for byte."""

from __future__ import annotations

import math
import sqlite3
from datetime import UTC, datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from memcore import Record
from memcore_plugins.vectors import extension, schema, waiting
from memcore_plugins.vectors.quantise import eight_bit
from memcore_plugins.vectors.shelf import Shelf

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DIMENSION = 12  # no multiple of eight
NAMESPACES = ("home", "work", "lab")
SPEAKERS = ("", "Ana", "Bo")
made = st.lists(st.floats(-1, 1, width=32), min_size=DIMENSION, max_size=DIMENSION).filter(
    lambda v: max(map(abs, v)) > 0.01
)


def record(key, namespace="home", speaker=""):
    metadata = {"speaker": speaker} if speaker else {}
    return Record(
        id=key, content=key, namespace=namespace, metadata=metadata, created_at=NOW, content_hash=f"sha256:{key}"
    )


def opened(path=":memory:"):
    extension.register()
    connection = sqlite3.connect(path, isolation_level=None)
    extension.add_to(connection)
    for step in schema.TABLES:
        step.apply(connection)
    return connection


@pytest.fixture
def connection():
    found = opened()
    yield found
    found.close()


def cosine(one: bytes, other: bytes) -> float:
    a, b = ([value - 256 if value > 127 else value for value in vector] for vector in (one, other))
    return math.fsum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)


class Vectors(RuleBasedStateMachine):
    """Put, replace, delete, roll back and search, in any order, beside a dict."""

    @initialize()
    def begin(self):
        self.connection = opened()
        self.shelf = Shelf.open(self.connection, "model", DIMENSION, NOW)
        self.rows: dict[str, tuple[str, str, bytes]] = {}

    @rule(keys=st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=4), vector=made, data=st.data())
    def put(self, keys, vector, data):
        rows = []
        for number, key in enumerate(keys):
            space, name = data.draw(st.sampled_from(NAMESPACES)), data.draw(st.sampled_from(SPEAKERS))
            stored = eight_bit([value + number / 7 for value in vector] if number else vector)
            rows.append((record(key, space, name), stored))
            self.rows[key] = (space, name, stored)
        self.shelf.put(rows)

    @rule(keys=st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=4))
    def delete(self, keys):
        count = schema.delete(self.connection, keys)
        assert count == sum(self.rows.pop(key, None) is not None for key in keys)

    @rule(key=st.sampled_from("abcdefgh"), vector=made)
    def roll_back_inside_a_transaction(self, key, vector):
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.execute("SAVEPOINT inner")
        self.shelf.put([(record(key), eight_bit(vector))])
        schema.delete(self.connection, ["a", "b"])
        self.connection.execute("ROLLBACK TO inner")
        self.connection.execute("RELEASE inner")
        self.connection.execute("COMMIT")

    @precondition(lambda self: self.rows)
    @rule(vector=made, wanted=st.none() | st.lists(st.sampled_from(NAMESPACES), min_size=1, unique=True))
    def search(self, vector, wanted):
        asked = eight_bit(vector)
        right = {
            key: cosine(stored, asked) for key, (space, _, stored) in self.rows.items() if not wanted or space in wanted
        }
        spaces = self.shelf.spaces(wanted) if wanted else None
        if spaces == []:
            assert not right
            return
        for found in (self.shelf.nearest(asked, 50, spaces), self.shelf.all_of(asked, spaces, 50)):
            assert {key: pytest.approx(value, abs=1e-5) for key, value in found} == right
            assert [value for _, value in found] == sorted((value for _, value in found), reverse=True)
        assert dict(self.shelf.exact(asked, [*right, "unknown"])) == dict(found)
        assert self.shelf.count(spaces, 99) == len(right)

    @invariant()
    def everything_known_is_of_a_record_that_is_there(self):
        if not hasattr(self, "rows"):
            return
        assert self.shelf.having("abcdefgh") == set(self.rows)
        names = {("namespace", space) for space, _, _ in self.rows.values()}
        names |= {("speaker", name) for _, name, _ in self.rows.values() if name}
        assert set(self.connection.execute("SELECT kind, name FROM vec_curated_labels")) == names
        assert self.connection.execute(f"SELECT count(*) FROM vec_curated_bits_{self.shelf.model}").fetchone() == (
            len(self.rows),
        )

    def teardown(self):
        if hasattr(self, "connection"):
            self.connection.close()


TestVectors = Vectors.TestCase
TestVectors.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


def test_deleting_leaves_no_bit_of_a_vector_in_the_file(tmp_path):
    path = tmp_path / "v.db"
    connection = opened(path)
    connection.execute("PRAGMA secure_delete=ON")
    shelf = Shelf.open(connection, "model", 1024, NOW)
    vectors = {f"r{n}": eight_bit([math.sin(n * 77 + i * i) for i in range(1024)]) for n in range(40)}
    shelf.put([(record(key, "very secret", "Zenobia"), stored) for key, stored in vectors.items()])
    from memcore_plugins.vectors.quantise import bits

    traces = [vectors["r7"][:64], bits(vectors["r7"])[:64], b"Zenobia", b"very secret"]
    assert all(trace in path.read_bytes() for trace in traces)
    schema.delete(connection, ["r7"])
    assert not any(trace in path.read_bytes() for trace in traces[:2])
    schema.delete(connection, list(vectors))
    connection.close()
    assert not any(trace in path.read_bytes() for trace in traces)


def test_a_thousand_records_are_deleted_in_a_few_statements(connection):
    shelf = Shelf.open(connection, "model", DIMENSION, NOW)
    shelf.put([(record(f"r{n}"), eight_bit([1.0] * DIMENSION)) for n in range(1000)])
    said = []
    connection.set_trace_callback(said.append)
    assert schema.delete(connection, [f"r{n}" for n in range(1000)]) == 1000
    ours = [text for text in said if "vec_curated_bits_1 WHERE rowid IN" in text]
    assert len(ours) == 2


def test_shelves_of_two_models_are_never_mixed_and_the_older_is_dropped_on_request(connection):
    old, new = (Shelf.open(connection, name, DIMENSION, NOW) for name in ("old", "new"))
    old.put([(record("a"), eight_bit([1.0] * DIMENSION)), (record("b"), eight_bit([1.0] * DIMENSION))])
    new.put([(record("b"), eight_bit([1.0] * DIMENSION))])
    asked = eight_bit([1.0] * DIMENSION)
    assert [key for key, _ in new.nearest(asked, 5, None)] == ["b"]
    assert [key for key, _ in old.nearest(asked, 5, None)] == ["a"]
    assert schema.drop_models(connection, new.model) == 1
    assert Shelf.find(connection, "old", DIMENSION) is None
    assert [key for key, _ in new.nearest(asked, 5, None)] == ["b"]
    assert Shelf.open(connection, "old", DIMENSION, NOW).model > new.model


def test_the_same_name_with_another_dimension_is_another_model(connection):
    one, other = Shelf.open(connection, "m", 8, NOW), Shelf.open(connection, "m", 16, NOW)
    assert one.model != other.model


def test_another_model_behind_the_same_name_is_noticed_by_the_vector_of_a_fixed_text(connection):
    shelf = Shelf.open(connection, "m", 4, NOW)
    assert shelf.recognise([1.0, 0.2, 0.1, 0.0], NOW)
    assert shelf.recognise([1.001, 0.2, 0.1, 0.001], NOW)
    assert not shelf.recognise([0.0, 1.0, 0.2, 0.1], NOW)
    assert Shelf.find(connection, "m", 4) is None
    assert connection.execute("SELECT fingerprint FROM vec_models").fetchall() == [(f"m until {NOW.isoformat()}",)]


def test_what_waits_is_taken_by_importance_then_newest_first(connection):
    def of(key, kind, day):
        return Record(id=key, content=key, kind=kind, created_at=datetime(2026, 1, day, tzinfo=UTC), content_hash=key)

    records = [
        of("e", "episode", 9),
        of("old", "fact", 1),
        of("new", "fact", 2),
        of("who", "identity", 1),
        of("x", "custom", 1),
    ]
    waiting.note(connection, records)
    assert waiting.take(connection, 3) == ["who", "new", "old"]
    assert waiting.take(connection, 9) == ["x", "e", "who", "new", "old"]


def test_a_batch_given_back_keeps_its_place_and_one_that_was_begun_too_often_is_set_aside(connection):
    waiting.note(connection, [record("a"), record("b")])
    assert waiting.take(connection, 1) == ["a"]
    waiting.give_back(connection, ["a"])
    for _ in range(waiting.MOST_TRIES):
        assert waiting.take(connection, 2) == ["a", "b"]
    assert waiting.take(connection, 2) == []
    assert waiting.refused(connection) == [("a", "the embedder died of it"), ("b", "the embedder died of it")]
    waiting.forgive(connection)
    assert waiting.waiting(connection) == 2


@pytest.mark.parametrize(("spaces", "part"), [(None, 1.0), ([1], 0.75), ([2], 0.25)])
def test_looking_only_within_reach_finds_what_looking_everywhere_finds(connection, monkeypatch, spaces, part):
    from memcore_plugins.vectors import shelf as module

    monkeypatch.setattr(module, "FEW", 500)
    shelf = Shelf.open(connection, "model", 64, NOW)
    vectors = [[math.sin(n * 12.9898 + i * 78.233) + math.sin((n % 17) * i) for i in range(64)] for n in range(3000)]
    shelf.put(
        [(record(f"r{n}", "few" if n % 4 == 3 else "most"), eight_bit(vector)) for n, vector in enumerate(vectors)]
    )
    assert len(shelf._sample()) >= module.SAMPLE
    far = eight_bit([-value for value in vectors[0]])
    for asked in (*map(eight_bit, vectors[::300]), far, eight_bit([1.0] * 64)):
        said = []
        connection.set_trace_callback(said.append)
        found = shelf.nearest(asked, 20, spaces)
        connection.set_trace_callback(None)
        assert any("distance<=" in text for text in said)
        assert len(found) == 20
        within = "" if part > 0.5 else " AND space IN (2)"
        all_over = shelf._nearest(asked, 20, within)
        assert found[0][1] == pytest.approx(all_over[0][1])
        assert (
            len({key for key, _ in found} & {key for key, _ in all_over}) >= 15
        )  # equal distances are interchangeable


def test_a_large_namespace_among_larger_ones_is_searched_alone(connection, monkeypatch):
    from memcore_plugins.vectors import shelf as module

    monkeypatch.setattr(module, "FEW", 50)
    shelf = Shelf.open(connection, "model", 8, NOW)
    rows = [
        (record(f"r{n}", "few" if n % 50 == 0 else "most"), eight_bit([math.sin(n * i + 1) for i in range(8)]))
        for n in range(2000)
    ]
    shelf.put(rows)
    found = shelf.nearest(eight_bit([1.0] * 8), 60, shelf.spaces(["few"]))
    assert {key for key, _ in found} == {f"r{n}" for n in range(0, 2000, 50)}
