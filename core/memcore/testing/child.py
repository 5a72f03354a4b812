"""The other process of a test: it loads the suite class from its file, opens the same memory, and does one job."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from memcore.testing.guard import NetworkGuard

if TYPE_CHECKING:
    from memcore.testing.harness import Harness

__all__ = ["main", "started"]

PATIENCE = 60.0  # seconds until a process that hangs is killed


@contextmanager
def started(suite: Harness, folder: Path, job: str, *arguments: str) -> Iterator[tuple[IO[str], Callable[[], None]]]:
    """Run a job (`write` or `use`) in another process on the memory in `folder`; it has ended when the block ends.

    Gives the stream of what it prints, and the function that kills it.
    """
    found = type(suite)
    if "<locals>" in found.__qualname__:
        raise TypeError(f"{found.__qualname__} must stand at the top level of its file: another process imports it")
    program = f"import sys; from {__name__} import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", program, str(sys.modules[found.__module__].__file__), found.__qualname__]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command += [str(folder), job, *arguments]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as process:
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        try:
            assert process.stdout is not None
            yield process.stdout, process.kill
        finally:
            watchdog.cancel()
            process.kill()


def _load(file: str, name: str) -> Harness:
    spec = importlib.util.spec_from_file_location("memcore_suite_under_test", file)
    assert spec is not None and spec.loader is not None, file
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    suite: Harness = getattr(module, name)()
    return suite


def _write(file: str, name: str, folder: str, *arguments: str) -> None:
    """Write numbered texts, one put each, and print each id as soon as its put has returned."""
    from memcore.testing.harness import Store

    namespace, word, count = arguments
    store = Store(_load(file, name), Path(folder))
    for number in range(int(count)):
        stored = store.put(f"{word} number {number}", namespace=namespace)
        _say(stored[0].record.id)
    store.close()


def _use(file: str, name: str, folder: str, *allowed: str) -> None:
    """Import, open, write, search and close with the network closed from the first import on; print what was tried."""
    with NetworkGuard(allowed) as guard:
        from memcore.testing.harness import Store

        store = Store(_load(file, name), Path(folder))
        store.keep("The ferry leaves at nine.")
        store.find("ferry")
        store.close()
    _say(*guard.attempts, "done")


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def main(arguments: list[str]) -> None:
    """Do the job that the arguments name: file, class, folder, job, and what the job needs."""
    file, name, folder, job, *rest = arguments
    {"write": _write, "use": _use}[job](file, name, folder, *rest)
