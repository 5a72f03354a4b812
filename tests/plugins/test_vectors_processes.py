"""Several processes and one memory: killed in the middle, side by side, and reading while another changes the tables."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from vector_memory import by_meaning, embedded, left, open_memory, remember

SUPPORT = str(Path(__file__).parents[1] / "support")
HEAD = f"""
import sys
sys.path.insert(0, {SUPPORT!r})
from pathlib import Path
from vector_memory import by_meaning, embedded, left, open_memory, remember, toy, vectors
home = Path(sys.argv[1])
"""
BACKFILL = """
from memcore_plugins.vectors.commands import _backfill
with open_memory(home, vectors__batch=4, embedder_toy__delay=0.004) as engine:
    print("open", flush=True)
    told = _backfill(engine, vectors(engine), None, False)
    print(told["embedded"], len([t for texts, query in toy(engine).asked if not query for t in texts]), flush=True)
"""


def start(home, code, **options):
    program = HEAD + textwrap.dedent(code)
    return subprocess.Popen([sys.executable, "-c", program, str(home)], stdout=subprocess.PIPE, text=True, **options)


def filled(home, count):
    with open_memory(home) as engine:
        remember(engine, *(f"fact number {n}" for n in range(count)))


def test_a_killed_backfill_keeps_what_was_stored_and_goes_on_from_there(tmp_path):
    filled(tmp_path, 300)
    with start(tmp_path, BACKFILL) as process:
        process.stdout.readline()
        with open_memory(tmp_path) as engine:
            while len(embedded(engine)) < 40:
                assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
    with open_memory(tmp_path, vectors__batch=4) as engine:
        stored = embedded(engine)
        assert 40 <= len(stored) < 300
        assert len(stored) + left(engine) == 300
        assert engine.workspace.connection().execute("PRAGMA integrity_check").fetchone() == ("ok",)
        engine.maintain(only="vectors")
        assert (len(embedded(engine)), left(engine)) == (300, 0)
        (count,) = engine.workspace.connection().execute("SELECT count(*) FROM vec_curated_bits_1").fetchone()
        assert count == 300
        assert "fact number 17" in by_meaning(engine, "fact number 17", limit=20)


def test_two_backfills_share_the_work(tmp_path):
    filled(tmp_path, 400)
    with start(tmp_path, BACKFILL) as one, start(tmp_path, BACKFILL) as other:
        said = [process.stdout.read().split() for process in (one, other)]
    assert [process.returncode for process in (one, other)] == [0, 0]
    stored, asked = (sum(int(words[place]) for words in said) for place in (1, 2))
    assert stored == 400
    assert asked < 400 + 100  # at worst the last batches of each are embedded twice
    with open_memory(tmp_path) as engine:
        assert (len(embedded(engine)), left(engine)) == (400, 0)


def test_a_reader_goes_on_while_another_process_changes_the_model_and_drops_the_old_one(tmp_path):
    filled(tmp_path, 60)
    with open_memory(tmp_path) as engine:
        engine.maintain(only="vectors")
        assert by_meaning(engine, "fact number 7")[0] == "fact number 7"
        code = """
        with open_memory(home, embedder_toy__name="other", embedder_toy__salt="x", vectors__batch=1) as engine:
            print("open", flush=True)
            engine.maintain(only="vectors")
            print(len(embedded(engine)))
        """
        with start(tmp_path, code) as process:
            process.stdout.readline()
            while process.poll() is None:
                found = by_meaning(engine, "fact number 7")
                assert all(text.startswith("fact number") for text in found)
            assert process.stdout.read().strip() == "60"
        assert process.returncode == 0
        assert by_meaning(engine, "fact number 7") == []
        assert engine.catalog.plugins["vectors"].status == "active"


def test_two_processes_that_meet_a_new_model_at_once_make_its_tables_once(tmp_path):
    filled(tmp_path, 8)
    with start(tmp_path, BACKFILL) as one, start(tmp_path, BACKFILL) as other:
        assert sum(int(process.stdout.read().split()[1]) for process in (one, other)) == 8
    with open_memory(tmp_path) as engine:
        assert engine.workspace.connection().execute("SELECT count(*) FROM vec_models").fetchone() == (1,)
