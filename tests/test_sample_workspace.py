"""The sample workspace, migrated by the real program, answers its twelve questions in four languages."""

from __future__ import annotations

import hashlib
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from memcore import Engine, Query, Scope
from program import memcore

ROOT = Path(__file__).parents[1]
WORKSPACE = ROOT / "docs" / "examples" / "workspace"
QUESTIONS = tomllib.loads((WORKSPACE.parent / "questions.toml").read_text(encoding="utf-8"))["question"]
NOW = datetime(2026, 10, 10, tzinfo=UTC)


def digest():
    files = sorted(path for path in WORKSPACE.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(str(p).encode() + p.read_bytes() for p in files)).hexdigest()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder, before = tmp_path_factory.mktemp("sample"), digest()
    done = memcore(folder, "--now", "2026-10-10", "migrate", WORKSPACE)
    assert done.code == 0, done.err
    assert digest() == before, "the source is read only"
    return folder


@pytest.fixture
def engine(home):
    with Engine.open(home=home, environ={}, clock=lambda: NOW) as opened:
        yield opened


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["text"])
def test_the_answer_comes_first_with_its_source(engine, question):
    hits = engine.search(Query(text=question["text"], limit=3, now=NOW))
    right = {question["expect_source"], *question.get("also", ())}
    assert right & {source for hit in hits for source in (hit.record.source, *hit.sources)}, [
        h.record.source for h in hits
    ]
    assert hits[0].record.source not in question.get("superseded", ()), "what used to be true is not the first answer"


def test_machine_output_and_sessions_are_no_facts(engine):
    facts = [r for r in engine.scan(Scope(statuses=())) if r.kind != "episode"]
    sources = {(record.source or "").partition("#")[0] for record in facts}
    assert not {s for s in sources if "dreaming" in s or s in ("DREAMS.md", "memory/2026-04-28-2215.md")}
    assert not any("TEMPLATE" in source for source in sources)


def test_migrating_again_changes_nothing(home, engine):
    before = {record.id: record.status for record in engine.scan(Scope(statuses=()))}
    done = memcore(home, "--now", "2026-10-10", "migrate", WORKSPACE, "--incremental")
    assert done.code == 0, done.err
    assert {record.id: record.status for record in engine.scan(Scope(statuses=()))} == before


@pytest.mark.parametrize("words", ["Which gearbox does the tractor have?", "quantum chromodynamics", "김치찌개 조리법"])
def test_what_memory_does_not_know_is_not_made_up(engine, words):
    assert engine.search(Query(text=words, limit=3, now=NOW)) == []
