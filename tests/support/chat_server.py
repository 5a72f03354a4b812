"""A scripted OpenAI-compatible chat server on 127.0.0.1: it answers what it is told and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["STALL", "ChatServer"]

STALL = object()
"""A step of a script at which the server does not answer."""


class ChatServer:
    """Answer chat completions from a script: a text, (tool name, arguments), or STALL, at which no answer comes until `stall` is set. After
    its end it says "Done."."""

    def __init__(self) -> None:
        self.script: list[Any] = []
        self.requests: list[dict[str, Any]] = []
        self.stall = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> ChatServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def _next(self, body: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(body)
        step = self.script.pop(0) if self.script and body.get("tools") else "Done."
        if step is STALL:
            self.stall.wait(120)
            step = "Late."
        if isinstance(step, str):
            return {"role": "assistant", "content": step}
        name, arguments = step
        call = {"name": name, "arguments": json.dumps(arguments)}
        tool = {"index": 0, "id": f"call_{len(self.requests)}", "type": "function", "function": call}
        return {"role": "assistant", "content": None, "tool_calls": [tool]}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                """Stay quiet."""

            def do_GET(self) -> None:
                self._send(json.dumps({"object": "list", "data": [{"id": "scripted", "object": "model"}]}).encode())

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                message = server._next(body)
                reason = "tool_calls" if message.get("tool_calls") else "stop"
                base = {"id": "c1", "created": 1, "model": "scripted"}
                usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
                if not body.get("stream"):
                    choice = {"index": 0, "message": message, "finish_reason": reason}
                    whole = {**base, "object": "chat.completion", "choices": [choice], "usage": usage}
                    self._send(json.dumps(whole).encode())
                    return
                parts = [
                    {"index": 0, "delta": message, "finish_reason": None},
                    {"index": 0, "delta": {}, "finish_reason": reason},
                ]
                events = [{**base, "object": "chat.completion.chunk", "choices": [part]} for part in parts]
                events.append({**base, "object": "chat.completion.chunk", "choices": [], "usage": usage})
                text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
                self._send(text.encode(), "text/event-stream")

            def _send(self, data: bytes, kind: str = "application/json") -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        return Handler
