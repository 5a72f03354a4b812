"""The host of the documentation: every hook it shows does what the page says."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from memcore import MemoryProvider, Query
from memcore.records import DecisionRequest, Draft
from program import memcore

DOCS = Path(__file__).parents[2] / "docs"
HOST = DOCS / "examples" / "host.py"


@pytest.fixture
def host():
    spec = importlib.util.spec_from_file_location("host_example", HOST)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def memory(host, tmp_path, monkeypatch):
    monkeypatch.setenv("MEMCORE_HOSTS__SECONDS", "30")
    opened = []

    def open_memory(session_id):
        found = host.open_memory(tmp_path, session_id)
        found.seconds = 30
        opened.append(found)
        return found

    yield open_memory
    for each in opened:
        each.close()


def test_it_is_a_provider_whose_second_session_recalls_the_first(memory):
    first = memory("monday")
    assert isinstance(first, MemoryProvider)
    first.on_session_end([{"role": "user", "content": "The kiln fires at noon. Call 5550-1234 if it does not."}])
    first.close()
    found = memory("tuesday").prefetch("When does the kiln fire?")
    assert "The kiln fires at noon." in found
    assert "5550" not in found


def test_nothing_is_written_before_it_was_redacted(memory, tmp_path):
    memory("monday").on_memory_write("add", "memory", "The number of the kiln is 5550-1234.")
    assert b"5550" not in (tmp_path / "memory.db").read_bytes() + (tmp_path / "memory.db-wal").read_bytes()


def test_its_block_is_in_the_prompt(memory):
    assert "- The workshop closes at six." in memory("monday").system_prompt_block()


def test_it_answers_the_decisions_it_can(memory):
    engine = memory("monday").engine()
    engine.decide(DecisionRequest(kind="TEST", key="a", question="Which?", options=("keep_old", "keep_new")))
    engine.decide(DecisionRequest(kind="TEST", key="b", question="Which?", options=("left", "right")))
    engine.maintain()
    assert engine.stats()["decisions"]["queued"] == {"TEST": 1}


def test_its_embedder_gives_unit_vectors(memory, host):
    (spec,) = [spec for name, spec in memory("monday").engine().call("memcore_embedder") if name == "my-host"]
    (vector,) = spec.open(None).embed(["The kiln fires at noon."])
    assert len(vector) == host.Letters.dimension
    assert sum(value * value for value in vector) == pytest.approx(1.0)


def test_its_vectors_are_searched(memory, tmp_path):
    engine = memory("monday").engine()
    engine.remember(Draft(content="The kiln fires at noon."))
    engine.maintain()
    hits = engine.search(Query(text="The kiln fires at noon."))
    assert any("vector" in name for hit in hits for name in hit.strategies)


def test_the_page_shows_this_very_file():
    page = (DOCS / "how-to" / "write-a-host.md").read_text()
    assert HOST.read_text().strip() in page


def test_the_host_is_short():
    lines = [line for line in HOST.read_text().splitlines() if line.strip() and not line.lstrip().startswith('"""')]
    assert len(lines) <= 36


def test_the_settings_of_the_pages_are_settings(tmp_path):
    assert memcore(tmp_path, "--set", "hosts.hits=4", "stats", "--json").code == 0
