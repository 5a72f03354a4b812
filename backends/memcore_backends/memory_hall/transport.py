"""One request to the server and what its answer means. Nothing here repeats, follows or logs.

It stands directly on httpx's transport: a client would write the address of every request, with its namespace, to the
log, and costs a fifth of a millisecond more.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from attrs import frozen
from memcore.errors import ConfigError

from memcore_backends.memory_hall.auth import Credentials
from memcore_backends.memory_hall.failures import (
    LockedError,
    MisdirectedError,
    MissingError,
    RejectedError,
    SlowError,
    TroubledError,
    UnreachableError,
)
from memcore_backends.memory_hall.settings import MemoryHallSettings
from memcore_backends.memory_hall.wire import encode_json

if TYPE_CHECKING:
    import ssl

    import httpx

__all__ = ["Answer", "Transport"]

MISSING = ("entry not found", "source or target entry not found")
Params = Mapping[str, str | int | list[str]]


@frozen(kw_only=True)
class Answer:
    """A good answer: its HTTP status, its JSON object, the server's time (empty if it told none), and whether the request
    was sent more than once.
    """

    status: int
    data: dict[str, Any]
    date: str = ""
    repeated: bool = False

    def part(self, name: str) -> Any:
        """Return one value of the answer; raises TroubledError if it is not there."""
        if name not in self.data:
            raise TroubledError(
                "memory-hall sent an answer of another kind", why=f"it has no {name}", status=self.status
            )
        return self.data[name]


class Transport:
    """The connections to one server; safe to use from several threads."""

    def __init__(self, settings: MemoryHallSettings) -> None:
        self.endpoint = _checked(settings.endpoint)
        self.where = urlsplit(self.endpoint).netloc
        self.credentials = Credentials(settings)
        self._settings, self._lock = settings, threading.Lock()
        self._pool: httpx.HTTPTransport | None = None

    def send(
        self,
        method: str,
        path: str,
        *,
        timeout: float,
        body: bytes | Mapping[str, Any] | None = None,
        params: Params | None = None,
        also: int = 200,
    ) -> Answer:
        """Send one request, wait at most `timeout` seconds for each of its steps, and return the answer.

        `also` is a further status that counts as good. Raises a failure of `memcore_backends.memory_hall.failures`, or
        ConfigError if a secret cannot be read.
        """
        import httpx

        content = b"" if body is None else body if isinstance(body, bytes) else encode_json(dict(body)).encode()
        headers = {"User-Agent": "memcore", "Accept": "application/json", **self.credentials.headers(content)}
        if body is not None:
            headers["Content-Type"] = "application/json"
        limits = {
            "connect": min(timeout, self._settings.connect_timeout),
            "read": timeout,
            "write": timeout,
            "pool": timeout,
        }
        query = f"?{urlencode(params, doseq=True)}" if params else ""
        request = httpx.Request(
            method, f"{self.endpoint}{path}{query}", headers=headers, content=content, extensions={"timeout": limits}
        )
        try:
            response = self._open().handle_request(request)
            try:
                response.read()
            finally:
                if response.status_code == 500:  # the server is about to drop this connection without saying so
                    response.extensions["network_stream"].close()
                response.close()
        except httpx.HTTPError as error:
            raise self._broken(error, timeout) from None
        return self._judged(response, also)

    def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def _open(self) -> httpx.HTTPTransport:
        with self._lock:
            if self._pool is None:
                import httpx

                limits = httpx.Limits(keepalive_expiry=self._settings.keep_alive)
                self._pool = httpx.HTTPTransport(verify=self._trust(), limits=limits, proxy=_proxy(self.endpoint))
            return self._pool

    def _trust(self) -> ssl.SSLContext:
        import ssl

        if not self.endpoint.startswith("https:"):
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used, and reading certificates takes 30 ms
        if not self._settings.ca_file:
            import httpx

            return httpx.create_ssl_context()
        try:
            return ssl.create_default_context(cafile=self._settings.ca_file)
        except (OSError, ssl.SSLError) as error:
            what = f"cannot use the certificates in {self._settings.ca_file}"
            raise ConfigError(what, why=str(error), cure="name a PEM file in memory-hall.ca_file") from error

    def _broken(self, error: httpx.HTTPError, timeout: float) -> Exception:
        import httpx

        name = f"memory-hall at {self.where}"
        if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)):
            cure = "start the server, or check memory-hall.endpoint" + (" and ca_file" if "SSL" in str(error) else "")
            return UnreachableError(f"{name} cannot be reached", why=str(error) or type(error).__name__, cure=cure)
        if isinstance(error, httpx.TimeoutException):
            cure = "look at the load of the server and at its embedder"
            return SlowError(f"{name} is too slow", why=f"no answer within {timeout:g} s", cure=cure)
        if isinstance(error, (httpx.UnsupportedProtocol, httpx.LocalProtocolError)):
            return MisdirectedError(f"nothing can be sent to {name}", why=str(error), cure="check memory-hall.endpoint")
        return TroubledError(f"{name} broke off", why=type(error).__name__, cure="look at the log of the server")

    def _judged(self, response: httpx.Response, also: int) -> Answer:
        status, name = response.status_code, f"memory-hall at {self.where}"
        if status in (200, 201, 202, also):
            try:
                data = json.loads(response.content)
            except ValueError:
                data = None
            if not isinstance(data, dict):
                raise TroubledError(
                    f"{name} sent something that is not JSON", status=status, cure="look for a proxy in between"
                )
            return Answer(status=status, data=data, date=response.headers.get("date", ""))
        if status >= 500 or status == 429:
            cure = "look at its log; when all writes fail and reads work, restart it"
            raise TroubledError(f"{name} failed", why=f"it answered {status}", cure=cure, status=status)
        if status == 401:
            raise self._locked(_detail(response))
        if status in (413, 422):
            raise RejectedError(
                f"{name} refuses this record", why=_complaint(status, response), cure="memcore outbox show"
            )
        if status == 404 and _detail(response) in MISSING:
            raise MissingError(f"{name} has no such entry")
        if 300 <= status < 400:
            target = urlsplit(response.headers.get("location", ""))
            why = f"it points to {target.scheme}://{target.netloc}, and redirects are not followed: they would take the token along"
            raise MisdirectedError(f"{name} redirects", why=why, cure="set memory-hall.endpoint to the server itself")
        why = f"it answered {status}"
        raise MisdirectedError(
            f"{name} does not know this request", why=why, cure="check the path in memory-hall.endpoint"
        )

    def _locked(self, detail: str) -> LockedError:
        what = f"memory-hall at {self.where} does not accept our credentials"
        if not self.credentials.given:
            return LockedError(
                what, why="no token is configured", cure="set memory-hall.token_file, or VIRTUALME_MEMHALL_TOKEN_FILE"
            )
        if self.credentials.secret:
            why = "it wants a token, or has another secret"
            return LockedError(
                what, why=why, cure="a server with MH_API_TOKEN takes no signature: set token_file instead"
            )
        known = detail in ("missing bearer token", "invalid token", "missing or invalid authorization")
        why = f"it says: {detail}" if known else "it answered 401"
        return LockedError(what, why=why, cure="correct the token; nothing is lost, what is queued waits")


def _checked(endpoint: str) -> str:
    if not endpoint:
        cure = "set memory-hall.endpoint, MEMCORE_MEMORY_HALL__ENDPOINT or VIRTUALME_MEMHALL_ENDPOINT"
        raise ConfigError(
            "the memory-hall backend has no endpoint", why="it does not know where the server is", cure=cure
        )
    cure = "write it like http://127.0.0.1:9000"
    try:
        parts = urlsplit(endpoint)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        fine = False
    if not fine or parts.query or parts.fragment:
        raise ConfigError("memory-hall.endpoint is not the address of a server", cure=cure)
    if "@" in parts.netloc:
        raise ConfigError("memory-hall.endpoint holds a password", why="it would end in logs", cure="use token_file")
    return endpoint.rstrip("/")


def _proxy(endpoint: str) -> str | None:
    """Return the proxy of the environment for this address; none for this machine."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    if host == "localhost" or host.endswith(".localhost") or (_is_address(host) and ip_address(host).is_loopback):
        return None
    found = getproxies()
    return None if proxy_bypass(host) else found.get(parts.scheme) or found.get("all")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _detail(response: httpx.Response) -> str:
    try:
        found = json.loads(response.content)["detail"]
    except (ValueError, KeyError, TypeError):
        return ""
    return found if isinstance(found, str) else ""


def _complaint(status: int, response: httpx.Response) -> str:
    """Return what is wrong with a record, without a word of it: the server echoes its whole input."""
    try:
        errors = json.loads(response.content)["detail"]
        named = [
            f"{error['type']} at {'.'.join(map(str, error['loc']))}" for error in errors if isinstance(error, dict)
        ]
    except (ValueError, KeyError, TypeError):
        named = []
    if status == 413:
        return "its text is longer than the server takes"
    return "; ".join(named)[:300] or "the server found it invalid"
