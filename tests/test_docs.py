"""The pages say what is so: their code runs, their commands work, their generated parts are those of the code."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PROGRAM = Path(sys.executable).parent


def blocks(page, language):
    return re.findall(
        rf"^```{language}\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


def run(command, folder, **env):
    path = f"{PROGRAM}{os.pathsep}{os.environ['PATH']}"
    given = {**os.environ, "PATH": path, "MEMCORE_HOME": str(folder / "home"), **env}
    return subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False)


def test_the_plugin_of_the_guide_works_as_a_distribution(tmp_path):
    (code,), (project,) = blocks("how-to/write-a-plugin.md", "python"), blocks("how-to/write-a-plugin.md", "toml")
    (tmp_path / "memcore_plugin_greetings.py").write_text(code)
    info = tmp_path / "memcore_plugin_greetings-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: memcore-plugin-greetings\nVersion: 1.0\n")
    point = re.search(r"^greetings = \"(.*)\"$", project, re.MULTILINE)[1]
    (info / "entry_points.txt").write_text(f"[memcore]\ngreetings = {point}\n")
    env = {"PYTHONPATH": str(tmp_path)}
    assert run(["memcore", "remember", "Hello from the harbour."], tmp_path, **env).returncode == 0
    assert run(["memcore", "remember", "The tide turns at six."], tmp_path, **env).returncode == 0
    assert run(["memcore", "greetings"], tmp_path, **env).stdout == "1\n"
    listed = run(["memcore", "plugins", "list"], tmp_path, **env).stdout
    assert re.search(r"^greetings\s+active", listed, re.MULTILINE)


@pytest.mark.parametrize("page", ["tutorial/first-memory.md", "how-to/schedule-upkeep.md"])
def test_the_commands_of_a_page_run(page, tmp_path):
    for block in blocks(page, "console"):
        for line in block.splitlines():
            command = line.removeprefix("$ ")
            if not line.startswith("$ memcore "):
                continue
            words = [word.replace("my-memory.db", str(tmp_path / "b.db")) for word in shlex.split(command)]
            words = [word.replace("records.jsonl", str(tmp_path / "r.jsonl")) for word in words]
            done = run(words, tmp_path)
            assert done.returncode == (1 if words[1] == "warn" else 0), f"{command}: {done.stderr}"
            assert "Traceback" not in done.stderr


@pytest.mark.parametrize("line", blocks("how-to/schedule-upkeep.md", "text")[1].splitlines())
def test_the_cron_lines_run(line, tmp_path):
    command = line.split(None, 5)[5].replace("~/agent", str(DOCS / "examples" / "workspace"))
    done = run(shlex.split(command), tmp_path)
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr


def test_the_launchd_file_is_well_formed():
    import plistlib

    (text,) = blocks("how-to/schedule-upkeep.md", "xml")
    found = plistlib.loads(text.encode())
    assert found["ProgramArguments"][1:] == ["maintain"]
