"""A program that runs memcore in a forked process and kills it at a chosen point; one JSON line asks, one answers.

`{"home": ..., "arguments": [...], "mode": "sql" | "file" | "bytes", "at": n}` runs the program and kills it with
SIGKILL before its n-th SQL statement or its n-th change of a file's name or existence, or with SIGXFSZ in the middle of
the write that makes any file longer than n bytes; 0 lets it live. The answer is
`{"killed": bool, "code": n, "count": n, "error": text}`, the count being the statements or changes that were seen.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import sys
import tempfile
from pathlib import Path

CHANGES = ("os.rename", "os.link", "os.symlink", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.move")


class Counter:
    """Counts events and ends the process at the chosen one."""

    def __init__(self, at: int) -> None:
        self.at, self.count = at, 0

    def tick(self, *_: object) -> None:
        self.count += 1
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def watch(mode: str, at: int) -> Counter:
    """Arrange for the end of this process."""
    counter = Counter(at if mode != "bytes" else 0)
    if mode == "sql":
        connect = sqlite3.connect

        def traced(*given, **named):
            connection = connect(*given, **named)
            connection.set_trace_callback(counter.tick)
            return connection

        sqlite3.connect = traced
    elif mode == "file":

        def hook(event, given):
            made = event == "open" and isinstance(given[2], int) and given[2] & (os.O_CREAT | os.O_TRUNC)
            if event in CHANGES or made:
                counter.tick()

        sys.addaudithook(hook)
    elif at:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (at, at))
    return counter


def live(job: dict, report: Path) -> None:
    """Run the program as its console script does; say how it ended, if it gets that far."""
    from memcore.cli import main

    os.environ["MEMCORE_HOME"] = job["home"]
    sys.argv = ["memcore", *job["arguments"]]
    output = os.open(report.with_suffix(".out"), os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    counter, code = watch(job["mode"], job["at"]), 0
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    sys.stdout.flush()
    sys.stderr.flush()
    counter.at = 0
    report.write_text(json.dumps({"code": code, "count": counter.count}))


def serve() -> None:
    """Answer until standard input ends."""
    import memcore.engine
    from memcore.discovery import Catalog

    Catalog.discover()  # imports every plugin, so that a forked process starts at once
    for line in sys.stdin:
        job = json.loads(line)
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report"
            pid = os.fork()
            if not pid:
                status = 70
                try:
                    live(job, report)
                    status = 0
                except BaseException:
                    import traceback

                    traceback.print_exc(file=open(report.with_suffix(".out"), "a"))
                finally:
                    os._exit(status)
            _, status = os.waitpid(pid, 0)
            told = json.loads(report.read_text()) if report.exists() else {"code": -1, "count": 0}
            output = report.with_suffix(".out")
            text = output.read_text(errors="replace") if output.exists() else ""
            answer = {"killed": os.WIFSIGNALED(status), "error": text if os.WIFEXITED(status) and status else "", "out": text}
            print(json.dumps({**told, **answer}), flush=True)


if __name__ == "__main__":
    serve()
