"""Drive the real Hermes Agent in processes of its own: a home, a script of steps, and what came of each step.

Hermes keeps its home and its plugins in caches of the module, so every run is a new process. It runs with `-P` and in the
home, and with the editable memcore taken off its path: what answers is the copy that `memcore hermes install` made.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from attrs import Factory, frozen
from chat_server import ChatServer

__all__ = ["HermesHome", "last_user_text", "system_text"]

CONFIG = """# my agent
model:
  default: scripted
  provider: custom
  base_url: {url}
  context_length: 200000
memory:
  memory_enabled: true  # MEMORY.md
  user_profile_enabled: true
  nudge_interval: 0
compression:
  enabled: true
  protect_first_n: 1
  protect_last_n: 2
"""
TIMEOUT = 180
"""Seconds after which a run counts as stuck; an ordinary one takes ten on a loaded machine."""


@frozen(kw_only=True)
class HermesHome:
    """One home of Hermes and the server its agents talk to."""

    root: Path
    server: ChatServer
    environ: dict[str, str] = Factory(dict)

    def prepare(self, **memories: str) -> HermesHome:
        """Write config.yaml and the memory files: `memory="..."`, `user="..."`."""
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "config.yaml").write_text(CONFIG.format(url=self.server.url))
        for target, text in memories.items():
            path = self.root / "memories" / f"{target.upper()}.md"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return self

    def memcore(self, *arguments: str) -> str:
        """Run the memcore program for this home and return what it printed."""
        program = Path(sys.executable).with_name("memcore")
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, env=self._environ())
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def install(self) -> str:
        """Install memcore into the home."""
        return self.memcore("hermes", "install", "--home", str(self.root))

    def start(self, *steps: list, url: str | None = None) -> subprocess.Popen[str]:
        """Start a process that takes these steps; the next ones may be written to its stdin, one JSON list a line."""
        code = (
            f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import hermes_steps; hermes_steps.main()"
        )
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.root,
            env=self._environ() | {"HERMES_DRIVER_URL": url or self.server.url},
        )
        for step in steps:
            self.tell(process, step)
        return process

    def tell(self, process: subprocess.Popen[str], step: list) -> None:
        """Hand a running process one more step."""
        process.stdin.write(json.dumps(step) + "\n")
        process.stdin.flush()

    def answer(self, process: subprocess.Popen[str]) -> object:
        """Return what came of the next step."""
        line = process.stdout.readline()
        assert line, process.stderr.read()
        return json.loads(line)

    def run(self, *steps: list) -> list:
        """Take these steps in a new process and return what came of each."""
        process = self.start(*steps)
        out, err = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0, err
        found = [json.loads(line) for line in out.splitlines()]
        assert len(found) == len(steps), err
        return found

    def log(self) -> list[dict]:
        """Return the lines of hosts.log."""
        path = self.root / "memcore" / "hosts.log"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def _environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MEMCORE_", "COVERAGE_"))}
        own = {
            "HERMES_HOME": str(self.root),
            "HOME": str(self.root.parent),
            "OPENAI_API_KEY": "scripted",
            "MEMCORE_HOSTS__SECONDS": "7",
        }
        return kept | own | self.environ


def last_user_text(request: dict) -> str:
    """Return the last user message of a request as the model saw it."""
    return next(message["content"] for message in reversed(request["messages"]) if message["role"] == "user")


def system_text(request: dict) -> str:
    """Return the system prompt of a request."""
    return request["messages"][0]["content"]
