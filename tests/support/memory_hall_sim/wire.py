"""Speak HTTP/1.1 on a socket of 127.0.0.1 and let faults happen on the way (§0.9, §1, §7.5)."""

from __future__ import annotations

import contextlib
import select
import socket
import socketserver
import struct
import sys
import threading
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

from memory_hall_sim.controls import BEFORE, WAITS, Controls, Fault
from memory_hall_sim.hall import Hall
from memory_hall_sim.routes import App, Request, Response, route_name
from memory_hall_sim.store import Stopped

__all__ = ["Listener", "reserve_port"]

_ABORT = struct.pack("ii", 1, 0)


def reserve_port() -> tuple[int, socket.socket | None]:
    """Return a free port of 127.0.0.1 and a socket that keeps it from others while nobody listens.

    The socket is bound, never listening, so connecting to the port is refused. Only Linux lets a listener bind beside
    it; elsewhere the port is free but not kept, and the socket is None.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    port = int(holder.getsockname()[1])
    if sys.platform == "linux":
        return port, holder
    holder.close()
    return port, None


class Listener(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Listen on a port and serve each connection on a thread of its own until `close`."""

    allow_reuse_address = True
    allow_reuse_port = False
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, hall: Hall, controls: Controls) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.hall = hall
        self.controls = controls
        self.app = App(hall, controls)
        self._connections: set[socket.socket] = set()
        self._busy = 0
        self.finishing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), name="memory-hall", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Return the port in use."""
        return int(self.server_address[1])

    def stop_listening(self) -> None:
        """Refuse connections from now on; those that are open stay."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def close(self) -> None:
        """Stop listening and cut every open connection, as the death of the process does."""
        self.stop_listening()
        self.cut_connections()

    def cut_connections(self) -> None:
        """Cut every open connection."""
        with self._changed:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def finish(self, timeout: float) -> None:
        """Let requests in flight be answered, the last ones of their connections, at most `timeout` seconds."""
        self.finishing = True
        with self._changed:
            self._changed.wait_for(lambda: self._busy == 0, timeout)

    @contextlib.contextmanager
    def answering(self) -> Any:
        """Count a request as being answered."""
        with self._changed:
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection and start its thread."""
        with self._changed:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection and close it."""
        with self._changed:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep an unexpected exception for the test; a client that went away is none."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):
            self.controls.crashes.append(error)


class _Connection(BaseHTTPRequestHandler):
    """Serve the requests of one connection in turn."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Listener

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(self.server.controls.settings.idle_close)

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing; the request log of the controls has it all."""

    def _serve(self) -> None:
        if "transfer-encoding" in self.headers:
            self.close_connection = True
            self._send(Response.plain(411, "Length Required"))
            return
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(method=self.command, target=self.path, headers=headers, body=body)
        route = route_name(request.method, request.path)
        controls = self.server.controls
        number = controls.record(route=route, method=self.command, target=self.path, headers=headers, body=request.body)
        with self.server.answering():
            self.close_connection = self.close_connection or self.server.finishing
            dying = self._answer(request, number, *controls.take(route))
        if dying:
            self._die_unannounced()

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = _serve

    def _answer(self, request: Request, number: int, faults: list[Fault], release: threading.Event) -> bool:
        """Answer a request, or not; return whether the connection is dead without the client knowing."""
        stopped = self.server.hall.stopped
        fault = next((f for f in faults if f.action not in WAITS), None)
        for wait in faults:
            if wait.action in WAITS and not stopped.is_set():
                release.wait(wait.seconds if wait.action == "delay" else None)
        if stopped.is_set() or (fault and fault.action == "reset"):
            self._reset()
            return False
        try:
            early = fault is not None and fault.action in BEFORE
            response = _status(fault) if early and fault else self.server.app.handle(request)
        except Stopped:
            self.close_connection = True
            return False
        if fault and fault.action == "status_after":
            response = _status(fault)
        self.server.controls.answer(number, response.status)
        return self._deliver(response, fault.action if fault else "")

    def _deliver(self, response: Response, action: str) -> bool:
        if action == "drop":
            self.close_connection = True
            return False
        if action == "cut":
            self._send(response, cut=True)
            self._reset()
            return False
        self._send(_spoilt(response, action))
        return response.status == 500 and not self.close_connection

    def _send(self, response: Response, *, cut: bool = False) -> None:
        phrase = HTTPStatus(response.status).phrase
        headers = {
            "date": format_datetime(self.server.controls.now(), usegmt=True),
            "server": "uvicorn",
            "content-length": str(len(response.body)),
            **response.headers,
        }
        if self.close_connection:
            headers["connection"] = "close"
        lines = [f"HTTP/1.1 {response.status} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
        body = b"" if self.command == "HEAD" else response.body
        if cut:
            body = body[: len(body) // 2]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def _die_unannounced(self) -> None:
        """Stay open after a 500 until the client sends something or `linger_after_500` is over, then reset."""
        select.select([self.connection], [], [], self.server.controls.settings.linger_after_500)
        self._reset()

    def _reset(self) -> None:
        """End the connection with a TCP reset instead of an orderly close."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        self.connection.close()


def _status(fault: Fault) -> Response:
    if fault.action == "redirect":
        return Response(status=307, headers={"location": fault.location})
    if fault.status == 500:
        return Response.plain(500, "Internal Server Error")
    return Response.detail(fault.status, HTTPStatus(fault.status).phrase)


def _spoilt(response: Response, action: str) -> Response:
    json_type = {"content-type": "application/json"}
    if action == "garbage":
        return Response(status=response.status, body=b"<html>\xff not json", headers=json_type)
    if action == "truncate":
        return Response(status=response.status, body=response.body[: len(response.body) // 2], headers=json_type)
    return response
