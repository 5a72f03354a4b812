"""Forgetting: the pages of a namespace or a source, and every page that holds a forgotten text in any revision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
from memcore.records import Scope

from memcore_plugins.wiki import schema

if TYPE_CHECKING:
    from memcore import Engine

    from memcore_plugins.wiki import WikiSettings

__all__ = ["forget"]


def forget(engine: Engine, settings: WikiSettings, scope: Scope, record_ids: Sequence[str]) -> int:
    """Delete pages whole, with all revisions, and return how many rows went.

    A page goes if it gave one of the records, now or earlier: what stays must not hold the text. A scope that names
    only namespaces, or nothing, takes all their files and the log.
    """
    connection = engine.workspace.connection()
    statement = "SELECT DISTINCT page FROM wiki_pages_records WHERE record_id IN (?)"
    ids = {int(row[0]) for row in schema.select_in(connection, statement, record_ids)}
    narrow = attrs.evolve(scope, namespaces=(), statuses=()) != Scope(statuses=())
    only_source = attrs.evolve(scope, namespaces=(), statuses=(), source=None) == Scope(statuses=())
    count = 0
    for key, namespace, path in connection.execute("SELECT id, namespace, path FROM wiki_pages").fetchall():
        if scope.namespaces and namespace not in scope.namespaces:
            continue
        named = only_source and (scope.source or "").partition("#")[0] == f"{settings.root}/{path}"
        if not narrow or named:
            ids.add(int(key))
    if not narrow:
        where = f" WHERE namespace IN ({','.join('?' * len(scope.namespaces))})" if scope.namespaces else ""
        count += connection.execute(f"DELETE FROM wiki_log{where}", scope.namespaces).rowcount
    return count + schema.delete(connection, sorted(ids))
