"""Facts, findings, figures, upkeep and the reindex command of the sqlite backend."""

from __future__ import annotations

import json

import pytest
from memcore import Draft, Engine, Health, Query
from memcore.errors import CapabilityError
from memcore.records import Run
from memcore_backends.sqlite import schema, upkeep
from memcore_backends.sqlite.commands import reindex
from memcore_backends.sqlite.index import ANALYSIS
from upkeep_engine import Clock, open_engine, run


@pytest.fixture
def engine(tmp_path):
    with open_engine(tmp_path) as engine:
        yield engine


def codes(engine) -> list[str]:
    return [finding.code for _, finding in engine.check("sqlite")]


def damage(engine) -> None:
    """Drop one index entry and keep one without its record."""
    connection = engine.workspace.connection()
    connection.execute("INSERT INTO curated_fts(curated_fts, rowid, content) VALUES('delete', 1, 'one')")
    connection.execute("DELETE FROM curated WHERE seq=2")


class TestHealth:
    def test_facts_count_both_tables_and_measure_the_file(self, engine):
        engine.remember([Draft(content="one"), Draft(content="two"), Draft(content="turn", kind="episode")])
        health = engine.backend.health()
        assert (health.ok, health.detail) == (True, "3 records in memory.db")
        facts = health.facts
        assert (facts["curated"], facts["episodes"], facts["not_indexed"], facts["stale_entries"]) == (2, 1, 0, 0)
        assert facts["bytes"] == engine.workspace.path.stat().st_size
        assert facts["page_count"] * facts["page_size"] >= facts["bytes"]
        assert facts["wal_bytes"] > 0

    def test_a_damaged_file_is_not_healthy(self, engine, monkeypatch):
        engine.remember([Draft(content=f"number {number} " * 50) for number in range(300)])
        engine.workspace.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        page = (
            engine.workspace.connection()
            .execute("SELECT rootpage FROM sqlite_master WHERE name='curated_by_kind'")
            .fetchone()[0]
        )
        engine.workspace.close()
        with engine.workspace.path.open("r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(b"\xff" * 4096)
        with open_engine(engine.workspace.path.parent) as damaged:
            health = damaged.backend.health()
            assert not health.ok
            assert "damaged" in health.detail
            (finding,) = [finding for _, finding in damaged.check("sqlite") if finding.code == "sqlite.damaged"]
            assert (finding.severity, finding.where) == ("error", str(damaged.workspace.path))
            assert finding.cure

    def test_a_closed_backend_is_not_healthy(self, engine):
        engine.backend.close()
        assert isinstance(engine.backend.health(), Health)
        assert not engine.backend.health().ok


class TestFindings:
    def test_a_sound_memory_has_none(self, engine):
        engine.remember([Draft(content="one")])
        assert codes(engine) == []

    def test_an_index_that_does_not_fit_its_records(self, engine):
        engine.remember([Draft(content="one"), Draft(content="two")])
        damage(engine)
        ((_, finding),) = engine.check("sqlite")
        assert (finding.code, finding.severity, finding.cure) == ("sqlite.index", "error", "memcore reindex")
        assert "lacks 1 records and has 1 entries" in finding.message

    def test_an_index_of_another_version(self, engine):
        engine.remember([Draft(content="one")])
        engine.workspace.set_meta(ANALYSIS, "older")
        assert codes(engine) == ["sqlite.analysis"]

    def test_a_search_without_full_text(self, tmp_path):
        with open_engine(tmp_path, sqlite__full_text=False) as engine:
            assert codes(engine) == ["sqlite.no-fts5"]
            plugin = engine.catalog.plugins["sqlite"]
            reason, cure = engine.catalog.caller(plugin, "memcore_status")(engine=engine)
            assert "substrings" in reason
            assert "FTS5" in cure

    def test_with_full_text_there_is_nothing_to_say(self, engine):
        plugin = engine.catalog.plugins["sqlite"]
        assert engine.catalog.caller(plugin, "memcore_status")(engine=engine) is None

    def test_the_offer_names_what_this_interpreter_can(self, monkeypatch):
        from memcore_backends.sqlite import Plugin

        assert "text_search" in Plugin().memcore_backend().capabilities
        monkeypatch.setattr(schema, "fts5_available", lambda: False)
        assert "text_search" not in Plugin().memcore_backend().capabilities


class TestStats:
    def test_records_are_counted_by_kind_and_status(self, engine):
        ids = [
            o.record.id
            for o in engine.remember(
                [Draft(content="one"), Draft(content="two"), Draft(content="turn", kind="episode")]
            )
        ]
        engine.retire(ids[:1], reason="sold")
        figures = engine.stats()["sqlite"]
        assert figures["kinds"] == {"fact": {"active": 1, "retired": 1}, "episode": {"active": 1}}
        assert figures["records"] == 3
        assert figures["bytes"] >= engine.workspace.path.stat().st_size


class TestMaintaining:
    def parts(self, engine) -> int:
        for number in range(6):
            engine.remember([Draft(content=f"entry {number} {place}") for place in range(3)])
        return engine.workspace.connection().execute("SELECT count(DISTINCT segid) FROM curated_fts_idx").fetchone()[0]

    def test_the_parts_of_the_index_are_merged(self, engine):
        parts = self.parts(engine)
        assert parts > 1
        report = engine.maintain(only="sqlite")["sqlite"]
        assert report.counts["index_segments"] == parts
        assert "merge" in report.summary
        after = engine.maintain(only="sqlite")["sqlite"]
        assert (after.counts["index_segments"], after.summary) == (1, "nothing to do")
        assert len(engine.search(Query(text="entry", limit=50))) == 18
        assert engine.backend.index.gaps() == (0, 0)

    def test_a_dry_run_says_the_same_and_changes_nothing(self, engine):
        parts = self.parts(engine)
        before = engine.workspace.connection().total_changes
        report = engine.maintain(dry_run=True, only="sqlite")["sqlite"]
        assert report.lines == (f"merge {parts} parts of the full-text index",)
        assert engine.workspace.connection().total_changes == before

    def test_a_large_log_is_written_back(self, engine, monkeypatch):
        engine.remember([Draft(content="one")])
        assert engine.backend.health().facts["wal_bytes"] > 0
        monkeypatch.setattr(upkeep, "WAL_BYTES", 0)
        assert "of the log" in engine.maintain(only="sqlite")["sqlite"].summary
        assert engine.backend.health().facts["wal_bytes"] == 0

    def test_a_merge_goes_on_in_the_next_run(self, engine, monkeypatch):
        self.parts(engine)
        monkeypatch.setattr(upkeep, "MOST_MERGES", 1)
        monkeypatch.setattr(upkeep, "MERGE_PAGES", 1)
        for _ in range(60):
            if engine.maintain(only="sqlite")["sqlite"].summary == "nothing to do":
                break
        assert engine.maintain(only="sqlite")["sqlite"].summary == "nothing to do"

    def test_there_is_nothing_to_merge_without_full_text(self, tmp_path):
        with open_engine(tmp_path, sqlite__full_text=False) as engine:
            engine.remember([Draft(content="one")])
            assert engine.maintain(only="sqlite")["sqlite"].counts["index_segments"] == 0


class TestReindex:
    def test_a_dry_run_says_what_is_wrong(self, engine):
        engine.remember([Draft(content="one"), Draft(content="two")])
        damage(engine)
        result = run(reindex, engine, "--dry-run")
        assert (result.exit_code, result.output) == (0, "1 records are not indexed, 1 entries have no record\n")
        assert codes(engine) == ["sqlite.index"]

    def test_it_repairs_the_index_and_can_run_twice(self, engine):
        engine.remember([Draft(content="one"), Draft(content="two")])
        damage(engine)
        assert run(reindex, engine).output == "1 records indexed\n"
        assert codes(engine) == []
        assert [hit.record.content for hit in engine.search(Query(text="one"))] == ["one"]
        assert json.loads(run(reindex, engine, "--json").output) == {"missing": 0, "stale": 0, "indexed": 1}

    def test_without_full_text_it_explains_itself(self, tmp_path):
        with open_engine(tmp_path, sqlite__full_text=False) as engine:
            error = run(reindex, engine).exception
            assert isinstance(error, CapabilityError)
            assert error.cure

    def test_with_another_backend_it_explains_itself(self, engine):
        engine.backend = type("Other", (), {"name": "other", "close": lambda self: None})()
        error = run(reindex, engine).exception
        assert isinstance(error, CapabilityError)
        assert "other" in error.why
        assert engine.maintain(only="sqlite") == engine.stats() == {}
        assert codes(engine) == []


def test_upkeep_does_not_ask_the_clock(tmp_path):
    with Engine.open(home=tmp_path, environ={}, settings={"plugins": "sqlite"}, clock=Clock()) as engine:
        assert upkeep.maintain(engine.backend, Run(now=Clock()())).summary == "nothing to do"
