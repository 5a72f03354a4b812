"""sqlite-vec on every Python, and what is said where it cannot be used."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
from memcore.errors import PluginError, UnavailableError
from memcore.records import Scope
from memcore_plugins.vectors import extension
from vector_memory import by_meaning, embedded, open_memory, remember

ROOTS = [str(Path(__file__).parents[2] / root) for root in ("core", "plugins", "backends")]
PROGRAM = """
import sqlite3, sys
from memcore_plugins.vectors import extension
if sys.argv[1] == "registered":
    extension.can_load = lambda: False
extension.register()
connection = sqlite3.connect(":memory:")
extension.add_to(connection)
assert extension.offers_vectors(connection)
connection.execute("CREATE VIRTUAL TABLE b USING vec0(bits bit[8])")
connection.execute("INSERT INTO b(rowid, bits) VALUES(3, vec_bit(X'0F'))")
found = connection.execute("SELECT rowid, distance FROM b WHERE bits MATCH vec_bit(X'0E') AND k=1").fetchall()
assert found == [(3, 1.0)], found
assert "numpy" not in sys.modules
print(hasattr(connection, "enable_load_extension"))
"""


def pythons():
    """Return this Python and one that can load extensions, of the same minor version, if there is one."""
    yield sys.executable
    system = shutil.which(f"python3.{sys.version_info.minor}", path="/usr/bin:/opt/homebrew/bin:/usr/local/bin")
    if system:
        yield system


@pytest.mark.parametrize("way", ["as it can", "registered"])
@pytest.mark.parametrize("python", list(pythons()))
def test_vec0_answers_on_this_python_without_importing_numpy(python, way):
    packages = [str(Path(find_spec(name).origin).parents[1]) for name in ("attrs", "sqlite_vec")]
    environment = {"PYTHONPATH": ":".join([*ROOTS, *packages]), "PATH": "/usr/bin"}
    done = subprocess.run([python, "-c", PROGRAM, way], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_sqlite_without_extensions_is_told_apart_before_it_would_crash(monkeypatch):
    class Crippled:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def execute(self, _):
            return [("ENABLE_FTS5",), ("OMIT_LOAD_EXTENSION",)]

        def close(self):
            return None

    monkeypatch.setattr(extension, "can_load", lambda: False)
    monkeypatch.setattr(extension.sqlite3, "connect", lambda _: Crippled())
    with pytest.raises(UnavailableError, match="without extensions"):
        extension.register()


def test_a_library_that_cannot_be_loaded_is_explained(monkeypatch, tmp_path):
    broken = tmp_path / "vec0.so"
    broken.write_bytes(b"not a library")
    monkeypatch.setattr(extension, "can_load", lambda: False)
    monkeypatch.setattr(extension, "library", lambda: broken)
    with pytest.raises(UnavailableError, match="cannot be registered"):
        extension.register()


@pytest.mark.parametrize("spec", [None, SimpleNamespace(origin="/nowhere/sqlite_vec/__init__.py")])
def test_a_missing_package_and_a_wheel_without_the_library_are_explained(monkeypatch, spec):
    monkeypatch.setattr(extension, "find_spec", lambda _: spec)
    with pytest.raises(UnavailableError):
        extension.library()


def lose_the_extension(monkeypatch):
    def register():
        raise UnavailableError("this SQLite is built without extensions", cure=extension.CURE)

    monkeypatch.setattr(extension, "register", register)


def test_where_nothing_helps_the_plugin_is_unavailable_and_everything_else_works(monkeypatch, tmp_path):
    lose_the_extension(monkeypatch)
    with open_memory(tmp_path, more={"prefetch": "memcore_plugins.prefetch:Plugin"}) as engine:
        plugin = engine.catalog.plugins["vectors"]
        assert (plugin.status, plugin.reason) == ("unavailable", "this SQLite is built without extensions")
        assert "Homebrew" in plugin.hint
        remember(engine, "the replica runs in Lisbon")
        assert [hit.record.content for hit in engine.prefetch("where does the replica run").hits]
        assert engine.maintain()
        assert engine.forget(Scope(namespaces=("default",)))["records"] == 1


def test_a_sqlite_in_which_vec0_stays_silent_is_noticed_when_the_engine_opens(monkeypatch, tmp_path):
    monkeypatch.setattr(extension, "offers_vectors", lambda _: False)
    with open_memory(tmp_path) as engine:
        plugin = engine.catalog.plugins["vectors"]
        assert (plugin.status, plugin.reason) == ("unavailable", "sqlite-vec does not answer in this SQLite")


def test_where_vectors_were_stored_by_another_python_forget_refuses_instead_of_leaving_them(monkeypatch, tmp_path):
    with open_memory(tmp_path) as engine:
        remember(engine, "the replica runs in Lisbon")
        engine.maintain(only="vectors")
        assert embedded(engine)
    lose_the_extension(monkeypatch)
    with open_memory(tmp_path) as engine:
        assert engine.catalog.plugins["vectors"].status == "degraded"
        assert by_meaning(engine, "Lisbon") == []
        with pytest.raises(PluginError, match="cannot be deleted here"):
            engine.forget(Scope(namespaces=("default",)))
        (record,) = engine.scan(Scope())
        assert engine.retire([record.id], reason="test") == 1
        assert engine.catalog.plugins["vectors"].reason == "this SQLite is built without extensions"


def test_extensions_cannot_be_loaded_by_sql_afterwards(tmp_path):
    with open_memory(tmp_path) as engine, pytest.raises(sqlite3.OperationalError):
        engine.workspace.connection().execute("SELECT load_extension('nothing')")
