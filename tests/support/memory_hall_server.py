"""A memory-hall server for tests: real HTTP on 127.0.0.1 over a real SQLite file, and faults on request.

It behaves as the fact sheet of the real server says, quirk by quirk; the numbers after `§` name its sections. What is
simpler than the real thing: words are cut and embedded by the rules in `memory_hall_sim.text`; a connection that dies
after a 500 always takes the next request with it, not in seven cases of ten; metadata nested between about 950 and
1,500 levels is refused where the real server still stores it; a request body must come with its length.

    with MemoryHallServer(tmp_path / "hall.db", Settings(token="secret")) as server:
        client = httpx.Client(base_url=server.url, headers={"Authorization": "Bearer secret"})

`MemoryHallServer` lives in the test's process and can be told to fail. `MemoryHallProcess` is the same server as a
process of its own, to be killed for real.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from memory_hall_sim.controls import Action, Controls, Fault, LoggedRequest, Settings, StubEmbedder
from memory_hall_sim.entries import stored_entries
from memory_hall_sim.hall import Hall
from memory_hall_sim.wire import Listener, reserve_port

__all__ = ["LoggedRequest", "MemoryHallProcess", "MemoryHallServer", "Settings", "main"]


class MemoryHallServer:
    """Run the server on threads of this process; every method may be called from any thread.

    Faults apply to the next matching requests in order of arrival; `route` is one of the names in
    `memory_hall_sim.routes.ROUTES` (`write`, `search`, `list`, `get`, ...), None for all.
    """

    def __init__(self, db: Path, settings: Settings | None = None, *, port: int = 0) -> None:
        self.db = db
        self._port, self._holder = (port, None) if port else reserve_port()
        self._controls = Controls(settings or Settings(token="test-token"))
        self._life = threading.RLock()
        self._hall: Hall | None = None
        self._listener: Listener | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
        if error is None and self._controls.crashes:
            raise AssertionError("the test server itself failed") from self._controls.crashes[0]

    @property
    def port(self) -> int:
        """Return the port, the same over every restart."""
        return self._port

    @property
    def url(self) -> str:
        """Return the base URL."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def settings(self) -> Settings:
        """Return the settings in force."""
        return self._controls.settings

    @property
    def embedder(self) -> StubEmbedder:
        """Return the embedding service: `up(delay=)`, `down(error)`, `hang()`; `calls` counts what it was asked."""
        return self._controls.embedder

    @property
    def running(self) -> bool:
        """Tell whether the server is alive, listening or not."""
        return self._hall is not None

    # Life and death

    def start(self) -> None:
        """Open the data file and listen; does nothing when it runs already."""
        with self._life:
            if self._hall is None:
                self._hall = Hall(self.db, self._controls)
            if self._listener is None:
                self._listener = Listener(self._port, self._hall, self._controls)

    def kill(self) -> None:
        """Die at once: queued writes are lost, connections cut, committed rows stay (§7.5)."""
        with self._life:
            hall, listener, self._hall, self._listener = self._hall, self._listener, None, None
            if hall is not None:
                hall.kill()
            self._controls.embedder.wake()
            self._controls.wake()
            if listener is not None:
                listener.close()

    def restart(self) -> None:
        """Kill the server and start it on the same port and data file; a poisoned writer is well again (§10)."""
        with self._life:
            self.kill()
            self.start()

    def terminate(self) -> None:
        """Stop as on SIGTERM: finish and answer what is in flight, then end (§7.5)."""
        with self._life:
            hall, listener, self._hall, self._listener = self._hall, self._listener, None, None
            if listener is not None:
                listener.stop_listening()
                listener.finish(self.settings.embed_timeout + 5.0)
                listener.cut_connections()
            if hall is not None:
                hall.drain()

    def refuse_connections(self) -> None:
        """Stop listening and cut open connections, without losing what is in memory."""
        with self._life:
            if self._listener is not None:
                self._listener.close()
                self._listener = None

    def accept_connections(self) -> None:
        """Listen again on the same port."""
        self.start()

    def close(self) -> None:
        """Kill the server and give its port back."""
        self.kill()
        if self._holder is not None:
            self._holder.close()

    # Faults

    def slow(self, seconds: float, *, route: str | None = None, times: int | None = None) -> None:
        """Handle requests only after `seconds`, until `clear_faults` unless `times` are given."""
        self._fault("delay", route, times, seconds=seconds)

    def hang(self, *, route: str | None = None, times: int | None = None) -> None:
        """Leave requests unhandled; `clear_faults` lets those that wait go on late, a kill drops them."""
        self._fault("hang", route, times)

    def reset_next(self, times: int | None = 1, *, route: str | None = None) -> None:
        """Reset the connection before the request is handled."""
        self._fault("reset", route, times)

    def reset_mid_body(self, times: int | None = 1, *, route: str | None = None) -> None:
        """Handle the request, send half of the answer's body, then reset the connection."""
        self._fault("cut", route, times)

    def drop_response(self, times: int | None = 1, *, route: str | None = None) -> None:
        """Handle the request, then close the connection without a byte: a write is stored, the client cannot know."""
        self._fault("drop", route, times)

    def fail_next(
        self, times: int | None = 1, status: int = 500, *, route: str | None = None, after_commit: bool = False
    ) -> None:
        """Answer with this status instead of handling the request, or after handling it.

        A 500 leaves a connection that looks alive and is dead, as on the real server (§0.9).
        """
        self._fault("status_after" if after_commit else "status", route, times, status=status)

    def redirect_next(
        self, times: int | None = 1, *, location: str = "http://127.0.0.1:9/elsewhere", route: str | None = None
    ) -> None:
        """Answer 307 to another address, with an empty body, instead of handling the request."""
        self._fault("redirect", route, times, location=location)

    def garbage_json(self, times: int | None = 1, *, route: str | None = None) -> None:
        """Handle the request and send something that is not JSON under the status and type of the answer."""
        self._fault("garbage", route, times)

    def truncate_json(self, times: int | None = 1, *, route: str | None = None) -> None:
        """Handle the request and send the first half of the answer as if it were whole."""
        self._fault("truncate", route, times)

    def clear_faults(self) -> None:
        """Switch every fault off and let held requests go on; embedder, clock and settings stay as they are."""
        self._controls.clear()

    def configure(self, **changes: Any) -> None:
        """Change settings by name while the server runs, such as `token="other"` to lock the client out."""
        self._controls.configure(**changes)

    def skew_clock(self, seconds: float) -> None:
        """Set the server's clock ahead of this machine's, or behind it when negative."""
        self._controls.skew(seconds)

    def poison(self) -> None:
        """Leave the writer in the state that a lone surrogate leaves behind (§10)."""
        self._alive().store.poisoned = True

    def retry_pending(self) -> dict[str, int]:
        """Run the background pass over pending entries now instead of every 120 s (§7.3)."""
        return self._alive().retry_pending()

    def expire_health(self) -> None:
        """Let the cached health report be too old (§7.4)."""
        self._alive().expire_health()

    # What happened

    def requests(self, route: str | None = None, *, status: int | None = None) -> list[LoggedRequest]:
        """Return the requests so far in order of arrival, of one route or answered status when given."""
        return self._controls.log(route, status)

    def count(self, route: str | None = None, *, status: int | None = None) -> int:
        """Count the requests so far, of one route or answered status when given."""
        return len(self._controls.log(route, status))

    def clear_requests(self) -> None:
        """Empty the request log."""
        self._controls.forget()

    def wait_for(self, condition: Callable[[], bool], *, timeout: float = 10.0) -> None:
        """Wait until a condition on this server holds; raise `TimeoutError` when it does not come true."""
        if not self._controls.wait(condition, timeout):
            raise TimeoutError(f"nothing of the kind happened within {timeout:g} s")

    def stored(self, namespace: str | None = None) -> list[dict[str, Any]]:
        """Return the entries in the data file, oldest first, whether or not the server runs."""
        return stored_entries(self.db, namespace)

    def _fault(self, action: Action, route: str | None, times: int | None, **details: Any) -> None:
        self._controls.add(Fault(action=action, route=route, times=times, **details))

    def _alive(self) -> Hall:
        if self._hall is None:
            raise RuntimeError("the test server is not running")
        return self._hall


class MemoryHallProcess:
    """Run the server as a process of its own that `kill` ends with SIGKILL; the port outlives it."""

    def __init__(self, db: Path, *, token: str = "test-token", embed_delay: float = 0.0) -> None:
        self.db = db
        self.port, self._holder = reserve_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._options = ["--token", token, "--embed-delay", str(embed_delay)]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()
        if self._holder is not None:
            self._holder.close()

    def start(self) -> None:
        """Start the process and wait until it listens."""
        command = [sys.executable, __file__, "--port", str(self.port), "--db", str(self.db), "--until-eof"]
        self._process = subprocess.Popen(
            [*command, *self._options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != str(self.port):
            raise RuntimeError("the test server did not start")

    def kill(self) -> None:
        """End the process with SIGKILL; does nothing when it does not run."""
        self._end(signal.SIGKILL)

    def terminate(self) -> int:
        """End the process with SIGTERM and return its exit code."""
        return self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Kill the process and start it on the same port and data file."""
        self.kill()
        self.start()

    def stored(self, namespace: str | None = None) -> list[dict[str, Any]]:
        """Return the entries in the data file, oldest first, whether or not the server runs."""
        return stored_entries(self.db, namespace)

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        with process:
            process.send_signal(number)
            return process.wait()


def _wait_for_eof(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


def main(arguments: list[str] | None = None) -> None:
    """Run the server until SIGTERM or SIGINT, printing its port once it listens."""
    parser = argparse.ArgumentParser(description="A memory-hall server for tests.")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any free one)")
    parser.add_argument("--db", type=Path, required=True, help="the SQLite file")
    parser.add_argument("--token", help="the token clients must send (default: none configured)")
    parser.add_argument("--embed-delay", type=float, default=0.0, help="seconds the embedder takes per text")
    parser.add_argument("--until-eof", action="store_true", help="also stop when standard input ends")
    options = parser.parse_args(arguments)
    server = MemoryHallServer(options.db, Settings(token=options.token), port=options.port)
    server.embedder.up(delay=options.embed_delay)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    server.start()
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    if options.until_eof:
        threading.Thread(target=_wait_for_eof, args=(ended,), daemon=True).start()
    ended.wait()
    server.terminate()


if __name__ == "__main__":
    main()
