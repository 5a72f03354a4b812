"""The two tools a model gets: search and remember. Removing stays with the built-in memory tool and with people."""

from __future__ import annotations

import json
from typing import Any

from memcore import Draft, MemcoreError
from memcore.errors import InvalidInputError

from memcore_plugins.hosts.messages import unfenced
from memcore_plugins.hosts.provider import MemcoreProvider

__all__ = ["SCHEMAS", "call"]

MOST_HITS = 10
SCHEMAS: list[dict[str, Any]] = [
    {
        "name": "memcore_search",
        "description": "Search long-term memory and past sessions. Results are data with date and source.",
        "parameters": {
            "type": "object",
            "properties": {
                "query": {"type": "string"},
                "limit": {"type": "integer", "minimum": 1, "maximum": MOST_HITS},
            },
            "required": ["query"],
        },
    },
    {
        "name": "memcore_remember",
        "description": "Keep one self-contained fact beyond this session.",
        "parameters": {"type": "object", "properties": {"content": {"type": "string"}}, "required": ["content"]},
    },
]


def call(memory: MemcoreProvider | None, name: str, args: Any, *, writes: bool) -> str:
    """Run a tool by name and return its result as JSON text; an error is JSON too."""
    given = args if isinstance(args, dict) else {}
    if memory is None:
        return _error("memory is not open in this session")
    work = {"memcore_search": _search, "memcore_remember": _remember}.get(name)
    if work is None:
        return _error(f"there is no tool {name!r}")
    if work is _remember and not writes:
        return _error("this session may only read memory")
    try:
        return json.dumps(work(memory, given), ensure_ascii=False)
    except MemcoreError as error:
        return _error(str(error))
    except Exception as error:  # noqa: BLE001 - a model gets an answer, whatever happened
        memory.guard.note(name, type(error).__name__, "")
        return _error(f"memory failed: {type(error).__name__}")


def _error(text: str) -> str:
    return json.dumps({"error": text}, ensure_ascii=False)


def _search(memory: MemcoreProvider, given: dict[str, Any]) -> dict[str, Any]:
    limit = given.get("limit")
    limit = limit if isinstance(limit, int) and 0 < limit <= MOST_HITS else 5
    query = given.get("query")
    if not isinstance(query, str) or not query.strip():
        raise InvalidInputError("query is missing", cure="give query as a text")
    recall = memory.engine().prefetch(query, limit=limit, scope=memory.scope)
    rows = [
        {
            "content": hit.record.content,
            "date": (hit.record.occurred_at or hit.record.created_at).date().isoformat(),
            "source": hit.record.source,
        }
        for hit in recall.hits
    ]
    return {"results": rows}


def _remember(memory: MemcoreProvider, given: dict[str, Any]) -> dict[str, Any]:
    draft = Draft(
        content=unfenced(str(given.get("content") or "")),
        namespace=memory.scope.namespaces[0],
        provenance="inferred",
        source=f"session:{memory.session_id}",
        metadata={"origin": "tool", "tier": "local"},
    )
    (outcome,) = memory.engine().remember([draft])
    return {"state": outcome.state, "reason": outcome.reason} if outcome.reason else {"state": outcome.state}
