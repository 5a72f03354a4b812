"""Pages come, change and go: each change is a new revision, with its records and its log entry."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from attrs import evolve, frozen
from memcore.errors import InvalidInputError
from memcore_toolkit.markdown import decode
from memcore_toolkit.vault import Page, read_log, role_of, to_draft
from memcore_toolkit.vault_folder import vault_path

from memcore_plugins.wiki import schema
from memcore_plugins.wiki.told import say, withdraw

if TYPE_CHECKING:
    import sqlite3

    from memcore import Draft, Engine

__all__ = ["Change", "digest_of", "handed_over", "lookup", "page_path", "put", "remove", "sources_of", "text_of"]

_SOURCE_FIELDS = ("sources", "source", "source_url", "source_urls", "source_path", "raw", "citations")


@frozen(kw_only=True)
class Change:
    """What one call did: `state` is new, changed, same or retired; `refused` says which texts became no records."""

    path: str
    state: str
    revision: int
    refused: tuple[str, ...] = ()


def digest_of(data: bytes) -> str:
    """Return the hex SHA-256 of the bytes of a file."""
    return hashlib.sha256(data).hexdigest()


def text_of(data: bytes) -> str:
    """Return the text of a page; binary data has none."""
    decoded = decode(data)
    return "" if decoded.binary else decoded.text


def page_path(given: str) -> str:
    """Return a page's path as it is kept, with `.md`; raise InvalidInputError for one that leaves the wiki."""
    path = vault_path(given.strip())
    if not path.rpartition("/")[2].strip().casefold().endswith(".md"):
        path = f"{path}.md"
    parts = path.split("/")
    if any(part in ("", ".", "..", ".md") or part.startswith(".") for part in parts) or ":" in parts[0]:
        why = "a path is relative, inside the wiki, and no part of it begins with a dot"
        raise InvalidInputError(
            f"{given!r} cannot be the path of a page", why=why, cure="for example concepts/tides.md"
        )
    return path


def put(
    engine: Engine,
    path: str,
    data: bytes,
    *,
    action: str,
    reason: str = "",
    vault: str | None = None,
    root: str = "wiki",
) -> Change:
    """Store the bytes of a file under its path; a page that is the same and active stays untouched.

    `vault` is the folder it was read from: the file and that folder then agree. The state before is kept.
    """
    namespace, digest = engine.core.namespace, digest_of(data)
    with engine.writing():
        old = schema.find(engine.workspace.connection(), namespace, path)
        if old and old.digest == digest and old.status == "active":
            if vault is not None and (old.vault, old.synced) != (vault, digest):
                with engine.workspace.transaction() as connection:
                    schema.save(connection, evolve(old, vault=vault, synced=digest))
            return Change(path=path, state="same", revision=old.revision)
        page = _next(old, namespace, path, data, digest, engine.now(), action=action, reason=reason)
        if vault is not None:
            page = evolve(page, vault=vault, synced=digest)
        text = text_of(data) if page.role != "attachment" else ""
        told = say(engine, page, text, root, from_file=vault is not None)
        with engine.workspace.transaction() as connection:
            if old:
                schema.keep_revision(connection, old)
            page = evolve(page, id=schema.save(connection, page))
            schema.set_links(connection, page.id, told.links)
            _follow(connection, page, text)
    return Change(path=path, state="changed" if old else "new", revision=page.revision, refused=told.refused)


def remove(engine: Engine, page: schema.StoredPage, *, reason: str) -> Change:
    """Retire a page and the records only it says; its bytes stay as a revision, and a later edit brings it back."""
    at, number = engine.now().isoformat(), page.revision + 1
    gone = evolve(page, revision=number, status="retired", action="remove", reason=reason, updated_at=at)
    with engine.writing():
        withdraw(engine, page)
        with engine.workspace.transaction() as connection:
            schema.keep_revision(connection, page)
            schema.save(connection, gone)
            schema.set_links(connection, page.id, {})
            schema.set_sources(connection, page.id, ())
    return Change(path=page.path, state="retired", revision=gone.revision)


def lookup(engine: Engine, name: str, *, retired: bool = False) -> schema.StoredPage:
    """Return the page with this path, file name or title; raise InvalidInputError for none or more than one."""
    connection, namespace = engine.workspace.connection(), engine.core.namespace
    wanted = name.strip()
    for path in (wanted, vault_path(wanted), f"{vault_path(wanted)}.md"):
        page = schema.find(connection, namespace, path)
        if page and (retired or page.status == "active"):
            return page
    every = list(schema.pages(connection, namespace, retired=retired))
    folded = wanted.casefold().removesuffix(".md")
    named = [page for page in every if page.path.casefold().removesuffix(".md").endswith(f"/{folded}")]
    found = named or [page for page in every if page.title.casefold() == folded]
    if len(found) == 1:
        return found[0]
    if found:
        paths = ", ".join(page.path for page in found)
        raise InvalidInputError(f"{name!r} is the name of {len(found)} pages", why=paths, cure="give the whole path")
    from memcore.config import suggest

    cure = suggest(wanted, [page.path for page in every]) if every else "memcore wiki import DIR"
    raise InvalidInputError(f"there is no page {name!r}", cure=cure or "memcore wiki list shows all pages")


def handed_over(engine: Engine, namespace: str) -> Sequence[Draft]:
    """Return one draft per active file, as `memcore_toolkit.vault` describes them."""
    found = schema.pages(engine.workspace.connection(), namespace)
    return [to_draft(page.path, text_of(page.data) if page.role != "attachment" else "") for page in found]


def sources_of(page: Page) -> Iterator[tuple[str, str]]:
    """Yield (field, source) for every source the frontmatter names, as it is written but without link brackets."""
    for name in _SOURCE_FIELDS:
        for text in _flat(page.frontmatter.get(name)):
            source = text.strip().removeprefix("[[").removesuffix("]]").partition("|")[0].strip()
            if source:
                yield name, source


def _flat(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _flat(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _flat(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _next(
    old: schema.StoredPage | None,
    namespace: str,
    path: str,
    data: bytes,
    digest: str,
    now: datetime,
    *,
    action: str,
    reason: str,
) -> schema.StoredPage:
    """Return the row of a file after a change."""
    role, at = role_of(path), now.isoformat()
    title, type_ = path.rpartition("/")[2], ""
    if role != "attachment":
        page = Page(path=path, text=text_of(data))
        title, type_ = page.title, page.kind
    return schema.StoredPage(
        id=old.id if old else 0,
        namespace=namespace,
        path=path,
        role=role,
        title=_stored(title),
        type=_stored(type_),
        data=data,
        digest=digest,
        revision=old.revision + 1 if old else 1,
        status="active",
        action=action,
        reason=reason,
        vault=old.vault if old else "",
        synced=old.synced if old else "",
        created_at=old.created_at if old else at,
        updated_at=at,
    )


def _follow(connection: sqlite3.Connection, page: schema.StoredPage, text: str) -> None:
    """Bring sources and log entries up to what a file says now."""
    if page.role == "log":
        schema.replace_log(connection, page.namespace, page.path, read_log(text))
    elif page.role == "page":
        named = ((name, _stored(source)) for name, source in sources_of(Page(path=page.path, text=text)))
        schema.set_sources(connection, page.id, named)


def _stored(text: str) -> str:
    """Return text that a file can hold: halves of surrogate pairs become U+FFFD."""
    return text.encode("utf-8", "replace").decode()
