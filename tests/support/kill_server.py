"""A program that runs memcore in a forked process and kills it at a chosen point; one JSON line asks, one answers.

`{"home": ..., "arguments": [...], "mode": "sql" | "file" | "bytes", "at": n}` runs the program and kills it with
SIGKILL before its n-th SQL statement or its n-th change of a file's name or existence, or with SIGXFSZ in the middle of
the write that makes any file longer than n bytes; 0 lets it live. Mode "full" has those writes fail instead, as they do
on a full disk. `"plain": true` takes from root the right to pass over permissions. The answer is
`{"killed": bool, "code": n, "count": n, "out": text, "err": text, "error": text}`: the count of statements or changes
that were seen, both streams, and what went wrong in this program itself.
"""

from __future__ import annotations

import ctypes
import io
import json
import os
import resource
import signal
import sqlite3
import sys
import tempfile
from pathlib import Path

CHANGES = ("os.rename", "os.link", "os.symlink", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.move")

STREAMS = {"out": ".out", "err": ".err", "error": ".bug"}


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
    counter = Counter(at if mode in ("sql", "file") else 0)
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
        if mode == "full":  # Python ignores SIGXFSZ, so that the write fails with EFBIG
            resource.setrlimit(resource.RLIMIT_FSIZE, (at, at))
            return counter
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (at, at))
    return counter


def obey_permissions() -> None:
    """Give up the capabilities that let root read and write what its mode forbids (Linux)."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3 of the interface, this process
        if libc.capset(header, (ctypes.c_uint32 * 6)()) != 0:
            raise OSError(ctypes.get_errno(), "capset")


def live(job: dict, report: Path) -> None:
    """Run the program as its console script does; say how it ended, if it gets that far."""
    from memcore.cli import main

    os.environ.update({"MEMCORE_HOME": job["home"], **job.get("env", {})})
    sys.argv = ["memcore", *job["arguments"]]
    for number, name in ((1, ".out"), (2, ".err")):
        os.dup2(os.open(report.with_suffix(name), os.O_CREAT | os.O_WRONLY | os.O_APPEND), number)
    sys.stdin = io.TextIOWrapper(io.BytesIO(job.get("stdin", "").encode()), encoding="utf-8")
    if job.get("plain"):
        obey_permissions()
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

                    traceback.print_exc(file=open(report.with_suffix(".bug"), "a"))
                finally:
                    os._exit(status)
            _, status = os.waitpid(pid, 0)
            told = json.loads(report.read_text()) if report.exists() else {"code": -1, "count": 0}
            streams = {name: report.with_suffix(suffix) for name, suffix in STREAMS.items()}
            texts = {name: path.read_text(errors="replace") if path.exists() else "" for name, path in streams.items()}
            answer = {**told, **texts, "killed": os.WIFSIGNALED(status)}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve()
