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
        records = [item.record for item in store.put("The ferry leaves at nine.", "기억을 저장한다.", "A third text.", tags=("a",))]
        store.backend.retire([records[2].id], reason="no longer true")
        before = list(store.backend.get([record.id for record in records]))
        assert [record.status for record in before] == ["active", "active", "retired"]
        found, listed = store.find("ferry"), store.all()
        assert records[0] in found
        store.reopen()
        assert list(store.backend.get([record.id for record in records])) == before
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
        states = [record.status for record in store.backend.get([one, two, three])]
        assert states == ["active", "superseded", "retired"]
        store.reopen()
        assert [record.status for record in store.backend.get([one, two, three])] == states
        assert [record.id for record in store.find("ferry")] == [one]

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
        assert [record.id for record in store.find("ferry")] == [stays]

    def test_what_was_accepted_survives_a_kill(self, store: Store) -> None:
        """Every put that returned before the process was killed is there afterwards, and the memory can be written again.

        If this fails, check that put returns only after the text has left the process (commit, flush), and that a half-written
        last entry is recognised at opening.
        """
        if not self.across_processes:
            pytest.skip("not applicable: this memory cannot be opened by another process")
        store.close()
        ids: list[str] = []
        with child.started(self, store.folder, "write", store.namespace, "killed", ENDLESS) as process:
            assert process.stdout is not None
            for line in process.stdout:
                ids += [line.strip()] if line.endswith("\n") else []
                if len(ids) == ENOUGH:
                    process.kill()
        assert len(ids) >= ENOUGH, "the other process failed; its error stands on stderr"
        store.open()
        assert [record.id for record in store.backend.get(ids)] == ids
        assert set(ids) <= store.ids()
        later = store.keep("A sentence after the interruption.")
        assert store.find("interruption")[0].id == later.id

    def test_a_damaged_file_is_reported(self, store: Store) -> None:
        """Files full of garbage are an error or bad health, never a healthy empty memory.

        If this fails, check what happens when nothing in a file can be read: starting afresh would lose everything silently.
        """
        if not self.durable_in_files:
            pytest.skip("not applicable: a server keeps the records")
        kept = store.keep("The ferry leaves at nine.")
        store.reopen()
        assert store.ids() == {kept.id}
        store.close()
        for path in self.files(store.folder):
            path.write_bytes(b"\x93 not what you wrote \xff\n" * 50)
        try:
            store.open()
            healthy, found = store.backend.health().ok, store.ids()
        except MemcoreError as error:
            assert str(error)
        else:
            assert not healthy or found == {kept.id}
