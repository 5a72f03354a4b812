"""Optional powers, in both directions: what is declared works, what is not declared is refused and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from memcore.contracts import Capability
from memcore.errors import CapabilityError, MemcoreError
from memcore.records import Query
from memcore.testing.harness import START, Harness, Store, since

__all__ = ["CapabilityTests"]


def _calls(store: Store, record_id: str) -> dict[Capability, Callable[[], object]]:
    """Return one call for each power that is a method; the calls would change the given record."""
    return {
        Capability.UPDATE: lambda: store.full.update(record_id, summary="changed"),
        Capability.DELETE: lambda: store.full.delete([record_id]),
        Capability.PURGE: lambda: store.full.purge(store.scope()),
        Capability.NEIGHBOURS: lambda: store.full.neighbours([record_id], 1, 1),
    }


class _UndoError(Exception):
    """Raised by a test to undo a transaction."""


@since(1)
class CapabilityTests(Harness):
    """What each capability means."""

    @pytest.mark.parametrize("capability", ["update", "delete", "purge", "neighbours"])
    def test_advertised_is_reachable_and_nothing_else_is(self, store: Store, capability: str) -> None:
        """A declared power can be called; one that is not declared is missing, or raises CapabilityError.

        If this fails, compare `capabilities` with the methods you have.
        """
        record = store.keep("The ferry leaves at nine.")
        call = _calls(store, record.id)[Capability(capability)]
        if capability in store.backend.capabilities:
            call()
            return
        with pytest.raises((CapabilityError, AttributeError)):
            call()
        assert store.get(record.id) == [record]
        assert store.find("ferry") == [record]

    def test_update_changes_its_fields_and_only_its_record(self, store: Store) -> None:
        """An update returns the changed record; its text, its other fields and all other records stay.

        If this fails, check the condition of the statement, and fields that are reset because they were not named.
        """
        self.need(store, Capability.UPDATE)
        first = store.keep("The ferry leaves at nine.", tags=("sea",), confidence=0.9, source="a.md#L1")
        other = store.keep("The bakery opens at six.", tags=("land",), confidence=0.9)
        fields = {"confidence": 0.3, "tags": ("sea", "timetable"), "metadata": {"seen": [1, 2]}}
        changed = store.full.update(first.id, **fields)
        assert store.get(first.id, other.id) == [changed, other]
        assert {name: getattr(changed, name) for name in fields} == fields
        kept = ("id", "content", "source", "created_at", "content_hash", "status", "kind", "namespace")
        assert [getattr(changed, name) for name in kept] == [getattr(first, name) for name in kept]
        store.reopen()
        assert store.get(first.id, other.id) == [changed, other]

    def test_update_reaches_every_field_it_names(self, store: Store) -> None:
        """Tags, entities, summary, confidence, source and metadata can all be changed, and filters see it.

        If this fails, check the list of fields your update accepts, and indexes that are kept beside the record.
        """
        self.need(store, Capability.UPDATE)
        first = {"tags": ("sea",), "entities": ("Ebb",), "source": "a.md#L1", "confidence": 0.9}
        record = store.keep("The ferry leaves at nine.", **first)
        fields = {
            "tags": ("land",), "entities": ("Mina",), "summary": "Timetable", "confidence": 0.2, "source": "b.md#L2",
            "metadata": {"k": "v"},
        }  # fmt: skip
        for name, value in fields.items():
            assert getattr(store.full.update(record.id, **{name: value}), name) == value
        assert store.all(store.scope(tags=("sea",))) == store.all(store.scope(entities=("Ebb",))) == []
        now = store.scope(tags=("land",), entities=("Mina",), source="b.md", since=record.created_at)
        assert store.listed(now) == store.found("ferry", scope=now) == [record.id]
        assert store.find("ferry", scope=store.scope(min_confidence=0.5)) == []
        assert store.full.update(record.id, summary=None, confidence=None).confidence is None

    @pytest.mark.parametrize("fields", [{"content": "x"}, {"id": "x"}, {"namespace": "x"}, {"colour": "x"}], ids=str)
    def test_update_refuses_what_cannot_change(self, store: Store, fields: dict[str, str]) -> None:
        """The text and the identity of a record never change, and unknown fields are an error.

        If this fails, check that update has a closed list of fields.
        """
        self.need(store, Capability.UPDATE)
        record = store.keep("The ferry leaves at nine.")
        assert store.full.update(record.id, summary="y").summary == "y"
        with pytest.raises((MemcoreError, TypeError)):
            store.full.update(record.id, **{"summary": "z", **fields})
        assert [found.summary for found in store.get(record.id)] == ["y"]
        assert len(store.ids()) == 1

    def test_update_of_an_unknown_record_is_an_error(self, store: Store) -> None:
        """There is no record to return for an unknown id, and none is made.

        If this fails, check that the number of changed rows is looked at.
        """
        self.need(store, Capability.UPDATE)
        record = store.keep("The ferry leaves at nine.")
        assert store.full.update(record.id, summary="y").id == record.id
        with pytest.raises(MemcoreError):
            store.full.update("no-such-id", summary="x")
        assert len(store.ids()) == 1

    def test_delete_removes_a_record_from_every_answer(self, store: Store) -> None:
        """A deleted record is not found by id, search or scan of any status; its neighbours are.

        If this fails, check indexes and caches that outlive the row.
        """
        self.need(store, Capability.DELETE)
        gone, stays = (item.record for item in store.put("The ferry leaves at nine.", "The ferry was sold."))
        assert len(store.find("ferry")) == len(store.ids()) == 2
        assert store.full.delete([gone.id]) == 1
        assert store.get(gone.id, stays.id) == [stays]
        assert store.find("ferry", scope=store.scope(statuses=())) == [stays]
        assert store.ids() == {stays.id}

    def test_delete_counts_what_it_removed(self, store: Store) -> None:
        """Unknown ids do not count, records of any status do, and nothing is removed twice.

        If this fails, check that delete counts rows, and does not filter by status.
        """
        self.need(store, Capability.DELETE)
        one, two, three = (item.record.id for item in store.put("ferry one", "ferry two", "ferry three"))
        store.backend.retire([two], reason="sold")
        assert store.full.delete([one, "no-such-id", two]) == 2
        assert store.full.delete([one, two]) == 0
        assert store.full.delete([]) == 0
        assert store.ids() == {three}

    def test_a_deleted_text_can_be_written_again(self, store: Store) -> None:
        """After a deletion the same text is new.

        If this fails, check tombstones: a hash that is kept blocks the text for ever.
        """
        self.need(store, Capability.DELETE)
        first = store.keep("The ferry leaves at nine.")
        assert store.put(first.content)[0].state == "existing"
        store.full.delete([first.id])
        assert store.put(first.content)[0].state == "new"
        assert len(store.find("ferry")) == 1

    def test_purge_removes_records_of_every_status(self, store: Store) -> None:
        """A purge removes what its scope names, retired and superseded records included, and counts it.

        If this fails, check that the status of the scope is ignored: its default is "active".
        """
        self.need(store, Capability.PURGE)
        one, two = (item.record.id for item in store.put("The ferry leaves at nine.", "The ferry was sold."))
        other = store.keep("The ferry of someone else.", namespace=store.namespace + "-other")
        store.backend.retire([one], reason="sold")
        assert store.ids() == {one, two}
        assert store.full.purge(store.scope()) == 2
        assert store.get(one, two, other.id) == [other]
        assert store.full.purge(store.scope()) == 0

    def test_neighbours_are_those_of_the_same_session_in_order(self, store: Store) -> None:
        """Around a record, and without it, stand the records of the same session, in the order they were said.

        If this fails, check that metadata["session_id"] and the namespace limit the result, and the order of it.
        """
        self.need(store, Capability.NEIGHBOURS)
        ids, elsewhere = [], store.namespace + "-other"
        for number in range(7):
            turn: dict[str, Any] = {"kind": "episode", "occurred_at": START + timedelta(minutes=number)}
            ids.append(store.keep(f"turn {number}", **turn, metadata={"session_id": "s1", "position": number}).id)
            store.keep(f"reply {number}", **turn, metadata={"session_id": "s2", "position": number})
            store.keep(f"turn {number}", **turn, namespace=elsewhere, metadata={"session_id": "s1"})
        around = store.full.neighbours([ids[3]], 2, 1)
        assert [record.id for record in around[ids[3]]] == [ids[1], ids[2], ids[4]]
        edges = store.full.neighbours([ids[0], ids[6], "no-such-id"], 2, 2)
        assert [record.id for record in edges[ids[0]]] == [ids[1], ids[2]]
        assert [record.id for record in edges[ids[6]]] == [ids[4], ids[5]]

    def test_a_vector_search_finds_a_text_by_itself(self, store: Store) -> None:
        """A backend that searches by meaning ranks a text first for its own words.

        If this fails, check that texts and queries are embedded by the same model.
        """
        self.need(store, Capability.VECTOR_SEARCH)
        wanted = store.keep("Mina takes the morning ferry to Tongyeong.")
        store.put("The bakery opens at six.", "Jonas repairs bicycles.")
        assert store.found(wanted.content)[0] == wanted.id

    def test_a_rolled_back_transaction_leaves_nothing(self, store: Store) -> None:
        """On a transactional backend, writes join the open transaction of the workspace and vanish with it.

        If this fails, check that records are written through `workspace.transaction()`.
        """
        self.need(store, Capability.TRANSACTIONAL)
        kept = store.keep("The ferry leaves at nine.")
        with store.workspace.transaction():
            store.keep("The bakery opens at six.")
        assert len(store.ids()) == 2
        with pytest.raises(_UndoError), store.workspace.transaction():
            store.keep("The library closes at eight.")
            store.backend.retire([kept.id], reason="sold")
            assert len(store.ids()) == 3
            raise _UndoError
        assert len(store.ids()) == 2
        assert store.get(kept.id) == [kept]
        assert not [record for record in store.find("library") if record.content.startswith("The library")]
        assert store.put("The library closes at eight.")[0].state == "new"

    def test_writes_outside_of_a_transaction_of_the_workspace_stay(self, store: Store) -> None:
        """A backend that is not transactional keeps what it accepted, whatever becomes of the workspace's transaction.

        If this fails, declare TRANSACTIONAL: the engine must know that your writes can be undone.
        """
        if Capability.TRANSACTIONAL in store.backend.capabilities:
            assert store.put("The ferry leaves at nine.")[0].state == "new"
            return
        with pytest.raises(_UndoError), store.workspace.transaction():
            kept = store.keep("The library closes at eight.")
            raise _UndoError
        assert store.get(kept.id) == [kept]
        assert store.backend.search(Query(text="library", scope=store.scope(), now=store.clock()))
