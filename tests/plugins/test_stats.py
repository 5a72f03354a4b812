from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import pytest
from memcore import Draft, Engine, Health
from memcore_plugins.stats.checks import gather
from program import HEAD, distribute, memcore

ONLY = {"MEMCORE_PLUGINS": "sqlite,decay,stats,acme"}
SETTINGS = {"plugins": "sqlite,decay,stats,acme"}
NOW = datetime.now(UTC)  # the commands run at the real time


def opened(home, **more):
    return Engine.open(home=home, environ={}, settings={**SETTINGS, **more}, clock=lambda: NOW)


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield folder
    sys.modules.pop("acme", None)


@pytest.fixture
def home(tmp_path):
    home = tmp_path / "home"
    with opened(home) as engine:
        outcomes = engine.remember(
            [
                Draft(content="I am Skerry", kind="identity"),
                Draft(content="The pump is blue", kind="world", provenance="observed"),
                Draft(content="The pump is green", kind="world", namespace="work"),
                Draft(content="hello", kind="episode", metadata={"session_id": "s", "position": 0}),
                Draft(content="Tea is better", kind="opinion", confidence=0.9, occurred_at=NOW),
            ]
        )
        engine.retire([outcomes[2].record.id], reason="it was blue")
    return home


def test_the_figures_count_what_is_there(home):
    with opened(home) as engine:
        found = engine.stats()["stats"]
    assert found["records"] == 5
    assert found["status"] == {"active": 4, "retired": 1}
    assert found["kind"] == {"episode": 1, "identity": 1, "opinion": 1, "world": 1}
    assert found["namespace"] == {"default": 4}
    assert found["provenance"] == {"declared": 3, "observed": 1}
    assert found["tiers"] == {"identity": 1, "curated": 2, "project": 0, "episode": 1}
    assert found["tables"]["confirmations"] == 1
    assert found["size"]["database_bytes"] + found["size"]["wal_bytes"] > 0
    assert (found["backend"]["name"], found["backend"]["ok"]) == ("sqlite", True)


def test_the_command_prints_every_section_and_json_every_figure(home):
    plain = memcore(home, "stats", env=ONLY).out
    assert "active 4, retired 1" in plain
    assert [line for line in plain.splitlines() if not line.startswith(" ")] == ["memory", "decay", "sqlite"]
    found = memcore(home, "stats", "--json", env=ONLY).json
    assert set(found) == {"stats", "decay", "sqlite"}
    assert found["stats"]["kind"]["world"] == 1
    assert set(found["decay"]["forecast"]) == {"7 days", "30 days", "90 days"}


def test_a_missing_feature_is_named_with_its_cure(home, site):
    distribute(site, "acme", HEAD.replace("'made by a test'", "'x', packages={'nowhere_to_find': 'extra'}"))
    out = memcore(home, "stats", env=ONLY).out
    assert "unavailable: needs nowhere_to_find; pip install 'acme[extra]'" in out


# --- warn ---


def test_a_memory_in_order_needs_nobody(home):
    with opened(home) as engine:
        assert gather(engine) == []
    done = memcore(home, "warn", env=ONLY)
    assert (done.code, done.out) == (0, "nothing needs you\n")


CHECK = (
    HEAD
    + """
    @hookimpl
    def memcore_check(self, engine):
        from memcore import Finding
        for number in range(7):
            yield Finding(code="acme.stale", severity="warning", message=f"page {number} is stale",
                          where=f"wiki/{number}.md", cure="read it again")
        yield Finding(code="acme.secret", severity="error", message="a secret", where="MEMORY.md#L3")
        yield Finding(code="acme.note", severity="info", message="all pages read")
"""
)


def test_the_worst_comes_first_and_lists_are_short(home, site):
    distribute(site, "acme", CHECK)
    done = memcore(home, "warn", env=ONLY)
    assert done.code == 1
    lines = done.out.splitlines()
    assert lines[:3] == ["1 error", "  acme.secret  MEMORY.md#L3: a secret", "7 warnings"]
    assert sum("is stale" in line for line in lines) == 5
    assert "  ... and 2 more: memcore warn --limit 0" in lines
    assert lines[-2:] == ["1 note", "  acme.note  all pages read"]


def test_the_length_can_be_chosen(home, site):
    distribute(site, "acme", CHECK)
    assert memcore(home, "warn", "--limit", "0", env=ONLY).out.count("is stale") == 7
    assert memcore(home, "warn", "--limit", "2", env=ONLY).out.count("is stale") == 2
    assert memcore(home, "warn", env={**ONLY, "MEMCORE_STATS__LINES": "3"}).out.count("is stale") == 3


def test_json_has_every_finding_with_its_plugin(home, site):
    distribute(site, "acme", CHECK)
    done = memcore(home, "warn", "--json", env=ONLY)
    assert done.code == 1
    assert done.json["counts"] == {"errors": 1, "warnings": 7, "notes": 1}
    assert done.json["errors"][0]["plugin"] == "acme"
    assert done.json["errors"][0]["finding"]["where"] == "MEMORY.md#L3"


def test_a_note_alone_is_no_reason_to_fail(home):
    done = memcore(home, "warn", env={**ONLY, "MEMCORE_DECAY__NEAR_DAYS": "9999"})
    assert "decay.near" in done.out
    assert done.code == 0


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise RuntimeError('bad token file')", "is broken: RuntimeError: bad token file"),
        (HEAD + "\n    @hookimpl\n    def memcore_check(self, engine):\n        return 1 / 0\n", "ZeroDivisionError"),
        (HEAD + "\n    @hookimpl\n    def memcore_started(self, engine):\n        return 1 / 0\n", "memcore_started"),
    ],
)
def test_a_plugin_that_fails_is_an_error(home, site, code, words):
    distribute(site, "acme", code)
    done = memcore(home, "warn", env=ONLY)
    assert done.code == 1
    assert "stats.plugin" in done.out
    assert words in done.out


PROMPT = (
    HEAD
    + """
    @hookimpl
    def memcore_prompt_block(self, engine):
        from memcore.records import PromptBlock
        return PromptBlock(title="Long", text="x" * 300)
"""
)


def test_a_prompt_that_is_too_long_is_a_warning(home, site):
    distribute(site, "acme", PROMPT)
    assert memcore(home, "warn", env=ONLY).code == 0
    done = memcore(home, "warn", env={**ONLY, "MEMCORE_STATS__PROMPT_CHARACTERS": "300"})
    assert done.code == 1
    assert "the system prompt block has 308 characters, more than 300" in done.out


def test_missed_deliveries_are_a_warning(home):
    with opened(home) as engine:
        engine.workspace.set_meta("missed:decay:memcore_written:a", '{"records": ["a", "b"], "confirmed": []}')
        ((_, finding),) = gather(engine)
    assert (finding.code, finding.severity, finding.cure) == ("stats.missed", "warning", "memcore maintain")
    assert "2 records" in finding.message


def test_a_backend_that_does_not_answer_is_an_error(home, monkeypatch):
    with opened(home) as engine:
        monkeypatch.setattr(engine.backend, "health", lambda: Health(ok=False, detail="connection refused"))
        codes = [finding.code for _, finding in gather(engine)]
    assert "stats.backend" in codes


def test_text_of_records_cannot_steer_the_terminal(home):
    with opened(home) as engine:
        when = datetime.now(UTC) - timedelta(days=28)
        engine.remember(Draft(content="Tea \x1b[31m red", kind="opinion", confidence=0.9, occurred_at=when))
    done = memcore(home, "warn", env=ONLY)
    assert "decay.near" in done.out
    assert "\x1b[31m" not in done.out


def test_a_table_whose_extension_is_missing_is_a_question_mark(home):
    with opened(home) as engine, engine.workspace.transaction() as connection:
        connection.execute("DROP TABLE confirmations")
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute(
            "INSERT INTO sqlite_master VALUES('table', 'confirmations', 'confirmations', 0, "
            "'CREATE VIRTUAL TABLE confirmations USING vec_missing(x)')"
        )
        connection.execute("PRAGMA writable_schema=OFF")
    with opened(home) as engine:
        assert engine.stats()["stats"]["tables"]["confirmations"] is None
    assert "confirmations ?" in memcore(home, "stats", env=ONLY).out
