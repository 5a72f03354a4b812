"""Writing, reading by id, and leaving active memory."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from memcore.records import Record, content_hash
from memcore.testing.harness import Harness, Store, since

__all__ = ["ContractTests"]

TEXTS = ("The ferry leaves at nine.", "The bakery opens at six.", "The library closes at eight.")


@since(1)
class ContractTests(Harness):
    """What put, get and retire promise."""

    def test_put_returns_what_get_returns(self, store: Store) -> None:
        """A put hands back the record as it is stored.

        If this fails, check that put returns what it reads back, not what it was given (rounded times, tuples).
        """
        stored = store.put(TEXTS[0], tags=("sea", "north"))[0]
        assert stored.state == "new"
        assert isinstance(stored.record, Record)
        assert store.get(stored.record.id) == [stored.record]

    def test_put_answers_in_the_order_of_the_batch(self, store: Store) -> None:
        """The n-th answer belongs to the n-th draft, whether it was new or known.

        If this fails, check bulk inserts that return rows in the order of the table or of a set.
        """
        store.put(TEXTS[1])
        stored = store.put(*reversed(TEXTS))
        assert [item.record.content for item in stored] == list(reversed(TEXTS))
        assert [item.state for item in stored] == ["new", "existing", "new"]

    def test_put_again_is_existing(self, store: Store) -> None:
        """The same namespace, kind and text is the same record, however often it is written.

        If this fails, check the unique key: it is (namespace, kind, content).
        """
        first, again = store.put(TEXTS[0])[0], store.put(TEXTS[0])[0]
        assert (first.state, again.state) == ("new", "existing")
        assert again.record.id == first.record.id
        assert len(store.ids()) == 1

    def test_put_again_changes_nothing(self, store: Store) -> None:
        """Writing a known text again with other tags leaves the stored record as it was.

        If this fails, check for an upsert: idempotent means the second put has no effect.
        """
        first = store.keep(TEXTS[0], tags=("sea",), confidence=0.9)
        again = store.put(TEXTS[0], tags=("land",), confidence=0.1)[0]
        assert again.record == first
        assert store.get(first.id) == [first]

    def test_put_of_a_repetition_inside_one_batch(self, store: Store) -> None:
        """A text twice in one batch is one record: new the first time, existing the second.

        If this fails, check that known keys are looked up per draft and not once before the batch.
        """
        first, again = store.put(TEXTS[0], TEXTS[0])
        assert (first.state, again.state) == ("new", "existing")
        assert again.record.id == first.record.id

    def test_put_revives_what_was_retired(self, store: Store) -> None:
        """A text that left active memory and is written again is the same record, active again.

        If this fails, check that the key also finds records that are not active, and that the status is set back.
        """
        first = store.keep(TEXTS[0])
        assert store.backend.retire([first.id], reason="no longer true") == 1
        assert store.find(TEXTS[0]) == []
        back = store.put(TEXTS[0])[0]
        assert (back.state, back.record.id, back.record.status) == ("revived", first.id, "active")
        assert store.found(TEXTS[0]) == [first.id]

    def test_every_write_is_kept(self, store: Store) -> None:
        """Nothing that was accepted is lost: neither of many small writes nor of one large batch.

        If this fails, check buffers that are flushed late, batches that are cut, and writes that fail without an error.
        """
        accepted = [store.keep(f"Small entry number {number}.").id for number in range(12)]
        batch = [f"Batch entry number {number}." for number in range(50)]
        accepted += [item.record.id for item in store.put(*batch)]
        assert len(set(accepted)) == 62
        assert [record.id for record in store.get(*accepted)] == accepted
        assert store.ids() == set(accepted)

    def test_same_text_in_two_namespaces_is_two_records(self, store: Store) -> None:
        """One text said by two people is two memories, each found in its own namespace.

        If this fails, check deduplication: a hash of the text alone gives the second person the record of the first.
        """
        other = store.namespace + "-other"
        mine, theirs = store.put("yes")[0], store.put("yes", namespace=other)[0]
        assert (mine.state, theirs.state) == ("new", "new")
        assert mine.record.id != theirs.record.id
        assert store.found("yes") == [mine.record.id]
        assert store.found("yes", scope=store.scope(namespaces=(other,))) == [theirs.record.id]

    def test_same_text_in_two_kinds_is_two_records(self, store: Store) -> None:
        """A text that is an experience and an opinion is two memories.

        If this fails, check deduplication: the kind is part of the key.
        """
        one, two = store.put(TEXTS[0], kind="experience")[0], store.put(TEXTS[0], kind="opinion")[0]
        assert (one.state, two.state) == ("new", "new")
        assert one.record.id != two.record.id
        assert (one.record.kind, two.record.kind) == ("experience", "opinion")

    def test_every_field_is_kept(self, store: Store) -> None:
        """All fields of a draft come back as they were written, order and nesting included.

        If this fails, check the field the failure names; times must name the same instant, lists keep their order.
        """
        when = datetime(2025, 11, 27, 23, 30, 5, 123456, tzinfo=timezone(timedelta(hours=9)))
        draft = store.draft(
            TEXTS[0], kind="opinion", agent_id="ada", summary="Ferry times", tags=("sea", "north", "sea-2"),
            entities=("Mina Seo", "Ebb"), confidence=0.85, provenance="human_confirmed", upstream_ids=("u-2", "u-1"),
            source="memory/2025-11-27.md#L12", occurred_at=when,
            metadata={"session_id": "s1", "depth": {"list": [1, 2.5, None, True]}, "empty": ""},
        )  # fmt: skip
        record = store.backend.put([draft])[0].record
        for name in (
            "content", "kind", "namespace", "agent_id", "summary", "tags", "entities", "confidence", "provenance",
            "upstream_ids", "source", "occurred_at", "metadata",
        ):  # fmt: skip
            assert getattr(record, name) == getattr(draft, name), name
        assert record.status == "active"
        assert store.get(record.id) == [record]

    def test_a_bare_draft_comes_back_bare(self, store: Store) -> None:
        """What was not said is not invented: empty fields stay empty.

        If this fails, check defaults of your storage: a missing confidence is None, not 0 or 1.
        """
        record = store.keep(TEXTS[0])
        assert (record.agent_id, record.summary, record.confidence, record.source, record.occurred_at) == (None,) * 5
        assert (record.tags, record.entities, record.upstream_ids, dict(record.metadata)) == ((), (), (), {})

    def test_a_whole_record_is_a_legal_draft(self, store: Store) -> None:
        """A record of one memory can be written into another, as `memcore import` does, and says the same there.

        If this fails, check that put reads a draft field by field; whether id, time and status are kept is yours.
        """
        first = store.keep(TEXTS[0], tags=("sea",), source="a.md#L1", metadata={"k": [1]})
        other = Store(self, store.folder.with_name("other"))
        try:
            record = other.backend.put([first])[0].record
            assert other.get(record.id) == [record]
            for name in ("content", "kind", "namespace", "tags", "source", "metadata", "confidence", "occurred_at"):
                assert getattr(record, name) == getattr(first, name), name
        finally:
            other.close()

    def test_the_hash_and_the_time_of_a_record(self, store: Store) -> None:
        """A record carries the hash of its exact text, and the time of the engine's clock.

        If this fails, check that memcore.records.content_hash is used, and OpenContext.clock, not the system's time.
        """
        record = store.keep(TEXTS[0])
        assert record.content_hash == content_hash(TEXTS[0])
        assert record.created_at.utcoffset() is not None
        if self.durable_in_files:
            assert record.created_at == store.clock()

    def test_get_keeps_the_order_asked(self, store: Store) -> None:
        """Records come back in the order of the ids.

        If this fails, check lookups by a set of ids: sort their result by the position asked for.
        """
        ids = [item.record.id for item in store.put(*TEXTS)]
        asked = [ids[2], ids[0], ids[1]]
        assert [record.id for record in store.get(*asked)] == asked

    def test_get_leaves_out_unknown_ids(self, store: Store) -> None:
        """An id nobody knows is left out and costs nothing else.

        If this fails, check that a missing record is neither an error nor None in the result.
        """
        known = store.keep(TEXTS[0]).id
        assert [record.id for record in store.get("no-such-id", known, "' OR 1=1 --")] == [known]
        assert store.get("no-such-id") == []

    def test_get_returns_records_of_any_status(self, store: Store) -> None:
        """A retired record can still be read by its id.

        If this fails, check that get does not filter by status: history must stay traceable.
        """
        record = store.keep(TEXTS[0])
        store.backend.retire([record.id], reason="no longer true")
        assert [found.status for found in store.get(record.id)] == ["retired"]

    def test_empty_batches_are_legal(self, store: Store) -> None:
        """Nothing in, nothing out.

        If this fails, check statements built from an empty list of values.
        """
        kept = store.keep(TEXTS[0]).id
        assert list(store.backend.put([])) == []
        assert store.get() == []
        assert store.backend.retire([], reason="nothing") == 0
        assert store.ids() == {kept}

    def test_retire_takes_a_record_out_of_active_memory(self, store: Store) -> None:
        """What is retired is neither found nor listed as active, and nothing else changes.

        If this fails, check that search and scan both look at the status, and that retire touches only its ids.
        """
        gone, stays = (item.record for item in store.put(*TEXTS[:2]))
        assert store.found("ferry")[0] == gone.id
        assert store.backend.retire([gone.id], reason="cancelled") == 1
        assert gone.id not in set(store.found("ferry"))
        assert store.listed() == [stays.id]
        assert store.get(stays.id) == [stays]

    def test_retire_counts_what_it_changed(self, store: Store) -> None:
        """Unknown ids and records that already left do not count.

        If this fails, check that retire counts changed rows, not ids given.
        """
        first, second = (item.record.id for item in store.put(*TEXTS[:2]))
        assert store.backend.retire([first, "no-such-id", second], reason="moved") == 2
        assert store.backend.retire([first, second], reason="moved") == 0

    def test_a_successor_marks_the_old_as_superseded(self, store: Store) -> None:
        """Naming a successor makes the old record superseded instead of retired; the successor stays active.

        If this fails, check that retire looks at superseded_by.
        """
        old, new = (item.record.id for item in store.put("The ferry leaves at nine.", "The ferry leaves at ten."))
        assert store.backend.retire([old], reason="new timetable", superseded_by=new) == 1
        assert [record.status for record in store.get(old, new)] == ["superseded", "active"]
        assert store.found("ferry") == [new]

    def test_times_come_from_one_clock_that_may_step_back(self, store: Store) -> None:
        """A clock set back by an hour loses, hides and reorders nothing.

        If this fails, check ids, cursors or "newest wins" rules that rely on a rising time.
        """
        first = store.keep(TEXTS[0]).id
        store.clock.move(-3600)
        second = store.keep(TEXTS[1]).id
        assert [record.id for record in store.get(first, second)] == [first, second]
        assert sorted(store.listed(limit=1)) == sorted([first, second])

    def test_health_of_an_open_backend_is_good(self, store: Store) -> None:
        """An open backend says that it can be used, in one sentence.

        If this fails, check what health() measures; it must say the same as the next call will experience.
        """
        health = store.backend.health()
        assert health.ok
        assert health.detail

    def test_health_of_a_closed_backend_is_bad_and_never_an_error(self, store: Store) -> None:
        """After close, health answers and says no.

        If this fails, check that health() catches its own errors; `memcore doctor` calls it on anything.
        """
        assert store.backend.health().ok
        store.close()
        health = store.backend.health()
        assert not health.ok
        assert health.detail

    def test_close_twice_is_legal(self, store: Store) -> None:
        """A second close does nothing.

        If this fails, check that close() forgets what it has released.
        """
        store.keep(TEXTS[0])
        store.backend.close()
        store.backend.close()
