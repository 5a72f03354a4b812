"""Several processes on one file: nothing lost, nothing locked, nothing half-written when one is killed."""

from __future__ import annotations

import subprocess
import sys

import pytest
from memcore import Draft, Query, Scope
from memcore.testing.harness import Clock, open_context
from memcore_backends.sqlite import Plugin

WRITER = """
import sys
from pathlib import Path
from memcore import Draft
from memcore.testing.harness import open_context
from memcore_backends.sqlite import Plugin

folder, name, batches, size = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
store = Plugin().memcore_backend().open(open_context(folder, Plugin))
print("open", flush=True)
sys.stdin.readline()
for batch in range(batches):
    kind = "episode" if batch % 2 else "fact"
    store.put([Draft(content=f"{name} ferry {batch} entry {number}", kind=kind) for number in range(size)])
    store.retire([store.put([Draft(content=f"{name} gone {batch}")])[0].record.id], reason="a test")
    print(batch, flush=True)
"""


class Writer:
    """Another process that writes batches into the same memory; it waits for `go`."""

    def __init__(self, folder, name, batches, size):
        command = [sys.executable, "-c", WRITER, str(folder), name, str(batches), str(size)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "open\n"

    def go(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def end(self) -> int:
        self.process.communicate(timeout=120)
        return self.process.returncode


@pytest.fixture
def store(tmp_path):
    context = open_context(tmp_path, Plugin, clock=Clock())
    yield Plugin().memcore_backend().open(context)
    context.workspace.close()


def contents(store, **scope) -> set[str]:
    return {record.content for record in store.scan(Scope(**scope), limit=100_000).records}


def test_two_processes_and_this_one_write_at_once_and_nothing_is_lost_or_locked(store, tmp_path):
    writers = [Writer(tmp_path, name, 12, 40) for name in ("left", "right")]
    for writer in writers:
        writer.go()
    for batch in range(12):
        store.put([Draft(content=f"here ferry {batch} entry {number}") for number in range(40)])
    assert [writer.end() for writer in writers] == [0, 0]
    expected = {
        f"{name} ferry {batch} entry {n}"
        for name in ("left", "right", "here")
        for batch in range(12)
        for n in range(40)
    }
    assert contents(store) == expected
    gone = {f"{name} gone {batch}" for name in ("left", "right") for batch in range(12)}
    assert contents(store, statuses=("retired",)) == gone
    assert store.index.gaps() == (0, 0)
    assert len(store.search(Query(text="ferry", limit=10_000))) == len(expected)
    assert store.health().ok


def test_two_processes_write_the_same_texts_and_each_is_one_record(store, tmp_path):
    writers = [Writer(tmp_path, "same", 8, 30) for _ in range(2)]
    for writer in writers:
        writer.go()
    assert [writer.end() for writer in writers] == [0, 0]
    assert len(store.scan(Scope(statuses=()), limit=100_000).records) == 8 * 31
    assert store.index.gaps() == (0, 0)


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_a_process_killed_in_a_batch_leaves_whole_batches_only(store, tmp_path, lines):
    size = 3000
    writer = Writer(tmp_path, "killed", 1000, size)
    writer.go()
    told = [writer.process.stdout.readline() for _ in range(lines)]
    assert len(told) == lines
    writer.process.kill()  # at once: the next batch takes longer than the signal
    writer.end()
    found = {text for text in contents(store) if " ferry " in text}
    batches = {text.split()[2] for text in found}
    assert len(batches) >= lines
    assert found == {f"killed ferry {batch} entry {number}" for batch in batches for number in range(size)}
    assert store.index.gaps() == (0, 0)
    assert store.health().ok
    assert store.put([Draft(content="after the interruption")])[0].state == "new"
    assert [hit.record.content for hit in store.search(Query(text="interrupted"))] == ["after the interruption"]
