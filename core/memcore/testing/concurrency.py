"""Several threads, several openings, several processes."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from memcore.testing import child
from memcore.testing.harness import Harness, Store, since

__all__ = ["ConcurrencyTests"]

WRITES = 12
PATIENCE = 60.0  # seconds until threads that hang are given up


def _together(*jobs: Callable[[], None]) -> None:
    """Run jobs in one thread each, started at the same moment; raise the first error of any."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(len(jobs))

    def run(job: Callable[[], None]) -> None:
        try:
            barrier.wait(PATIENCE)
            job()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@since(1)
class ConcurrencyTests(Harness):
    """What happens at the same time."""

    def test_three_threads_write_and_read(self, store: Store) -> None:
        """Threads on one backend lose nothing, see whole records only, and get no errors.

        If this fails, check shared cursors, connections that belong to one thread, and changes made without a lock.
        """
        accepted: dict[int, list[str]] = {0: [], 1: [], 2: []}

        def job(name: int) -> Callable[[], None]:
            def work() -> None:
                for number in range(WRITES):
                    kept = store.keep(f"ferry {number} of thread {name}")
                    accepted[name].append(kept.id)
                    assert store.get(kept.id) == [kept]
                    assert {record.namespace for record in store.find("ferry", limit=5)} == {store.namespace}
                    store.backend.scan(store.scope(), limit=5)

            return work

        _together(job(0), job(1), job(2))
        ids = {each for written in accepted.values() for each in written}
        assert len(ids) == 3 * WRITES
        assert store.ids() == ids
        store.reopen()
        assert store.ids() == ids

    def test_the_same_text_from_three_threads_is_one_record(self, store: Store) -> None:
        """When threads write the same texts at once, each text is new exactly once.

        If this fails, check that looking for a known text and inserting it are one step.
        """
        states: list[tuple[str, str]] = []

        def work() -> None:
            for number in range(WRITES):
                stored = store.put(f"ferry {number}")[0]
                states.append((stored.record.id, stored.state))

        _together(work, work, work)
        assert len(states) == 3 * WRITES
        assert len({each for each, _ in states}) == WRITES
        assert sorted(state for _, state in states) == ["existing"] * 2 * WRITES + ["new"] * WRITES
        assert len(store.ids()) == WRITES

    def test_two_openings_see_each_other(self, store: Store) -> None:
        """Two engines on one memory read each other's writes, retirements and updates at once.

        If this fails, check caches that are filled at opening and never refreshed.
        """
        other = store.second()
        kept = store.keep("The ferry leaves at nine.")
        assert other.get(kept.id) == [kept]
        assert other.found("ferry") == [kept.id]
        assert other.put("The ferry leaves at nine.")[0].state == "existing"
        assert other.backend.retire([kept.id], reason="sold") == 1
        assert store.find("ferry") == []
        assert [record.status for record in store.get(kept.id)] == ["retired"]

    def test_two_processes_write_at_the_same_time(self, store: Store) -> None:
        """Two processes writing to one memory lose nothing of either.

        If this fails, check that each write takes a lock that other processes see, and starts from what is stored now.
        """
        if not self.across_processes:
            pytest.skip("not applicable: this memory cannot be opened by another process")
        with child.started(self, store.folder, "write", store.namespace, "child", str(WRITES)) as (output, _):
            theirs = [output.readline().strip()]
            mine = [store.keep(f"parent number {number}").id for number in range(WRITES)]
            theirs += output.read().split()
        assert len(theirs) == WRITES, "the other process failed; its error stands on stderr"
        assert store.ids() == {*mine, *theirs}
        store.reopen()
        assert store.ids() == {*mine, *theirs}
