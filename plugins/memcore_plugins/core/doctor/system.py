"""The interpreter and its SQLite: versions, full-text search, loadable extensions."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator

from memcore_plugins.core.doctor.look import Check, Look

__all__ = ["examine"]

OLDEST_PYTHON = (3, 11)
OLDEST_SQLITE = (3, 37)
"""STRICT tables came with 3.37."""


def examine(look: Look) -> Iterator[Check]:
    """Yield what the interpreter and its SQLite can do."""
    del look
    python = ".".join(map(str, sys.version_info[:3]))
    yield Check(
        area="system",
        name="python",
        state="ok" if sys.version_info[:2] >= OLDEST_PYTHON else "error",
        detail=f"{python} at {sys.executable}",
        cure="" if sys.version_info[:2] >= OLDEST_PYTHON else "use Python 3.11 or newer",
    )
    recent = sqlite3.sqlite_version_info >= OLDEST_SQLITE
    yield Check(
        area="system",
        name="sqlite",
        state="ok" if recent else "error",
        detail=sqlite3.sqlite_version,
        cure="" if recent else "use a Python whose SQLite is 3.37 or newer",
    )
    connection = sqlite3.connect(":memory:")
    try:
        yield _full_text(connection)
        yield _extensions(connection)
    finally:
        connection.close()


def _full_text(connection: sqlite3.Connection) -> Check:
    try:
        connection.execute("CREATE VIRTUAL TABLE probe USING fts5(text)")
    except sqlite3.OperationalError as error:
        cure = "use a Python whose SQLite has FTS5; until then search finds substrings only"
        return Check(area="system", name="full text", state="warning", detail=str(error), cure=cure)
    return Check(area="system", name="full text", state="ok", detail="FTS5")


def _extensions(connection: sqlite3.Connection) -> Check:
    if hasattr(connection, "enable_load_extension"):
        return Check(area="system", name="extensions", state="ok", detail="can be loaded")
    detail = "this Python cannot load SQLite extensions: vectors need another way to their library"
    cure = "nothing to do unless memcore plugins list shows vectors as unavailable"
    return Check(area="system", name="extensions", state="info", detail=detail, cure=cure)
