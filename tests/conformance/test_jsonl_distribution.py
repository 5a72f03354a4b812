"""A stranger's backend: built, installed beside memcore in a clean environment, listed, tested, migrated to and searched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "memcore-backend-jsonl"
WORKSPACE = ROOT / "docs" / "examples" / "workspace"
BIN = "Scripts" if os.name == "nt" else "bin"


@frozen
class Installed:
    """A clean environment with memcore and the example, and a home of its own."""

    folder: Path

    def run(self, program: str, *arguments: str, cwd: Path | None = None) -> str:
        """Run a program of the environment; return what it prints."""
        command = [str(self.folder / "venv" / BIN / program), *arguments]
        done = subprocess.run(
            command, cwd=cwd or self.folder, env=environment(self.folder), capture_output=True, text=True
        )
        assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """Run memcore and return the JSON it prints."""
        return json.loads(self.run("memcore", *arguments))


def environment(home: Path) -> dict[str, str]:
    """Return an environment that knows nothing of this checkout and of the tests that run in it."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PYTHON", "COV", "PYTEST", "MEMCORE", "VIRTUAL"))
    }
    return {**kept, "MEMCORE_HOME": str(home / "home"), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"}


def call(*command: str) -> None:
    """Run a command; show what it said if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}"


def wheel(source: Path, folder: Path) -> str:
    """Build the wheel of a project; with hatchling at hand no index is needed."""
    isolation = ["--no-build-isolation"] if find_spec("hatchling") else []
    if find_spec("uv"):
        call(
            sys.executable,
            "-m",
            "uv",
            "build",
            "--quiet",
            "--wheel",
            *isolation,
            "--python",
            sys.executable,
            "-o",
            str(folder),
            str(source),
        )
    else:
        call(
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            *isolation,
            "--wheel-dir",
            str(folder),
            str(source),
        )
    (built,) = folder.glob("*.whl")
    return str(built)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Build both distributions and install them with their test dependencies, from wheels only."""
    folder = tmp_path_factory.mktemp("stranger")
    wheels = [wheel(ROOT, folder / "memcore"), f"{wheel(EXAMPLE, folder / 'jsonl')}[testing]"]
    python = str(folder / "venv" / BIN / "python")
    if find_spec("uv"):
        call(sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, str(folder / "venv"))
        call(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python, *wheels)
    else:
        call(sys.executable, "-m", "venv", str(folder / "venv"))
        call(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wheels)
    return Installed(folder)


def test_it_comes_from_its_own_wheel(installed: Installed) -> None:
    program = "import memcore, memcore_backend_jsonl; print(memcore.__file__); print(memcore_backend_jsonl.__file__)"
    places = installed.run("python", "-c", program).split("\n")
    assert all(str(installed.folder / "venv") in place for place in places if place)


def test_memcore_lists_it(installed: Installed) -> None:
    listed = installed.json("plugins", "list", "--json")
    rows = listed["plugins"] if isinstance(listed, dict) else listed
    (row,) = [row for row in rows if row["name"] == "jsonl"]
    assert row["status"] == "active"
    assert "memcore-backend-jsonl" in json.dumps(row)
    assert row["hooks"] == ["memcore_backend"]


def test_its_test_file_passes_where_it_is_installed(installed: Installed) -> None:
    copy = installed.folder / "checkout"
    shutil.copytree(EXAMPLE / "tests", copy / "tests")
    said = installed.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=copy).splitlines()[-1]
    assert " passed" in said
    assert "failed" not in said
    assert "error" not in said


def test_its_whole_test_file_has_ten_lines() -> None:
    lines = (EXAMPLE / "tests" / "test_jsonl.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 10


def test_a_real_workspace_is_migrated_to_it_and_searched(installed: Installed) -> None:
    report = installed.run("memcore", "--backend", "jsonl", "migrate", str(WORKSPACE))
    assert " files -> " in report
    assert ", 0 errors" in report
    lines = (installed.folder / "home" / "memory.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines[1:]]
    assert len(records) > 40
    found = installed.run("memcore", "--backend", "jsonl", "search", "where does the replica run")
    assert "Bergen" in found
    korean = installed.run("memcore", "--backend", "jsonl", "search", "물때")
    assert "물때" in korean
