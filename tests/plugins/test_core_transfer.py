from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from attrs import fields_dict
from hypothesis import given, settings
from hypothesis import strategies as st
from memcore import BackendSpec, Draft, Engine, PluginInfo, Scope, hookimpl
from memcore.discovery import Catalog
from memcore.errors import InvalidInputError
from memcore.records import Record, content_hash, evolve
from memcore_plugins.core import Plugin
from memcore_plugins.core.export import snapshot
from memcore_plugins.core.import_ import restore
from memcore_plugins.core.intake import read_records
from program import memcore
from zoo import ShelfStore, catalog

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ONLY = {"MEMCORE_PLUGINS": "sqlite,decay"}
SETTINGS = {"plugins": "sqlite,decay"}


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


def opened(home, clock=None):
    return Engine.open(home=home, environ={}, settings=SETTINGS, clock=clock or Clock())


def everything(home):
    with opened(home) as engine:
        return {record.id: record for record in engine.scan(Scope(statuses=()))}


@pytest.fixture
def home(tmp_path):
    """A memory with every kind of field and every way to leave active memory, written over some days."""
    clock = Clock()
    with opened(tmp_path / "home", clock) as engine:
        first = engine.remember(
            Draft(
                content="The pump is blue\u2028and old \x85 안녕 🚰",
                kind="world",
                namespace="work",
                agent_id="a1",
                summary="pump",
                tags=("pump", "colour"),
                entities=("Pump-3",),
                confidence=0.8,
                provenance="observed",
                source="memory/2026-01-20.md#L3",
                occurred_at=datetime(2026, 1, 20, 9, 30, tzinfo=UTC),
                metadata={"session_id": "s1", "depth": {"list": [1, 2.5, None, True]}, "empty": ""},
            )
        )[0].record
        clock.now += timedelta(days=1)
        old = engine.remember(Draft(content="It runs in Oslo", upstream_ids=(first.id,)))[0].record
        clock.now += timedelta(days=1, microseconds=7)
        engine.supersede([old.id], Draft(content="It runs in Bergen"))
        gone = engine.remember(Draft(content="Sold next week", kind="opinion", confidence=0.5))[0].record
        clock.now += timedelta(days=1)
        engine.retire([gone.id], reason="never happened")
        engine.remember(Draft(content="said in passing", kind="episode", metadata={"session_id": "s", "position": 0}))
    return tmp_path / "home"


def test_every_record_comes_back_as_it_was(home, tmp_path):
    assert memcore(home, "export", tmp_path / "all.jsonl", env=ONLY).out.endswith("all.jsonl: 5 records\n")
    done = memcore(tmp_path / "other", "import", tmp_path / "all.jsonl", env=ONLY)
    assert done.out == "5 records imported, 0 were there already\n"
    assert everything(tmp_path / "other") == everything(home)
    assert {record.status for record in everything(home).values()} == {"active", "superseded", "retired"}
    old = next(record for record in everything(tmp_path / "other").values() if record.content == "It runs in Oslo")
    assert everything(tmp_path / "other")[old.metadata["superseded_by"]].content == "It runs in Bergen"


def test_importing_twice_changes_nothing(home, tmp_path):
    memcore(home, "export", tmp_path / "all.jsonl", env=ONLY)
    before = everything(home)
    assert memcore(home, "import", tmp_path / "all.jsonl", env=ONLY).out == (
        "0 records imported, 5 were there already\n"
    )
    assert everything(home) == before


def test_what_is_there_already_stays_as_it_is(home, tmp_path):
    memcore(home, "export", tmp_path / "all.jsonl", env=ONLY)
    with opened(home) as engine:
        engine.retire([record.id for record in engine.scan(Scope(namespaces=("work",)))], reason="scrapped")
    before = everything(home)
    memcore(home, "import", tmp_path / "all.jsonl", env=ONLY)
    assert everything(home) == before


def test_a_pipe_carries_the_same(home, tmp_path):
    done = memcore(home, "export", "-", env=ONLY)
    assert done.out.count("\n") == 7
    assert memcore(tmp_path / "other", "import", "-", stdin=done.out, env=ONLY).code == 0
    assert everything(tmp_path / "other") == everything(home)


def test_two_real_processes_carry_the_same(home, tmp_path, monkeypatch):
    program = [sys.executable, "-c", "from memcore.cli import main; main()"]
    for name, value in ONLY.items():
        monkeypatch.setenv(name, value)
    giver = subprocess.run([*program, "--home", str(home), "export", "-"], capture_output=True, check=True)
    taker = [*program, "--home", str(tmp_path / "other"), "import", "-"]
    subprocess.run(taker, input=giver.stdout, capture_output=True, check=True)
    assert everything(tmp_path / "other") == everything(home)


def test_one_namespace_can_be_exported(home, tmp_path):
    memcore(home, "export", tmp_path / "work.jsonl", "--namespace", "work", env=ONLY)
    lines = (tmp_path / "work.jsonl").read_text().split("\n")
    assert [json.loads(line).get("namespace") for line in lines[:-1]] == [None, "work", None]


def test_an_export_is_private_and_replaces_only_with_force(home, tmp_path):
    target = tmp_path / "all.jsonl"
    target.write_text("precious")
    assert memcore(home, "export", target, env=ONLY).code == 1
    assert target.read_text() == "precious"
    done = memcore(home, "export", target, "--force", "--json", env=ONLY).json
    assert done == {"file": str(target), "records": 5}
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_dry_run_counts_and_stores_nothing(home, tmp_path):
    memcore(home, "export", tmp_path / "all.jsonl", env=ONLY)
    done = memcore(tmp_path / "other", "import", tmp_path / "all.jsonl", "--dry-run", env=ONLY)
    assert done.out == "5 records would be imported, 0 were there already\n"
    assert everything(tmp_path / "other") == {}


def test_plugins_are_told_of_what_is_active(home, tmp_path):
    with opened(home) as engine:
        engine.remember(Draft(content="Tea is better", kind="opinion", confidence=0.9, occurred_at=NOW))
    memcore(home, "export", tmp_path / "all.jsonl", env=ONLY)
    memcore(tmp_path / "other", "import", tmp_path / "all.jsonl", env=ONLY)
    with opened(tmp_path / "other") as engine:
        assert engine.stats()["decay"]["confirmations"] == 1


def test_an_export_is_one_state_whatever_others_write(home):
    with opened(home) as reading, opened(home) as writing, snapshot(reading):
        before = list(reading.scan(Scope(statuses=())))
        writing.remember(Draft(content="meanwhile"))
        assert list(reading.scan(Scope(statuses=()))) == before


# --- bad files ---


def exported(home, tmp_path):
    memcore(home, "export", tmp_path / "all.jsonl", env=ONLY)
    return (tmp_path / "all.jsonl").read_text()


def refused(tmp_path, text, *words):
    file = tmp_path / "bad.jsonl"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    done = memcore(tmp_path / "other", "import", file, env=ONLY)
    assert done.code == 2
    assert all(word in done.err for word in words), done.err
    assert everything(tmp_path / "other") == {}


@pytest.mark.parametrize("cut", [2, 40, 43, 300, 900])
def test_a_file_that_was_cut_off_imports_nothing(home, tmp_path, cut):
    refused(tmp_path, exported(home, tmp_path)[:-cut], "nothing was")


def test_a_missing_record_is_noticed(home, tmp_path):
    lines = exported(home, tmp_path).split("\n")
    refused(tmp_path, "\n".join([lines[0], *lines[2:]]), "it says 5 records and holds 4")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("not json", ["line 2", "not JSON"]),
        ("[1]", ["line 2", "not a JSON object"]),
        ('{"content": ""}', ["line 2", "content must be text"]),
        ('{"content": 5}', ["line 2", "content must be text"]),
        ("{}", ["line 2", "content"]),
        ('{"content": "x", "tgas": []}', ["line 2", "unknown field 'tgas'", "did you mean 'tags'?"]),
        ('{"content": "x", "tags": "abc"}', ["line 2", "tags must be a list of text"]),
        ('{"content": "x", "tags": [1]}', ["line 2", "tags must be a list of text"]),
        ('{"content": "x", "metadata": []}', ["line 2", "metadata must be an object"]),
        ('{"content": "x", "source": 7}', ["line 2", "source must be text"]),
        ('{"content": "x", "confidence": 7}', ["line 2", "confidence must lie in 0..1"]),
        ('{"content": "x", "confidence": NaN}', ["line 2", "confidence must lie in 0..1"]),
        ('{"content": "x", "status": "asleep"}', ["line 2", "status 'asleep'"]),
        ('{"content": "x", "created_at": "yesterday"}', ["line 2", "yesterday"]),
        ('{"content": "\\ud800"}', ["line 2", "surrogate"]),
        ('{"format": "memcore-records", "version": 2}', ["line 2", "version 2", "upgrade"]),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_imported(tmp_path, line, words):
    refused(tmp_path, f'{{"content": "good"}}\n{line}\n', *words)


def test_files_that_cannot_be_read_are_explained(tmp_path):
    refused(tmp_path, b"\xff\xfe\x00junk", "not UTF-8")
    done = memcore(tmp_path / "other", "import", tmp_path / "nowhere.jsonl", env=ONLY)
    assert done.code == 2
    assert "cannot read" in done.err


def test_a_binary_pipe_is_explained(tmp_path):
    done = memcore(tmp_path / "other", "import", "-", stdin=b"\xff\xfe\x00", env=ONLY)
    assert done.code == 2
    assert "not UTF-8" in done.err


def test_lines_after_the_count_are_refused():
    lines = [
        '{"format": "memcore-records", "version": 1}',
        '{"format": "memcore-records", "records": 0}',
        '{"content": "x"}',
    ]
    with pytest.raises(InvalidInputError, match="line 3"):
        read_records(lines, NOW)


def test_plain_lines_need_only_content(tmp_path):
    file = tmp_path / "plain.jsonl"
    file.write_bytes('\ufeff{"content": "one", "tags": ["a"]}\r\n\r\n{"content": "two"}\r\n'.encode())
    assert memcore(tmp_path / "other", "import", file, env=ONLY).out == "2 records imported, 0 were there already\n"
    assert memcore(tmp_path / "other", "import", file, env=ONLY).out == "0 records imported, 2 were there already\n"


# --- a backend that gives its own ids and keeps neither time nor status ---


def record(content, **more):
    given = {"id": f"old-{content}", "created_at": NOW, "content_hash": content_hash(content), **more}
    return Record(content=content, **given)


class Forgetful(ShelfStore):
    """A backend that stores whatever it is given as a new draft, under a key of its own."""

    def put(self, drafts):
        return super().put([Draft(**{name: getattr(each, name) for name in fields_dict(Draft)}) for each in drafts])


class ForgetfulShelf:
    info = PluginInfo(summary="forgets time and status", default=True)

    @hookimpl
    def memcore_backend(self):
        return BackendSpec(name="shelf", summary="", open=Forgetful)


def test_a_backend_with_its_own_ids_keeps_the_references(tmp_path):
    first = record("first")
    second = record("second", created_at=NOW + timedelta(hours=1), upstream_ids=("old-first", "unknown"))
    left = record("left", status="superseded", metadata={"superseded_by": "old-second", "retired_reason": "moved"})
    engine = Engine.open(
        home=tmp_path, environ={}, clock=lambda: NOW + timedelta(days=1), catalog=catalog(shelf=ForgetfulShelf)
    )
    with engine:
        done = restore(engine, [second, left, first])
        assert (done.new, done.renamed, done.retimed) == (3, 3, 3)
        found = {each.content: each for each in engine.scan(Scope(statuses=()))}
        assert found["second"].upstream_ids == (found["first"].id, "unknown")
        assert {text: each.status for text, each in found.items()} == {
            "first": "active",
            "second": "active",
            "left": "superseded",
        }


def test_a_failure_in_the_middle_stores_nothing(tmp_path, monkeypatch):
    with opened(tmp_path) as engine:
        real, calls = engine.backend.put, []

        def put(drafts):
            calls.append(drafts)
            if len(calls) == 2:
                raise OSError("the disk is full")
            return real(drafts)

        monkeypatch.setattr(engine.backend, "put", put)
        monkeypatch.setattr("memcore_plugins.core.import_._BATCH", 2)
        with pytest.raises(OSError, match="the disk is full"):
            restore(engine, [record(f"fact {number}") for number in range(5)])
        assert list(engine.scan(Scope(statuses=()))) == []


def test_a_plugin_that_fails_is_told_later(tmp_path, monkeypatch):
    with opened(tmp_path) as engine:
        monkeypatch.setattr("memcore_plugins.decay.upkeep.note_confirmations", lambda *given: 1 / 0)
        restore(engine, [record("Tea is better", kind="opinion")])
        ((key, _),) = engine.workspace.list_meta("missed:")
        assert key.startswith("missed:decay:memcore_written:")
        monkeypatch.undo()
        engine.maintain()
        assert engine.stats()["decay"]["confirmations"] == 1


texts = st.text(min_size=1, max_size=40).filter(
    lambda text: text.strip() and not any("\ud800" <= c <= "\udfff" for c in text)
)
drafts = st.builds(
    Draft,
    content=texts,
    kind=st.sampled_from(["fact", "opinion", "episode"]),
    namespace=st.sampled_from(["default", "work"]),
    summary=st.none() | texts,
    tags=st.lists(texts, max_size=2),
    confidence=st.none() | st.floats(0, 1),
    occurred_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    metadata=st.dictionaries(texts, st.none() | st.integers(-(2**53), 2**53) | texts, max_size=2),
)


@settings(max_examples=25, deadline=None)
@given(written=st.lists(drafts, max_size=6), gone=st.sets(st.integers(0, 5)))
def test_any_memory_survives_the_journey(tmp_path_factory, written, gone):
    base = tmp_path_factory.mktemp("journey")
    with opened(base / "home") as engine:
        outcomes = engine.remember(written)
        engine.retire([o.record.id for i, o in enumerate(outcomes) if i in gone], reason="left")
    file = base / "all.jsonl"
    assert memcore(base / "home", "export", file, env=ONLY).code == 0
    assert memcore(base / "other", "import", file, env=ONLY).code == 0
    assert everything(base / "other") == everything(base / "home")


def test_reading_makes_no_list_of_letters_and_keeps_times():
    (found,) = read_records([json.dumps({"content": "x", "created_at": "2026-01-01T00:00:00"})], NOW)
    assert found == evolve(found, created_at=datetime(2026, 1, 1, tzinfo=UTC), tags=())


def test_a_backend_that_keeps_no_time_is_named(tmp_path, monkeypatch):
    file = tmp_path / "plain.jsonl"
    file.write_text('{"content": "x", "created_at": "2026-01-01T00:00:00+00:00"}\n')
    found = catalog(shelf=ForgetfulShelf, core=Plugin)
    monkeypatch.setattr(Catalog, "discover", classmethod(lambda cls, *given, **named: found))
    done = memcore(tmp_path / "home", "import", file)
    assert "1 records have the time of this import" in done.err
    assert done.out == "1 records imported, 0 were there already\n"
    exported = memcore(tmp_path / "home", "export", "-")
    assert exported.code == 0
