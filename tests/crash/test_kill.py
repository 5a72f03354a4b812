"""Processes killed in the middle: the file opens, nothing is half-written, and doing it again ends where it would have."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import kill_server
import pytest
from attrs import frozen
from memcore import Engine, Scope
from program import memcore
from whole import changes, dump, small_workspace

NOW = "2026-10-10"
POINTS = {"sql": 10, "file": 6, "bytes": 6}
SECRET = "zwölf Fässer Fichtenharz"
FACT = f"The cellar of pier 4 holds {SECRET}."


class Killer:
    """The program, run in a process of its own that may be killed."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, kill_server.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, home, arguments, mode="sql", at=0):
        job = {"home": str(home), "arguments": ["--now", NOW, *map(str, arguments)], "mode": mode, "at": at}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        told = json.loads(self.process.stdout.readline())
        assert not told["error"], told["error"]
        return told

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def killer():
    server = Killer()
    yield server
    server.close()


@frozen
class Case:
    """A command, what is there before it, and what it leaves besides the memory."""

    arguments: tuple
    prepared: tuple = ()
    code: int = 0


CASES = {
    "first-remember": Case(("remember", FACT)),
    "migrate": Case(("--set", "bank_migrate.batch=20", "migrate", "WORKSPACE")),
    "migrate-again": Case(
        ("migrate", "WORKSPACE", "--incremental"), (("migrate", "WORKSPACE"), "change", "and the world")
    ),
    "remember": Case(("remember", FACT), (("migrate", "WORKSPACE"),)),
    "ingest": Case(("ingest", "WORKSPACE/memory/2026-04-28-2215.md", "WORKSPACE/bank/world.md"), (("remember", FACT),)),
    "maintain": Case(("maintain",), (("migrate", "WORKSPACE"),)),
    "archive": Case(("archive", "WORKSPACE", "--older-than", "30"), (("migrate", "WORKSPACE"),)),
    "forget": Case(("forget", "--namespace", "default", "--yes"), (("migrate", "WORKSPACE"), ("remember", FACT))),
    "import": Case(("import", "EXPORT")),
    "wiki": Case(("wiki", "import", "WORKSPACE/wiki"), (("migrate", "WORKSPACE"),)),
    "ontology": Case(("ontology-sync", "WORKSPACE")),
    "reindex": Case(("reindex",), (("migrate", "WORKSPACE"),)),
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    workspace = small_workspace(folder / "workspace")
    assert memcore(folder, "--now", NOW, "migrate", workspace).code == 0
    assert memcore(folder, "--now", NOW, "export", folder / "all.jsonl").code == 0
    return folder / "all.jsonl"


class Scene:
    """A home and a workspace as they are before the command, made anew for every kill under the same paths."""

    def __init__(self, root: Path, case: Case, exported: Path):
        self.home, self.workspace, self.case = root / "home", root / "workspace", case
        self.places = {"WORKSPACE": str(self.workspace), "EXPORT": str(exported)}
        small_workspace(self.workspace)
        self.home.mkdir()
        memcore(self.home, "plugins", "list")  # the index of plugins, which every home has after its first command
        for step in case.prepared:
            if isinstance(step, tuple):
                assert memcore(self.home, "--now", NOW, *self.filled(step)).code == 0
            elif step == "change":
                text = (self.workspace / "bank/world.md").read_text()
                (self.workspace / "bank/world.md").write_text(text.replace("Ganggu", "Dongho") + f"- W: {FACT}\n")
                (self.workspace / "memory/2025-11-18.md").unlink()
        for name in ("home", "workspace"):
            shutil.copytree(root / name, root / f"{name}-before", copy_function=shutil.copy2)
        self.root = root

    def filled(self, arguments):
        filled = [str(argument) for argument in arguments]
        for word, place in self.places.items():
            filled = [each.replace(word, place) for each in filled]
        return filled

    def reset(self):
        for name in ("home", "workspace"):
            shutil.rmtree(self.root / name)
            shutil.copytree(self.root / f"{name}-before", self.root / name, copy_function=shutil.copy2)

    def state(self):
        """Return everything there is: all tables, and the files of the workspace."""
        with Engine.open(home=self.home, environ={}) as engine:
            assert engine.backend.health().ok
            tables = dump(engine)
        files = {p.relative_to(self.workspace): p.read_bytes() for p in self.workspace.rglob("*") if p.is_file()}
        return tables, files


def sound(home):
    """Assert that the file is whole, as a stranger's sqlite3 sees it."""
    if (path := home / "memory.db").exists() and path.stat().st_size:
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def points(total, wanted):
    """Return up to `wanted` numbers from 1 to `total`, the first and the last among them, evenly spread."""
    if total <= wanted:
        return range(1, total + 1)
    return sorted({1 + round(i * (total - 1) / (wanted - 1)) for i in range(wanted)})


def stops(killer, scene, mode):
    """Return the points at which this command is to be killed, from what an undisturbed run does."""
    told = killer.run(scene.home, scene.filled(scene.case.arguments), mode=mode)
    assert (told["killed"], told["code"]) == (False, scene.case.code), told
    if mode != "bytes":
        return points(told["count"], POINTS[mode])
    before = (scene.root / "home-before" / "memory.db")
    start = before.stat().st_size if before.exists() else 0
    return [start // 2 + 1, *(start + 1 + 9_001 * 3**i for i in range(POINTS[mode] - 1))]


@pytest.mark.parametrize("mode", POINTS)
@pytest.mark.parametrize("name", CASES)
def test_what_was_killed_can_be_done_again_and_ends_the_same(tmp_path, killer, exported, name, mode):
    scene = Scene(tmp_path, CASES[name], exported)
    arguments = scene.filled(scene.case.arguments)
    where = stops(killer, scene, mode)
    tables, files = scene.state()
    killed = 0
    for at in where:
        scene.reset()
        told = killer.run(scene.home, arguments, mode=mode, at=at)
        killed += told["killed"]
        assert told["killed"] or mode == "bytes", (at, told)
        sound(scene.home)
        again = killer.run(scene.home, arguments)
        assert again["code"] == scene.case.code, (at, again)
        found, there = scene.state()
        assert changes(tables, found) == {}, f"killed at {mode} {at}"
        assert there == files, f"killed at {mode} {at}"
    assert killed or not where
