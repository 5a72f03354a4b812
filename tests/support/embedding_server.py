"""An OpenAI-compatible embedding server on this machine, with every fault a test asks for."""

from __future__ import annotations

import json
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class EmbeddingServer(ThreadingHTTPServer):
    """`statuses` are given one after the other before answers are good; `raw` and `change` replace the answer."""

    daemon_threads = True

    def __init__(self, dimension=4):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.dimension, self.statuses, self.headers_to_send = dimension, [], {}
        self.raw, self.change, self.refuse = None, lambda rows: rows, ""
        self.drip, self.hold, self.released = False, False, threading.Event()
        self.requests = []
        self.endpoint = f"http://127.0.0.1:{self.server_port}/v1"
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def stop(self):
        self.released.set()
        self.shutdown()
        self.server_close()

    def vector(self, text):
        code = zlib.crc32(text.encode())
        return [((code >> shift * 5) & 31) - 15.5 for shift in range(self.dimension)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.requests.append((self.path, body, self.headers.get("Authorization")))
        if server.hold:
            server.released.wait()
        status = server.statuses.pop(0) if server.statuses else 200
        if server.refuse and any(server.refuse in text for text in body["input"]):
            status = 400
        rows = [{"object": "embedding", "index": i, "embedding": server.vector(t)} for i, t in enumerate(body["input"])]
        data = server.raw if server.raw is not None else json.dumps({"data": server.change(rows)}).encode()
        try:
            self._send(status, data)
        except OSError:
            self.close_connection = True  # the client gave up

    def _send(self, status, data):
        self.send_response(status)
        for name, value in self.server.headers_to_send.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(10_000_000 if self.server.drip else len(data)))
        self.end_headers()
        if not self.server.drip:
            self.wfile.write(data)
            return
        while not self.server.released.wait(0.02):
            self.wfile.write(b" ")
            self.wfile.flush()

    def log_message(self, *_):
        """Keep the test output quiet."""
