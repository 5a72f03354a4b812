"""Asks the kill server: the real program in a process of its own, on bad days."""

from __future__ import annotations

import json
import subprocess
import sys

import kill_server


class Killer:
    """Runs the program as its console script does, under conditions; a traceback that reaches a user fails the test."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, kill_server.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, home, arguments, mode="", at=0, **more):
        """Return what the run left; see `kill_server` for the conditions."""
        job = {"home": str(home), "arguments": [str(each) for each in arguments], "mode": mode, "at": at, **more}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        told = json.loads(self.process.stdout.readline())
        assert not told["error"], told["error"]
        assert "Traceback" not in told["err"], told["err"]
        return told

    def close(self):
        """End the server and all it started."""
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()
