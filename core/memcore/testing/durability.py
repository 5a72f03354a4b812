"""What was accepted stays: after closing, after a kill, and after damage it is at least reported."""

from __future__ import annotations

import pytest

from memcore.contracts import Capability
from memcore.errors import MemcoreError
from memcore.testing import child
from memcore.testing.harness import Harness, Store, since

__all__ = ["DurabilityTests"]

ENDLESS = "100000"  # writes: far more than a process makes before it is killed
ENOUGH = 15  # writes that were accepted when the process is killed


@since(1)
class DurabilityTests(Harness):
    """What survives."""

    def test_reopening_keeps_everything(self, store: Store) -> None:
        """Closing and opening again changes no record, no status and no answer.

        If this fails, check what is only in memory: indexes, statuses, order.
        """
        texts = ("The ferry leaves at nine.", "기억을 저장한다.", "A third text.")
        records = [item.record for item in store.put(*texts, tags=("a",))]
        store.backend.retire([records[2].id], reason="no longer true")
        before = store.get(*(record.id for record in records))
        assert [record.status for record in before] == ["active", "active", "retired"]
        found, listed = store.find("ferry"), store.all()
        assert records[0] in found
        store.reopen()
        assert store.get(*(record.id for record in records)) == before
        assert store.find("ferry") == found
        assert store.all() == listed
        assert store.put("The ferry leaves at nine.")[0].state == "existing"

    def test_a_retirement_is_as_durable_as_a_write(self, store: Store) -> None:
        """What was retired, superseded or revived is so after reopening, and is not active again.

        If this fails, check that retire is written and not only remembered.
        """
        one, two, three = (item.record.id for item in store.put("ferry one", "ferry two", "ferry three"))
        store.backend.retire([one], reason="sold")
        store.backend.retire([two], reason="renamed", superseded_by=three)
        store.put("ferry one")
        store.backend.retire([three], reason="sold")
        states = [record.status for record in store.get(one, two, three)]
        assert states == ["active", "superseded", "retired"]
        store.reopen()
        assert [record.status for record in store.get(one, two, three)] == states
        assert store.found("ferry") == [one]

    def test_a_deletion_is_as_durable_as_a_write(self, store: Store) -> None:
        """What was deleted is still gone after reopening.

        If this fails, check logs that are replayed at opening.
        """
        self.need(store, Capability.DELETE)
        gone, stays = (item.record.id for item in store.put("ferry one", "ferry two"))
        assert store.ids() == {gone, stays}
        store.full.delete([gone])
        store.reopen()
        assert store.ids() == {stays}
        assert store.found("ferry") == [stays]

    def test_what_was_accepted_survives_a_kill(self, store: Store) -> None:
        """Every put that returned before the process was killed is there afterwards, and writing goes on.

        If this fails, check that put returns only after the text has left the process (commit, flush), and that a
        half-written last entry is recognised at opening.
        """
        if not self.across_processes:
            pytest.skip("not applicable: this memory cannot be opened by another process")
        store.close()
        ids: list[str] = []
        with child.started(self, store.folder, "write", store.namespace, "killed", ENDLESS) as (output, kill):
            for line in output:
                ids += [line.strip()] if line.endswith("\n") else []
                if len(ids) == ENOUGH:
                    kill()
        assert len(ids) >= ENOUGH, "the other process failed; its error stands on stderr"
        store.open()
        assert [record.id for record in store.get(*ids)] == ids
        assert set(ids) <= store.ids()
        later = store.keep("A sentence after the interruption.")
        assert store.found("interruption")[0] == later.id

    def test_a_damaged_file_is_reported(self, store: Store) -> None:
        """Files full of garbage are an error or bad health, never a healthy empty memory.

        Only the backend's own files are damaged: the workspace is the engine's, unless the records live in it.

        If this fails, check what happens when a file cannot be read: starting afresh loses everything in silence.
        """
        if not self.durable_in_files:
            pytest.skip("not applicable: a server keeps the records")
        kept = store.keep("The ferry leaves at nine.")
        store.reopen()
        assert store.ids() == {kept.id}
        store.close()
        joined = Capability.TRANSACTIONAL in store.backend.capabilities
        theirs = () if joined else ("memory.db", "memory.db-wal", "memory.db-shm")
        for path in self.files(store.folder):
            if path.name not in theirs:
                path.write_bytes(b"\x93 not what you wrote \xff\n" * 50)
        try:
            store.open()
            healthy, found = store.backend.health().ok, store.ids()
        except MemcoreError as error:
            assert str(error)
        else:
            assert not healthy or found == {kept.id}
