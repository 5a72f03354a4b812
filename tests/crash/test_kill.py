"""Processes killed in the middle: the file opens, nothing is half-written, and doing it again ends where it would have."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from attrs import frozen
from killer import Killer
from memcore import Engine, Scope
from program import memcore
from whole import changes, dump, small_workspace

NOW = "2026-10-10"
POINTS = {"sql": 10, "file": 6, "bytes": 6}
SECRET = "zwölf Fässer Fichtenharz"
FACT = f"The cellar of pier 4 holds {SECRET}."


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


def alive(killer, home, arguments, mode="sql", at=0):
    """Run a command at one and the same time of the calendar."""
    return killer.run(home, ["--now", NOW, *arguments], mode, at)


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
        tables["wiki_log"] = [row for row in tables["wiki_log"] if row[4] != "import"]  # tells runs, not their result
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
    told = alive(killer, scene.home, scene.filled(scene.case.arguments), mode=mode)
    assert (told["killed"], told["code"]) == (False, scene.case.code), told
    if mode != "bytes":
        return points(told["count"], POINTS[mode])
    before = scene.root / "home-before" / "memory.db"
    start = before.stat().st_size if before.exists() else 0
    return [start // 2 + 1, *(start + 1 + 9_001 * 3**i for i in range(POINTS[mode] - 1))]


@pytest.mark.parametrize("mode", POINTS)
@pytest.mark.parametrize("name", CASES)
def test_what_was_killed_can_be_done_again_and_ends_the_same(tmp_path, killer, exported, name, mode):
    scene = Scene(tmp_path, CASES[name], exported)
    arguments = scene.filled(scene.case.arguments)
    where = stops(killer, scene, mode)
    once = scene.state()
    alive(killer, scene.home, arguments)
    twice = scene.state()
    killed = 0
    for at in where:
        scene.reset()
        told = alive(killer, scene.home, arguments, mode=mode, at=at)
        killed += told["killed"]
        sound(scene.home)
        if not told["killed"]:
            assert mode == "bytes", (at, told)
            continue
        again = alive(killer, scene.home, arguments)
        assert again["code"] == scene.case.code, (at, again)
        tables, files = scene.state()
        if changes(twice[0], tables):  # else it was killed when all was done
            assert changes(once[0], tables) == {}, f"killed at {mode} {at}"
        assert files == once[1], f"killed at {mode} {at}"
    assert killed or not where


def bytes_of(folder):
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("mode", POINTS)
def test_a_forgetting_that_was_killed_and_done_again_leaves_no_text_behind(tmp_path, killer, exported, mode):
    scene = Scene(tmp_path, CASES["forget"], exported)
    arguments = scene.filled(scene.case.arguments)
    assert SECRET.encode() in bytes_of(scene.home)
    for at in stops(killer, scene, mode):
        scene.reset()
        alive(killer, scene.home, arguments, mode=mode, at=at)
        alive(killer, scene.home, arguments)
        assert SECRET.encode() not in bytes_of(scene.home), f"killed at {mode} {at}"


@pytest.mark.parametrize("mode", POINTS)
def test_a_forgetting_that_was_killed_removed_all_records_or_none(tmp_path, killer, exported, mode):
    scene = Scene(tmp_path, CASES["forget"], exported)
    arguments = scene.filled(scene.case.arguments)
    with Engine.open(home=scene.home, environ={}) as engine:
        everything = sum(1 for _ in engine.scan(Scope(statuses=())))
    for at in stops(killer, scene, mode):
        scene.reset()
        alive(killer, scene.home, arguments, mode=mode, at=at)
        with Engine.open(home=scene.home, environ={}) as engine:
            assert sum(1 for _ in engine.scan(Scope(statuses=()))) in (0, everything), f"killed at {mode} {at}"


@pytest.mark.parametrize("mode", ["file", "bytes"])
@pytest.mark.parametrize("command", ["export", "backup"])
def test_a_copy_that_was_killed_is_whole_or_not_there(tmp_path, killer, exported, command, mode):
    target = tmp_path / "copies" / "copy"
    target.parent.mkdir()
    scene = Scene(tmp_path, Case((command, target), (("migrate", "WORKSPACE"),)), exported)
    told = alive(killer, scene.home, scene.case.arguments, mode=mode)
    whole = target.read_bytes()
    where = points(told["count"], POINTS["file"]) if mode == "file" else (1, len(whole) // 2, len(whole) - 1)
    for at in where:
        scene.reset()
        target.unlink(missing_ok=True)
        assert alive(killer, scene.home, scene.case.arguments, mode=mode, at=at)["killed"] or mode == "bytes"
        assert not target.exists() or target.read_bytes() == whole, f"killed at {mode} {at}"
        sound(scene.home)
        target.unlink(missing_ok=True)
        assert alive(killer, scene.home, scene.case.arguments)["code"] == 0
        assert len(target.read_bytes()) == len(whole)


def test_a_copy_in_place_of_another_leaves_the_old_one_until_it_is_whole(tmp_path, killer, exported):
    target = tmp_path / "copies" / "all.jsonl"
    target.parent.mkdir()
    scene = Scene(tmp_path, Case(("export", target, "--force"), (("migrate", "WORKSPACE"),)), exported)
    told = alive(killer, scene.home, scene.case.arguments, mode="file")
    for at in points(told["count"], POINTS["file"]):
        target.write_bytes(b"the old copy")
        alive(killer, scene.home, scene.case.arguments, mode="file", at=at)
        assert target.read_bytes() == b"the old copy" or target.read_bytes().endswith(b"}\n")
