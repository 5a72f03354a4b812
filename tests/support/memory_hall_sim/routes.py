"""Answer one request: the order of checks, who may call what, and the routes (§1 to §6)."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from attrs import field, frozen

from memory_hall_sim.controls import Controls
from memory_hall_sim.entries import Filters, finite, render, zulu
from memory_hall_sim.hall import Hall
from memory_hall_sim.schema import (
    BATON_READ,
    BATON_WRITE,
    LINK,
    PATCH,
    SEARCH,
    WRITE,
    Invalid,
    ServerError,
    check_body,
    check_limit,
    check_time,
    check_unicode,
    parse_body,
)
from memory_hall_sim.store import Conflict

__all__ = ["ROUTES", "App", "Request", "Response", "route_name"]

PATCHABLE = ("amh_status", "amh_version", "revoked_by", "revoked_reason")
"""The only metadata keys that a PATCH changes (§0.6)."""

ROUTES: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (name, method, re.compile(path))
    for name, method, path in (
        ("health", "GET", "/v1/health"),
        ("write", "POST", "/v1/memory/write"),
        ("search", "POST", "/v1/memory/search"),
        ("by_hash", "GET", "/v1/memory/by-hash"),
        ("by_amh_hash", "GET", "/v1/memory/by-amh-hash"),
        ("get", "GET", "/v1/memory/(?P<entry_id>[^/]+)"),
        ("patch", "PATCH", "/v1/memory/(?P<entry_id>[^/]+)"),
        ("link", "POST", "/v1/memory/(?P<entry_id>[^/]+)/link"),
        ("list", "GET", "/v1/memory"),
        ("baton_read", "POST", "/v1/baton/read"),
        ("baton_write", "POST", "/v1/baton/write"),
        ("reindex", "POST", "/v1/admin/reindex"),
        ("audit", "POST", "/v1/admin/audit"),
        ("openapi", "GET", "/openapi.json"),
        ("docs", "GET", "/docs"),
    )
)
"""Route name, method and path pattern, in the order in which they are tried (§1)."""

_GUARDED = frozenset({"write", "search", "baton_read", "baton_write"})
"""Routes that want a caller even when the server has no token (§2.1)."""


@frozen(kw_only=True)
class Request:
    """Hold a request as read from the wire; header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """Return the decoded path."""
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, list[str]]:
        """Return the query parameters, each with all of its values."""
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    def only(self, name: str) -> str:
        """Return the last value of a query parameter, empty when it is not given."""
        return self.query.get(name, [""])[-1]


@frozen(kw_only=True)
class Response:
    """Hold an answer; `headers` come on top of those every answer carries."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(factory=dict)

    @classmethod
    def json(cls, status: int, value: Any, **headers: str) -> Response:
        """Return a JSON answer; raise `ServerError` when the value cannot be encoded, as the real server does."""
        try:
            body = json.dumps(finite(value), ensure_ascii=False, separators=(",", ":")).encode()
        except (UnicodeEncodeError, RecursionError) as error:
            raise ServerError("the answer cannot be encoded") from error
        return cls(status=status, body=body, headers={"content-type": "application/json", **headers})

    @classmethod
    def plain(cls, status: int, text: str) -> Response:
        """Return a plain-text answer."""
        return cls(status=status, body=text.encode(), headers={"content-type": "text/plain; charset=utf-8"})

    @classmethod
    def detail(cls, status: int, detail: Any, **headers: str) -> Response:
        """Return the JSON answer that every refusal has."""
        return cls.json(status, {"detail": detail}, **headers)


class _Refused(Exception):
    """Carry the answer that ends a request early."""

    def __init__(self, status: int, detail: Any, **headers: str) -> None:
        super().__init__(status)
        self.response = Response.detail(status, detail, **headers)


def route_name(method: str, path: str) -> str:
    """Return the name of the route a request would take, `other` when there is none."""
    return next((name for name, verb, pattern in ROUTES if verb == method and pattern.fullmatch(path)), "other")


class App:
    """Turn requests into answers over one `Hall`."""

    def __init__(self, hall: Hall, controls: Controls) -> None:
        self._hall = hall
        self._controls = controls
        self._handlers: dict[str, Callable[..., Response]] = {
            name: getattr(self, f"_{name}") for name, _method, _pattern in ROUTES
        }

    def handle(self, request: Request) -> Response:
        """Answer a request: tenant header, size, caller, route, then the handler (§2.2)."""
        try:
            self._check_tenant_header(request)
            self._check_size(request)
            self._check_token(request)
            return self._dispatch(request)
        except _Refused as refusal:
            return refusal.response
        except Invalid as invalid:
            try:
                return Response.detail(422, invalid.errors)
            except ServerError:
                return Response.plain(500, "Internal Server Error")
        except ServerError:
            return Response.plain(500, "Internal Server Error")

    def _check_tenant_header(self, request: Request) -> None:
        if "x-tenant-override" in request.headers:
            raise _Refused(400, "X-Tenant-Override is not available in v0.1")

    def _check_size(self, request: Request) -> None:
        if (request.method, request.path) != ("POST", "/v1/memory/write"):
            return
        try:
            content = json.loads(request.body)["content"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return
        limit = self._controls.settings.max_content_bytes
        if isinstance(content, str) and len(content.encode("utf-8", "surrogatepass")) > limit:
            raise _Refused(413, f"content exceeds {limit} bytes")

    def _check_token(self, request: Request) -> None:
        settings = self._controls.settings
        if settings.token is None or request.path == "/v1/health":
            return
        admin = settings.admin_token is not None and request.path.startswith("/v1/admin/")
        wanted = settings.admin_token if admin else settings.token
        header = request.headers.get("authorization", "")
        if not header.startswith("Bearer "):
            raise _Refused(401, "missing bearer token")
        given = header.removeprefix("Bearer ")
        if not given.isascii():
            raise ServerError("a token that is not ASCII cannot be compared")
        if given != wanted:
            raise _Refused(401, "invalid admin token" if admin else "invalid token")

    def _principal(self, request: Request) -> str:
        settings = self._controls.settings
        header = request.headers.get("authorization", "").strip()
        if header.startswith("Bearer ") and header.removeprefix("Bearer ").strip():
            return "bearer-user"
        if not header and settings.dev_mode:
            return "dev-local"
        key_id, _, signature = header.removeprefix("HMAC ").partition(":")
        if settings.hmac_secret and key_id and header.startswith("HMAC "):
            expected = hmac.new(settings.hmac_secret.encode(), request.body, hashlib.sha256).hexdigest()
            if hmac.compare_digest(signature.encode(), expected.encode()):
                return key_id
        raise _Refused(401, "missing or invalid authorization")

    def _dispatch(self, request: Request) -> Response:
        matches = [
            (name, method, match) for name, method, pattern in ROUTES if (match := pattern.fullmatch(request.path))
        ]
        for name, method, match in matches:
            if method == request.method:
                principal = {"principal": self._principal(request)} if name in _GUARDED else {}
                return self._handlers[name](request, **match.groupdict(), **principal)
        if matches:
            raise _Refused(405, "Method Not Allowed", allow=matches[0][1])
        if request.path.endswith("/") and any(p.fullmatch(request.path.rstrip("/")) for _, _, p in ROUTES):
            parts = urlsplit(request.target)
            location = parts._replace(
                scheme="http", netloc=request.headers.get("host", ""), path=parts.path.rstrip("/")
            )
            return Response(status=307, headers={"location": location.geturl()})
        raise _Refused(404, "Not Found")

    def _fields(self, fields: Any, request: Request) -> dict[str, Any]:
        return check_body(fields, parse_body(request.headers.get("content-type", ""), request.body))

    def _health(self, request: Request) -> Response:
        report = self._hall.health()
        return Response.json(200 if report["status"] == "ok" else 503, report)

    def _write(self, request: Request, principal: str) -> Response:
        written = self._hall.write(principal, self._fields(WRITE, request))
        row = written.row
        answer = {
            "entry_id": row["entry_id"],
            "embedded": row["sync_status"] == "embedded",
            "indexed_at": zulu(row["last_embedded_at"]),
            "sync_status": row["sync_status"],
            "created": written.created,
        }
        return Response.json(written.status, answer)

    def _search(self, request: Request, principal: str) -> Response:
        asked = self._fields(SEARCH, request)
        check_unicode(asked)
        return Response.json(200, self._hall.search(asked))

    def _list(self, request: Request) -> Response:
        bounds = {name: check_time(name, request.only(name)) for name in ("since", "until") if name in request.query}
        limit = check_limit(request.only("limit"), low=1, high=1000) if "limit" in request.query else 50
        filters = Filters(
            namespace=request.query.get("namespace", ()),
            agent_id=request.only("agent_id"),
            type=request.query.get("type", ()),
            tags=request.query.get("tags", ()),
            **bounds,
        )
        rows, cursor = self._hall.store.page(self._tenant, filters, limit, request.only("cursor"))
        return Response.json(200, {"entries": [render(row) for row in rows], "next_cursor": cursor})

    def _get(self, request: Request, entry_id: str) -> Response:
        row = self._known(entry_id)
        outgoing, incoming = self._hall.store.linked(row)
        answer = {"references_out": [render(r) for r in outgoing], "references_in": [render(r) for r in incoming]}
        return Response.json(200, {"entry": render(row)} | answer)

    def _by_hash(self, request: Request) -> Response:
        row = self._hall.store.find(self._tenant, content_hash=self._required(request, "content_hash"))
        if row is None or request.query.get("namespace", [row["namespace"]])[-1] != row["namespace"]:
            raise _Refused(404, "entry not found")
        return Response.json(200, {"entry": render(row)})

    def _by_amh_hash(self, request: Request) -> Response:
        wanted = {name: self._required(request, name) for name in ("namespace", "hash")}
        row = self._hall.store.find(self._tenant, namespace=wanted["namespace"], amh_hash=wanted["hash"])
        if row is None:
            raise _Refused(404, "entry not found")
        return Response.json(200, {"entry": render(row)})

    def _patch(self, request: Request, entry_id: str) -> Response:
        metadata = self._fields(PATCH, request)["metadata"]
        changes = {key: metadata[key] for key in PATCHABLE if key in metadata}
        self._known(entry_id)
        return Response.json(200, {"entry": render(self._hall.store.merge_metadata(self._tenant, entry_id, changes))})

    def _link(self, request: Request, entry_id: str) -> Response:
        asked = self._fields(LINK, request)
        try:
            row = self._hall.link(entry_id, asked["target_entry_id"])
        except KeyError:
            raise _Refused(404, "source or target entry not found") from None
        return Response.json(200, {"entry": render(row)})

    def _baton_read(self, request: Request, principal: str) -> Response:
        namespace = self._fields(BATON_READ, request)["namespace"]
        baton, updated_at, revision = self._hall.store.baton(namespace)
        answer = {"baton": baton, "namespace": namespace, "updated_at": updated_at, "revision": revision}
        return Response.json(200, answer)

    def _baton_write(self, request: Request, principal: str) -> Response:
        asked = self._fields(BATON_WRITE, request)
        namespace, expected, now = asked["namespace"], asked["expected_revision"], self._controls.now()
        try:
            revision = self._hall.store.set_baton(namespace, asked["baton"], expected, now)
        except Conflict as conflict:
            current = dict(zip(("current_baton", "current_updated_at", "current_revision"), conflict.args, strict=True))
            detail = {"error": "baton_revision_conflict", "namespace": namespace, "expected_revision": expected}
            raise _Refused(409, detail | current) from None
        answer = {"ok": True, "updated_at": now.isoformat(), "namespace": namespace, "revision": revision}
        return Response.json(200, answer)

    def _reindex(self, request: Request) -> Response:
        return Response.json(200, self._hall.reindex())

    def _audit(self, request: Request) -> Response:
        return Response.json(200, self._hall.store.audit())

    def _openapi(self, request: Request) -> Response:
        codes = {"200": {"description": "Successful Response"}, "422": {"description": "Validation Error"}}
        paths: dict[str, dict[str, Any]] = {}
        for name, method, pattern in ROUTES[:-2]:
            path = pattern.pattern.replace("(?P<entry_id>[^/]+)", "{entry_id}")
            paths.setdefault(path, {})[method.lower()] = {"operationId": name, "responses": codes}
        info = {"title": "memory-hall", "version": "0.1.0"}
        return Response.json(200, {"openapi": "3.1.0", "info": info, "paths": paths})

    def _docs(self, request: Request) -> Response:
        return Response(
            status=200, body=b"<!doctype html><title>memory-hall</title>", headers={"content-type": "text/html"}
        )

    @property
    def _tenant(self) -> str:
        return self._controls.settings.tenant

    def _known(self, entry_id: str) -> Any:
        try:
            return self._hall.store.get(self._tenant, entry_id)
        except KeyError:
            raise _Refused(404, "entry not found") from None

    def _required(self, request: Request, name: str) -> str:
        if name not in request.query:
            raise Invalid({"type": "missing", "loc": ["query", name], "msg": "Field required", "input": None})
        return request.only(name)
