"""The figures of the memory as a whole: records, tiers, tables, size on disk, health, features that are missing."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from memcore import Scope

if TYPE_CHECKING:
    from memcore import Engine

__all__ = ["figures", "missing_features", "size_on_disk"]

_FINE = ("active", "disabled", "placeholder")


def figures(engine: Engine) -> dict[str, Any]:
    """Return the figures, JSON-ready. Counts of kinds, namespaces and provenance are of active records."""
    counted: dict[str, Counter[str]] = {name: Counter() for name in ("status", "kind", "namespace", "provenance")}
    for record in engine.scan(Scope(statuses=())):
        counted["status"][record.status] += 1
        if record.status == "active":
            for name in ("kind", "namespace", "provenance"):
                counted[name][getattr(record, name)] += 1
    rows = _rows(engine)
    health = engine.backend.health()
    return {
        "records": sum(counted["status"].values()),
        **{
            name: dict(sorted(counter.items(), key=lambda item: (-item[1], item[0])))
            for name, counter in counted.items()
        },
        "tiers": _tiers(counted["kind"], rows),
        "tables": rows,
        "size": size_on_disk(engine),
        "backend": {"name": engine.backend.name, "ok": health.ok, "detail": health.detail, **health.facts},
        "plugins": dict(Counter(plugin.status for plugin in engine.catalog.plugins.values())),
        "missing": missing_features(engine),
    }


def _tiers(kinds: Mapping[str, int], rows: Mapping[str, int | None]) -> dict[str, int]:
    """Count the author's four tiers: identity, curated, project (one row per entity page) and episode."""
    identity, episode = kinds.get("identity", 0), kinds.get("episode", 0)
    curated = sum(kinds.values()) - identity - episode
    return {"identity": identity, "curated": curated, "project": rows.get("entities") or 0, "episode": episode}


def _rows(engine: Engine) -> dict[str, int | None]:
    """Count the rows of every table a plugin declares; None where its extension is not loaded."""
    declared = {table for plugin in engine.catalog.plugins.values() for table in plugin.tables}
    connection, rows = engine.workspace.connection(), dict[str, int | None]()
    for table in sorted(declared & engine.workspace.tables()):
        quoted = '"' + table.replace('"', '""') + '"'
        try:
            rows[table] = int(connection.execute(f"SELECT count(*) FROM {quoted}").fetchone()[0])
        except sqlite3.OperationalError:
            rows[table] = None
    return rows


def size_on_disk(engine: Engine) -> dict[str, int]:
    """Return the bytes of the database and its WAL, and the bytes in pages that are free."""
    path, connection = engine.workspace.path, engine.workspace.connection()
    wal = path.with_name(path.name + "-wal")
    page, free = (int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_size", "freelist_count"))
    return {
        "database_bytes": path.stat().st_size,
        "wal_bytes": wal.stat().st_size if wal.exists() else 0,
        "free_bytes": page * free,
    }


def missing_features(engine: Engine) -> dict[str, str]:
    """Return why each plugin that is not fully at work is not, and its cure."""
    plugins = engine.catalog.plugins.items()
    return {
        name: f"{plugin.status}: {plugin.reason}{f'; {plugin.hint}' if plugin.hint else ''}"
        for name, plugin in plugins
        if plugin.status not in _FINE
    }
