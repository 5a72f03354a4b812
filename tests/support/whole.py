"""What the tests of the whole share: a small copy of the sample workspace, and all tables of a memory as values."""

from __future__ import annotations

import shutil
from pathlib import Path

from memcore.discovery import OWN, Catalog

SAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "workspace"
SMALL = (
    "CLAUDE.md",
    "MEMORY.md",
    "USER.md",
    ".claude/agents/planner.md",
    "bank/opinions.md",
    "bank/world.md",
    "bank/entities/Jonas-Halvorsen.md",
    "bank/entities/ebb-api.md",
    "memory/2025-11-18.md",
    "memory/2026-01-20.md",
    "memory/2026-04-28-2215.md",
    "wiki/concepts/chart-datum.md",
    "wiki/index.md",
    "wiki/log.md",
)
"""One file of every kind that the sample workspace holds."""
VOLATILE = ("plugins",)
"""Keys of `meta` that describe the installation and not the memory."""


def small_workspace(target: Path) -> Path:
    """Copy a file of every kind from the sample workspace and return the copy."""
    for name in SMALL:
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(SAMPLE / name, path)
    return target


def own_plugins() -> list[str]:
    """Return the names of the plugins that this distribution brings."""
    return sorted(p.name for p in Catalog.discover().plugins.values() if p.distribution == OWN)


def dump(engine) -> dict[str, list[tuple]]:
    """Return every row of every table of the workspace, in a stable order; the segments of the text index left out."""
    connection = engine.workspace.connection()
    tables = [name for name in sorted(engine.workspace.tables()) if not name.startswith("curated_fts_")]
    found = {name: [tuple(row) for row in connection.execute(f'SELECT * FROM "{name}"')] for name in tables}
    found["meta"] = [row for row in found["meta"] if row[0] not in VOLATILE]
    return {name: sorted(rows, key=repr) for name, rows in found.items()}


def changes(before: dict[str, list[tuple]], after: dict[str, list[tuple]]) -> dict[str, tuple[list, list]]:
    """Return what differs between two dumps, by table: (rows that are gone, rows that are new)."""
    return {
        name: (
            [row for row in before.get(name, ()) if row not in after.get(name, ())],
            [row for row in after.get(name, ()) if row not in before.get(name, ())],
        )
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }
