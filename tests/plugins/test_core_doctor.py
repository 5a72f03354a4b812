from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from contextlib import closing

import pytest
from memcore import Draft, Engine
from memcore_plugins.core.doctor import install, places, system
from program import HEAD, distribute, memcore

ONLY = {"MEMCORE_PLUGINS": "sqlite,decay,prefetch"}


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    loaded = set(sys.modules)
    yield folder
    for name in set(sys.modules) - loaded:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


def examined(home, *arguments, **env):
    """Return the checks by (area, name), and the exit code."""
    done = memcore(home, *arguments, "doctor", "--json", env={**ONLY, **env})
    found = {}
    for check in done.json["checks"]:
        found.setdefault((check["area"], check["name"]), []).append(check)
    assert done.json["ok"] == (done.code == 0)
    return found, done.code


def one(found, area, name):
    (check,) = found[area, name]
    return check


def seeded(home, **more):
    settings = {"plugins": "sqlite,decay,prefetch", **more}
    with Engine.open(home=home, environ={}, settings=settings) as engine:
        engine.remember(Draft(content="the pump is blue"))
    return home / "memory.db"


def test_a_sound_memory_is_well(home, monkeypatch):
    monkeypatch.setattr(install, "_STATES", {})  # plugins that are being written next to this one are not the subject
    seeded(home)
    found, code = examined(home)
    wrong = [check for checks in found.values() for check in checks if check["state"] in ("warning", "error")]
    assert wrong == []
    assert code == 0
    assert one(found, "database", "integrity")["state"] == "ok"
    assert one(found, "memory", "recall")["detail"] == "the namespace 'default' has active records"


def test_it_is_readable_without_json(home, monkeypatch):
    monkeypatch.setattr(install, "_STATES", {})
    seeded(home)
    done = memcore(home, "doctor", env=ONLY)
    assert done.out.splitlines()[-1] == "all is well"
    assert "sqlite: 1 records" in done.out


def test_it_makes_no_database(home):
    found, _ = examined(home)
    assert one(found, "database", "database")["state"] == "info"
    assert not (home / "memory.db").exists()
    assert ("memory", "backend") not in found


# --- what is installed ---


def test_a_foreign_package_over_ours_is_named_with_the_repair(home, site):
    info = distribute(site, "stranger", HEAD, distribution="memcore")
    (info / "RECORD").write_text("memcore/__init__.py,,\n")
    (site / "memcore").mkdir()
    (site / "memcore" / "__init__.py").write_text("")  # from 3.12 on, metadata names existing files only
    check = one(examined(home)[0], "install", "package")
    assert check["state"] == "error"
    assert "memcore 1.0" in check["detail"]
    assert check["cure"].startswith(
        "pip uninstall -y memcore && pip install --force-reinstall --no-deps memcore-engine"
    )


def test_a_broken_plugin_is_an_error_and_stops_nothing(home, site):
    distribute(site, "acme", "raise RuntimeError('bad token file')")
    seeded(home)
    found, code = examined(home, MEMCORE_PLUGINS="all")
    assert code == 1
    assert one(found, "install", "acme")["detail"] == "broken: RuntimeError: bad token file"
    assert one(found, "database", "integrity")["state"] == "ok"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[broken", "is not valid TOML"),
        ("bakend = 'x'", "unknown key 'bakend'"),
        ("[decya]\nrate = 1", "unknown section 'decya'"),
        ("busy_timeout = 'soon'", "'soon' is not of type float"),
        ("[decay]\nrate = 'fast'", "'fast' is not of type float"),
    ],
)
def test_broken_settings_are_explained_and_the_rest_is_examined(home, text, words):
    seeded(home)
    (home / "memcore.toml").write_text(text)
    found, code = examined(home)
    assert code == 1
    assert any(words in check["detail"] for check in found["install", "settings"])
    assert all(check["cure"] for check in found["install", "settings"])
    assert one(found, "database", "integrity")["state"] == "ok"


def test_a_secret_that_others_can_read_is_a_warning(home, site):
    code = "from attrs import frozen\n" + HEAD.replace(
        "class Plugin:", "@frozen(kw_only=True)\nclass Settings:\n    token: str = ''\n\n\nclass Plugin:"
    ).replace("'made by a test'", "'x', settings=Settings")
    distribute(site, "acme", code)
    file = home / "memcore.toml"
    file.write_text("[acme]\ntoken = 'hush'\n")
    file.chmod(0o644)
    found, _ = examined(home, MEMCORE_PLUGINS="all")
    assert one(found, "install", "secrets")["cure"] == f"chmod 600 {file}"
    file.chmod(0o600)
    assert ("install", "secrets") not in examined(home)[0]


def test_an_sqlite_without_full_text_is_a_warning(monkeypatch):
    class Bare(sqlite3.Connection):
        def execute(self, sql, *given):
            if "fts5" in sql:
                raise sqlite3.OperationalError("no such module: fts5")
            return super().execute(sql, *given)

    class Module:
        sqlite_version, sqlite_version_info, OperationalError = "3.8.0", (3, 8, 0), sqlite3.OperationalError

        @staticmethod
        def connect(path):
            return sqlite3.connect(path, factory=Bare)

    monkeypatch.setattr(system, "sqlite3", Module)
    checks = {check.name: check for check in system.examine(None)}
    assert checks["full text"].state == "warning"
    assert checks["sqlite"].state == "error"
    assert "3.37" in checks["sqlite"].cure


# --- files ---


def test_files_that_others_can_read_are_warnings(home):
    database = seeded(home)
    home.chmod(0o755)
    database.chmod(0o644)
    found, code = examined(home)
    assert code == 1
    assert one(found, "files", "home")["cure"] == f"chmod 700 {home}"
    assert one(found, "files", "database")["cure"] == f"chmod 600 {database}"


def test_a_disk_that_is_nearly_full_is_a_warning(home, monkeypatch):
    seeded(home)
    full = shutil.disk_usage(home)._replace(free=10_000_000)
    monkeypatch.setattr(places.shutil, "disk_usage", lambda path: full)
    assert one(examined(home)[0], "files", "disk")["state"] == "warning"


def test_a_large_wal_is_a_warning(home, monkeypatch):
    database = seeded(home)
    monkeypatch.setattr(places, "LARGE_WAL", 0)
    with closing(sqlite3.connect(database)) as writer:
        writer.execute("PRAGMA user_version")
        writer.execute("CREATE TABLE x(y)")
        writer.commit()
        assert one(examined(home)[0], "files", "wal size")["state"] == "warning"


def test_what_a_broken_backup_left_is_mentioned(home):
    seeded(home)
    (home / ".b.db.memcore-999999999.tmp").write_text("")
    assert one(examined(home)[0], "files", "leftovers")["state"] == "info"


# --- the database ---


def test_a_file_that_is_no_database_is_named(home):
    (home / "memory.db").write_text("not a database, but somebody's notes")
    found, code = examined(home)
    assert code == 1
    assert "is not an SQLite file" in one(found, "database", "database")["detail"]
    assert (home / "memory.db").read_text() == "not a database, but somebody's notes"


def test_a_database_of_another_program_is_named(home):
    with closing(sqlite3.connect(home / "memory.db")) as other:
        other.execute("CREATE TABLE bookmarks(url)")
    assert "belongs to another program" in one(examined(home)[0], "database", "database")["detail"]


def test_a_newer_schema_is_explained(home):
    with closing(sqlite3.connect(seeded(home))) as newer:
        newer.execute("PRAGMA user_version=99")
    check = one(examined(home)[0], "database", "database")
    assert "written by a newer memcore (schema 99" in check["detail"]
    assert check["cure"].startswith("upgrade memcore-engine")


def test_tables_of_a_newer_plugin_are_explained(home):
    with closing(sqlite3.connect(seeded(home))) as newer:
        newer.execute("UPDATE meta SET value='9' WHERE key='schema:decay'")
        newer.commit()
    check = one(examined(home)[0], "memory", "tables")
    assert "tables of decay were written by a newer version (9" in check["detail"]


def test_a_damaged_database_is_named_with_the_way_out(home):
    database = seeded(home)
    with closing(sqlite3.connect(database)) as writer:
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with database.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(database.stat().st_size - 4096))
    found, code = examined(home)
    assert code == 1
    check = one(found, "database", "integrity")
    assert "damaged" in check["detail"]
    assert "restore a backup" in check["cure"]


def test_a_lock_that_is_not_released_is_named(home):
    database = seeded(home)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        check = one(examined(home)[0], "database", "lock")
        assert check["state"] == "warning"
        assert "another process is writing" in check["detail"]
    assert one(examined(home)[0], "database", "lock")["state"] == "ok"


def test_an_empty_file_is_no_fault(home):
    (home / "memory.db").touch(mode=0o600)
    assert one(examined(home)[0], "database", "database")["state"] == "info"


# --- the memory ---


def test_missed_deliveries_are_counted_by_plugin(home):
    seeded(home)
    with Engine.open(home=home, environ={}, settings={"plugins": "sqlite"}) as engine:
        engine.workspace.set_meta("missed:decay:memcore_written:a", '{"records": ["a", "b"], "confirmed": []}')
        engine.workspace.set_meta("missed:acme:memcore_written:a", '{"records": ["a"], "confirmed": []}')
    first, second = examined(home)[0]["memory", "deliveries"]
    assert (first["detail"], first["cure"]) == (
        "acme failed and was not told of 1 records",
        "install acme again, then memcore maintain",
    )
    assert (second["detail"], second["cure"]) == ("decay failed and was not told of 2 records", "memcore maintain")


def test_an_embedder_nobody_offers_is_an_error(home):
    seeded(home)
    check = one(examined(home, MEMCORE_EMBEDDER="dreams")[0], "memory", "embedder")
    assert (check["state"], check["detail"]) == ("error", "no plugin offers the embedder 'dreams'")


EMBEDDER = (
    HEAD
    + """
    @hookimpl
    def memcore_embedder(self):
        from memcore import EmbedderSpec
        return EmbedderSpec(name="dreams", summary="dreams", open=None, available=lambda settings: "no model file")
"""
)


def test_an_embedder_that_cannot_be_used_says_why(home, site):
    distribute(site, "acme", EMBEDDER)
    seeded(home)
    check = one(examined(home, MEMCORE_EMBEDDER="dreams", MEMCORE_PLUGINS="sqlite,acme")[0], "memory", "embedder")
    assert (check["state"], check["detail"]) == ("warning", "no model file")


def test_a_backend_that_is_not_there_is_explained(home):
    seeded(home)
    check = one(examined(home, MEMCORE_BACKEND="sqlight")[0], "memory", "engine")
    assert "no storage backend 'sqlight'" in check["detail"]
    assert "sqlite" in check["cure"]


# --- why was nothing recalled ---


def test_an_empty_namespace_points_to_the_others(home):
    seeded(home)
    check = one(examined(home, MEMCORE_NAMESPACE="wrok")[0], "memory", "recall")
    assert "the namespace 'wrok' is empty; there are records in default" in check["detail"]


def test_a_namespace_whose_records_all_left_says_so(home):
    seeded(home)
    with Engine.open(home=home, environ={}, settings={"plugins": "sqlite"}) as engine:
        from memcore import Scope

        engine.retire([record.id for record in engine.scan(Scope())], reason="sold")
    assert "has left active memory" in one(examined(home)[0], "memory", "recall")["detail"]


def test_a_memory_without_records_says_so(home):
    with Engine.open(home=home, environ={}, settings={"plugins": "sqlite"}):
        pass
    assert one(examined(home)[0], "memory", "recall")["detail"] == "nothing has been remembered yet"


def test_without_a_search_plugin_nothing_is_recalled(home):
    seeded(home)
    checks = examined(home, MEMCORE_PLUGINS="sqlite")[0]["memory", "recall"]
    assert ("error", "memcore plugins enable prefetch") in [(check["state"], check["cure"]) for check in checks]


def test_a_budget_of_nothing_is_named(home):
    seeded(home)
    checks = examined(home, MEMCORE_BUDGET="0")[0]["memory", "recall"]
    assert any("the budget is 0 tokens" in check["detail"] for check in checks)


def test_an_examination_that_fails_is_a_finding(home, monkeypatch):
    def explode(look):
        yield next(iter(system.examine(look)))
        raise RuntimeError("boom")

    monkeypatch.setattr(places, "examine", explode)
    found, code = examined(home)
    assert code == 1
    assert one(found, "places", "doctor")["detail"] == "the examination of places failed: RuntimeError: boom"
    assert ("database", "database") in found


def test_a_header_that_lies_is_a_damaged_database(home):
    (home / "memory.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    found, code = examined(home)
    assert code == 1
    assert "damaged" in one(found, "database", "integrity")["detail"]


def test_a_folder_in_place_of_the_database_is_named(home):
    (home / "memory.db").mkdir()
    assert "cannot read" in one(examined(home)[0], "database", "database")["detail"]


def test_a_database_that_cannot_be_written_is_a_warning(home, monkeypatch):
    seeded(home)
    real = sqlite3.connect

    def read_only(target, **named):
        return real(str(target).replace("mode=rw", "mode=ro"), **named)

    monkeypatch.setattr("memcore_plugins.core.doctor.database.sqlite3.connect", read_only)
    check = one(examined(home)[0], "database", "lock")
    assert (check["state"], check["cure"]) == ("warning", "check its permissions and the disk")


def test_an_exclusive_lock_is_told_from_damage(home):
    database = seeded(home)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=DELETE")
        other.execute("BEGIN EXCLUSIVE")
        check = one(examined(home)[0], "database", "lock")
        assert check["state"] == "error"
        assert "locked by another process" in check["detail"]


def test_loadable_extensions_are_seen_either_way(monkeypatch):
    class Able:
        enable_load_extension = None

    assert system._extensions(Able()).state == "ok"
    assert system._extensions(object()).state == "info"


def test_a_table_whose_plugin_is_gone_is_mentioned(home):
    seeded(home)
    with Engine.open(home=home, environ={}, settings={"plugins": "sqlite"}) as engine:
        engine.workspace.set_meta("schema:acme", "1")
    check = one(examined(home)[0], "memory", "tables")
    assert check["detail"] == "the tables of acme are here, the plugin is not installed"


def test_what_a_plugin_says_of_itself_is_passed_on(home, site):
    status = "\n    @hookimpl\n    def memcore_status(self, engine):\n        return ('no CLAUDE.md', 'write one')\n"
    distribute(site, "acme", HEAD + status)
    seeded(home)
    check = one(examined(home, MEMCORE_PLUGINS="sqlite,prefetch,acme")[0], "memory", "acme")
    assert (check["state"], check["detail"], check["cure"]) == ("info", "no CLAUDE.md", "write one")
