"""Records in rows: ids, what comes back, what is refused, reviving, retiring, updating, and the turns around a turn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from memcore import Draft, Query, Record, Scope
from memcore.errors import BackendError, InvalidInputError, WorkspaceError
from memcore.testing.harness import Clock, open_context
from memcore.workspace import Workspace
from memcore_backends.sqlite import Plugin
from memcore_backends.sqlite.rows import list_item, record_of, to_record, to_row
from memcore_backends.sqlite.store import SqliteBackend

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(str.strip).map(str.strip)

zones = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))


@pytest.fixture
def clock():
    return Clock(NOW)


@pytest.fixture
def store(tmp_path, clock):
    context = open_context(tmp_path, Plugin, clock=clock)
    yield Plugin().memcore_backend().open(context)
    context.workspace.close()


def keep(store, content, **fields) -> Record:
    return store.put([Draft(content=content, **fields)])[0].record


def find(store, text, **scope) -> list[str]:
    return [hit.record.content for hit in store.search(Query(text=text, scope=Scope(**scope)))]


class TestIds:
    def test_the_same_memory_has_the_same_id_in_every_database(self, store, tmp_path, clock):
        context = open_context(tmp_path / "other", Plugin, clock=clock)
        other = Plugin().memcore_backend().open(context)
        clock.move(60)
        assert keep(store, "The ferry leaves at nine.").id == keep(other, "The ferry leaves at nine.").id
        context.workspace.close()

    @given(first=st.tuples(names, names, names), second=st.tuples(names, names, names))
    def test_ids_differ_when_namespace_kind_or_text_differ(self, first, second):
        ids = {
            record_of(Draft(namespace=namespace, kind=kind, content=content), NOW).id
            for namespace, kind, content in (first, second)
        }
        assert len(ids) == len({first, second})

    def test_parts_that_join_to_the_same_text_have_different_ids(self):
        parts = [("ab", "c", "d"), ("a", "bc", "d"), ("a", "b", "cd"), ("a\0b", "c", "d"), ("a", "b\0c", "d")]
        ids = {record_of(Draft(namespace=n, kind=k, content=c), NOW).id for n, k, c in parts}
        assert len(ids) == len(parts)

    def test_the_first_letter_of_an_id_names_the_table(self, store):
        fact, turn = keep(store, "a fact"), keep(store, "a turn", kind="episode")
        connection = store.workspace.connection()
        assert connection.execute("SELECT id FROM curated").fetchall() == [(fact.id,)]
        assert connection.execute("SELECT id FROM episodes").fetchall() == [(turn.id,)]
        assert (fact.id[0], turn.id[0]) == ("m", "e")

    def test_ids_that_no_text_can_be_are_unknown(self, store):
        kept = keep(store, "The ferry leaves at nine.")
        assert store.get(["m\ud800", kept.id, "mé", ""]) == [kept]


class TestRows:
    @given(
        content=names,
        summary=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
        tags=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), max_size=3),
        confidence=st.none() | st.floats(0, 1),
        occurred_at=st.none() | st.datetimes(timezones=zones),
        metadata=st.dictionaries(names, st.none() | st.booleans() | st.integers() | names, max_size=3),
    )
    def test_a_record_survives_its_row(self, content, summary, tags, confidence, occurred_at, metadata):
        draft = Draft(
            content=content, summary=summary, tags=tags, entities=tags, upstream_ids=tags, confidence=confidence,
            occurred_at=occurred_at, metadata=metadata,
        )  # fmt: skip
        record = record_of(draft, NOW)
        try:
            row = to_row(record, 1)
        except InvalidInputError:
            assert occurred_at.year in (1, 9999)
        else:
            assert to_record(row) == record

    def test_put_and_get_agree_about_metadata_that_json_changes(self, store):
        record = keep(store, "The ferry leaves at nine.", metadata={"pair": (1, 2)})
        assert record.metadata == {"pair": [1, 2]}
        assert store.get([record.id]) == [record]

    def test_metadata_of_the_caller_can_change_later_without_harm(self, store):
        metadata = {"seen": [1]}
        record = keep(store, "The ferry leaves at nine.", metadata=metadata)
        metadata["seen"].append(2)
        assert record.metadata == {"seen": [1]}

    @pytest.mark.parametrize(
        "fields",
        [
            {"metadata": {"when": datetime(2026, 1, 1)}},
            {"metadata": {"set": {1}}},
            {"occurred_at": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=9)))},
            {"tags": ("half \ud800 pair",)},
            {"source": "half \ud800 pair"},
            {"kind": "half \ud800 pair"},
        ],
        ids=lambda fields: next(iter(fields)),
    )
    def test_what_no_row_can_hold_is_refused_and_the_whole_batch_with_it(self, store, fields):
        with pytest.raises(InvalidInputError) as error:
            store.put([Draft(content="first"), Draft(content="second", **fields)])
        assert error.value.cure
        assert store.scan(Scope()).records == []
        assert keep(store, "third")

    def test_empty_columns_take_no_room_and_filled_ones_are_kept_beside_them(self, store):
        bare, full = store.put([
            Draft(content="bare"),
            Draft(content="full", summary="", tags=("a",), confidence=0.0, metadata={"k": 0}, occurred_at=NOW),
        ])  # fmt: skip
        assert store.get([bare.record.id, full.record.id]) == [bare.record, full.record]
        columns = "summary, agent_id, tags, entities, confidence, upstream_ids, source, occurred_at, metadata"
        row = store.workspace.connection().execute(f"SELECT {columns} FROM curated WHERE seq=1").fetchone()
        assert set(row) == {None}

    @given(
        tag=st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
        tags=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=4),
    )
    def test_an_item_is_found_in_a_stored_list_exactly_when_it_is_there(self, tag, tags):
        row = to_row(record_of(Draft(content="x", tags=tags), NOW), 1)
        assert (list_item(tag) in (row[8] or "")) is (tag in tags)


class TestBatches:
    def test_an_import_keeps_time_and_status_of_whole_records(self, store, clock):
        old = record_of(
            Draft(content="The ferry leaves at nine.", metadata={"retired_reason": "sold"}), NOW - timedelta(days=9)
        )
        old = evolve(old, status="retired", id="")
        stored = store.put([old])[0]
        assert stored.state == "new"
        assert (stored.record.created_at, stored.record.status) == (old.created_at, "retired")
        assert store.get([stored.record.id]) == [stored.record]
        assert store.put([old])[0].state == "existing"
        assert find(store, "ferry") == []

    def test_known_new_and_repeated_drafts_of_both_tables_in_one_batch(self, store):
        keep(store, "known fact")
        keep(store, "known turn", kind="episode")
        batch = [
            Draft(content="new turn", kind="episode"), Draft(content="known fact"), Draft(content="new fact"),
            Draft(content="known turn", kind="episode"), Draft(content="new fact"), Draft(content="new turn", kind="episode"),
        ]  # fmt: skip
        stored = store.put(batch)
        assert [item.state for item in stored] == ["new", "existing", "new", "existing", "existing", "existing"]
        assert [item.record.content for item in stored] == [draft.content for draft in batch]
        assert stored[2].record == stored[4].record
        assert store.index.gaps() == (0, 0)

    def test_a_batch_of_many_chunks_is_one_batch(self, store, monkeypatch):
        monkeypatch.setattr("memcore_backends.sqlite.writing.CHUNK", 7)
        batch = [
            Draft(content=f"entry {number % 40}", kind="episode" if number % 3 else "fact") for number in range(100)
        ]
        stored = store.put(batch)
        seen: set[tuple[str, str]] = set()
        for draft, item in zip(batch, stored, strict=True):
            assert item.state == ("existing" if (draft.kind, draft.content) in seen else "new")
            assert (item.record.kind, item.record.content) == (draft.kind, draft.content)
            seen.add((draft.kind, draft.content))
        assert len(store.scan(Scope()).records) == len(seen)

    def test_a_draft_that_comes_back_twice_is_revived_once(self, store):
        record = keep(store, "The ferry leaves at nine.")
        store.retire([record.id], reason="sold")
        first, second = store.put([Draft(content=record.content), Draft(content=record.content)])
        assert (first.state, second.state) == ("revived", "existing")
        assert first.record == second.record == store.get([record.id])[0]

    def test_a_batch_leaves_garbage_collection_and_wiping_as_they_were(self, store):
        import gc

        connection = store.workspace.connection()
        before = connection.execute("PRAGMA secure_delete").fetchone()
        assert gc.isenabled()
        with pytest.raises(InvalidInputError):
            store.put([Draft(content="x", metadata={"bad": object()})])
        assert gc.isenabled()
        gc.disable()
        try:
            keep(store, "y")
            assert not gc.isenabled()
        finally:
            gc.enable()
        assert connection.execute("PRAGMA secure_delete").fetchone() == before == (1,)


class TestRetiring:
    def test_retiring_tells_when_why_and_for_what(self, store, clock):
        old, new = (
            keep(store, "The ferry leaves at nine.", metadata={"k": "v"}),
            keep(store, "The ferry leaves at ten."),
        )
        clock.move(60)
        assert store.retire([old.id, old.id], reason="new timetable", superseded_by=new.id) == 1
        told = {"retired_reason": "new timetable", "superseded_by": new.id, "retired_at": clock().isoformat()}
        assert store.get([old.id])[0].metadata == {"k": "v", **told}

    def test_reviving_merges_what_is_said_now_with_what_was_known(self, store, clock):
        first = keep(
            store, "Mina likes the ferry.", kind="opinion", confidence=0.3, tags=("sea",), summary="ferry", source="a.md#L1",
            metadata={"session": "s1", "kept": 1}, agent_id="ada",
        )  # fmt: skip
        store.retire([first.id], reason="faded")
        clock.move(60)
        draft = Draft(
            content=first.content,
            kind="opinion",
            confidence=0.9,
            tags=("north",),
            metadata={"session": "s2"},
            source="b.md#L2",
        )
        back = store.put([draft])[0]
        assert back.state == "revived"
        assert (back.record.status, back.record.created_at) == ("active", first.created_at)
        assert (back.record.confidence, back.record.source) == (0.9, "b.md#L2")
        assert (back.record.tags, back.record.summary, back.record.agent_id) == (("north", "sea"), "ferry", "ada")
        assert back.record.metadata == {"session": "s2", "kept": 1}
        assert store.get([first.id]) == [back.record]
        assert find(store, "north") == [first.content]

    def test_retired_records_are_found_by_who_asks_for_them(self, store):
        record = keep(store, "The ferry leaves at nine.")
        store.retire([record.id], reason="sold")
        assert find(store, "ferry") == []
        assert find(store, "ferry", statuses=("retired",)) == find(store, "ferry", statuses=()) == [record.content]


class TestUpdating:
    def test_new_words_of_an_update_are_found_and_old_ones_are_not(self, store):
        record = keep(store, "The ferry leaves at nine.", summary="timetable", tags=("sea",), entities=("Ebb",))
        store.update(record.id, summary="schedule", tags=("land",), entities=("Mina",))
        assert [find(store, word) for word in ("timetable", "sea", "Ebb")] == [[], [], []]
        assert [find(store, word) for word in ("schedule", "land", "Mina")] == [[record.content]] * 3
        assert store.index.gaps() == (0, 0)

    def test_an_update_of_a_turn_can_move_it(self, store):
        turns = [
            keep(store, f"turn {n}", kind="episode", metadata={"session_id": "s", "position": n}) for n in range(3)
        ]
        store.update(turns[0].id, metadata={"session_id": "s", "position": 9})
        around = store.neighbours([turns[2].id], 5, 5)[turns[2].id]
        assert [record.content for record in around] == ["turn 1", "turn 0"]

    @pytest.mark.parametrize("fields", [{"status": "retired"}, {"id": "x"}, {"key": "x"}, {"confidence": 2.0}])
    def test_what_an_update_cannot_do_changes_nothing(self, store, fields):
        record = keep(store, "The ferry leaves at nine.")
        with pytest.raises(InvalidInputError):
            store.update(record.id, **{"summary": "changed", **fields})
        assert store.get([record.id]) == [record]


class TestNeighbours:
    def turns(self, store, positions, **fields):
        return [
            keep(store, f"turn at {place}", kind="episode", metadata={"session_id": "s", "position": place}, **fields)
            for place in positions
        ]  # fmt: skip

    def test_positions_with_gaps_and_fractions_give_the_order(self, store):
        turns = self.turns(store, [10, 2, 7.5, 30])
        around = store.neighbours([turns[2].id], 1, 5)[turns[2].id]
        assert [record.content for record in around] == ["turn at 2", "turn at 10", "turn at 30"]

    @pytest.mark.parametrize("place", ["3", None, True, float("nan"), float("inf"), 10**400])
    def test_a_turn_without_a_usable_position_stands_where_it_arrived(self, store, place):
        said = [f"turn {n}" for n in range(4)]
        turns = [keep(store, text, kind="episode", metadata={"session_id": "t", "position": place}) for text in said]
        around = store.neighbours([turns[1].id], 9, 9)[turns[1].id]
        assert [record.content for record in around] == ["turn 0", "turn 2", "turn 3"]

    def test_turns_at_one_position_count_by_arrival(self, store):
        turns = [
            keep(store, f"said {n}", kind="episode", metadata={"session_id": "s", "position": 1}) for n in range(4)
        ]
        around = store.neighbours([turns[1].id], 9, 9)[turns[1].id]
        assert [record.content for record in around] == ["said 0", "said 2", "said 3"]

    def test_retired_turns_and_records_of_no_session_are_no_neighbours(self, store):
        turns = self.turns(store, [1, 2, 3])
        store.retire([turns[0].id], reason="wrong")
        alone, fact = keep(store, "alone", kind="episode"), keep(store, "a fact", metadata={"session_id": "s"})
        around = store.neighbours([turns[1].id, alone.id, fact.id, "e0", "x"], 5, 5)
        assert around == {turns[1].id: [store.get([turns[2].id])[0]], alone.id: [], fact.id: []}

    def test_counts_of_zero_and_below_give_nothing(self, store):
        turns = self.turns(store, [1, 2, 3])
        assert store.neighbours([turns[1].id], 0, -1) == {turns[1].id: []}


class TestPages:
    def test_a_scan_gives_curated_records_first_each_in_the_order_of_writing(self, store):
        for number in range(3):
            keep(store, f"turn {number}", kind="episode")
            keep(store, f"fact {number}")
        found, after = [], None
        while True:
            page = store.scan(Scope(), after=after, limit=2)
            found += [record.content for record in page.records]
            if (after := page.next) is None:
                break
        assert found == ["fact 0", "fact 1", "fact 2", "turn 0", "turn 1", "turn 2"]

    @pytest.mark.parametrize("after", ["x", "1.5", "' OR 1"])
    def test_a_cursor_that_is_none_is_refused(self, store, after):
        with pytest.raises(InvalidInputError):
            store.scan(Scope(), after=after)

    def test_a_page_of_nothing_is_refused(self, store):
        with pytest.raises(InvalidInputError):
            store.scan(Scope(), limit=0)

    def test_a_scan_by_source_or_kind_uses_the_index(self, store):
        plans = []
        store.workspace.connection().set_trace_callback(plans.append)
        store.scan(Scope(source="memory/a.md"))
        store.scan(Scope(kinds=("opinion",)))
        store.scan(Scope())
        store.workspace.connection().set_trace_callback(None)
        used = [
            " ".join(str(row) for row in store.workspace.connection().execute(f"EXPLAIN QUERY PLAN {plan}"))
            for plan in plans
            if "FROM curated" in plan
        ]
        assert "USING INDEX curated_by_source (source>? AND source<?)" in used[0]
        assert "USING INDEX curated_by_kind (kind=? AND status=?)" in used[1]
        assert "TEMP B-TREE" not in used[1] + used[2]


class TestOpening:
    def test_a_file_without_tables_opened_for_reading_says_what_to_do(self, tmp_path):
        Workspace(tmp_path / "memory.db").close()
        workspace = Workspace(tmp_path / "memory.db", read_only=True)
        with pytest.raises(WorkspaceError, match="holds no records"):
            SqliteBackend(workspace, Clock())
        workspace.close()

    def test_a_closed_backend_refuses(self, store):
        store.close()
        for call in (
            lambda: store.put([]),
            lambda: store.get([]),
            lambda: store.search(Query(text="x")),
            lambda: store.scan(Scope()),
        ):
            with pytest.raises(BackendError, match="closed"):
                call()

    def test_records_can_be_read_from_a_read_only_workspace(self, store):
        record = keep(store, "The ferry leaves at nine.")
        workspace = Workspace(store.workspace.path, read_only=True)
        reader = SqliteBackend(workspace, Clock())
        assert reader.get([record.id]) == [record]
        assert find(reader, "ferry") == [record.content]
        assert reader.health().ok
        with pytest.raises(WorkspaceError, match="reading only"):
            keep(reader, "more")
        workspace.close()
