"""The read path: every strategy, fused, reranked, packed into a budget of tokens. A failure costs its strategy only."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from memcore.records import Hit, Query, Recall, evolve

if TYPE_CHECKING:
    from memcore.discovery import Plugin
    from memcore.engine import Engine

__all__ = ["prefetch", "reciprocal_rank", "search"]

RANK_CONSTANT = 60  # Cormack, Clarke and Buettcher 2009


def search(engine: Engine, query: Query) -> tuple[list[Hit], list[str]]:
    """Return fused hits best first, and notes on strategies that failed or were cut off."""
    lists, notes = _gather(engine, query)
    fused: Sequence[Hit] | None = None
    for plugin, function in engine.catalog.implementers("memcore_fuse"):
        with engine.isolated(plugin, "memcore_fuse"):
            fused = function(engine=engine, query=query, lists=lists) if fused is None else fused
    hits = [h for h in (reciprocal_rank(lists) if fused is None else fused) if query.scope.admits(h.record)]
    if not hits and any(lists.values()):
        notes.append("nothing relevant: records were found, but none that has enough to do with the question")
    kept = {hit.record.id: hit for hit in hits}
    for _, ranked in engine.call("memcore_rerank", query=query, hits=tuple(hits)):
        by_id = {hit.record.id: hit for hit in ranked}
        for hit in hits:
            if (new := by_id.get(hit.record.id)) is None:
                kept.pop(hit.record.id, None)
            elif (old := kept.get(hit.record.id)) is not None:
                factor = new.score / hit.score if hit.score else 1.0
                sources = tuple(dict.fromkeys((*old.sources, *new.sources)))
                notes_of = tuple(dict.fromkeys((*old.notes, *new.notes)))
                kept[hit.record.id] = evolve(old, score=old.score * factor, sources=sources, notes=notes_of)
    return sorted(kept.values(), key=lambda hit: -hit.score)[: query.limit], notes


def prefetch(engine: Engine, query: Query, budget: int) -> Recall:
    """Return the hits that fit into `budget` tokens as one block of quoted, dated, attributed lines."""
    hits, notes = search(engine, query)
    chosen, lines, used = [], [], 0
    for hit in hits:
        line = _line(hit)
        wide = 0 if line.isascii() else sum(ord(char) > 0x2E7F for char in line)
        cost = wide + (len(line) - wide) / 4  # CJK: a token each; else 4 characters
        if used + cost <= budget:
            chosen.append(hit)
            lines.append(line)
            used += int(cost) + 1
        else:
            notes.append(f"left out for the budget: {hit.record.id}")
    recall = Recall(query=query, hits=tuple(chosen), text="\n".join(lines), tokens=used, notes=tuple(notes))
    if chosen and not engine.workspace.read_only:
        engine.call("memcore_recalled", recall=recall)
    return recall


def reciprocal_rank(lists: dict[str, Sequence[Hit]]) -> list[Hit]:
    """Merge lists by 1 / (60 + rank): the fallback when no plugin fuses them."""
    merged: dict[str, Hit] = {}
    for name, hits in sorted(lists.items()):
        for rank, hit in enumerate(hits, 1):
            old = merged.get(hit.record.id) or evolve(hit, score=0.0, strategies={})
            strategies = {**old.strategies, name: hit.score}
            merged[hit.record.id] = evolve(old, score=old.score + 1 / (RANK_CONSTANT + rank), strategies=strategies)
    return sorted(merged.values(), key=lambda hit: (-hit.score, hit.record.id))


def _gather(engine: Engine, query: Query) -> tuple[dict[str, Sequence[Hit]], list[str]]:
    lists: dict[str, list[Hit]] = {}
    notes: list[str] = []
    waiting = []
    implementers = engine.catalog.implementers("memcore_search")
    for plugin, function in implementers:
        if plugin.blocking:
            waiting.append(_start(engine, plugin, function, query))
    for plugin, function in implementers:
        if not plugin.blocking:
            _collect(lists, _run(engine, plugin, function, query))
    if not implementers:
        _collect(lists, [evolve(h, strategies=h.strategies or {"text": h.score}) for h in engine.backend.search(query)])
    for plugin, thread, found in waiting:
        thread.join(engine.core.search_timeout)
        if thread.is_alive():
            notes.append(f"{plugin.name} was too slow and is left out")
        _collect(lists, list(found))
    searching = [p for p in engine.catalog.plugins.values() if "memcore_search" in p.hooks]
    notes += [f"{p.name} is {p.status}: {p.reason}" for p in searching if p.status not in ("active", "disabled")]
    return dict(lists), notes


def _run(engine: Engine, plugin: Plugin, function: Callable[..., Any], query: Query) -> list[Hit]:
    with engine.isolated(plugin, "memcore_search"):
        return [hit for hit in function(engine=engine, query=query) or () if query.scope.admits(hit.record)]
    return []


def _start(engine: Engine, plugin: Plugin, function: Callable[..., Any], query: Query) -> Any:
    found: list[Hit] = []

    def work() -> None:
        try:
            found.extend(_run(engine, plugin, function, query))
        finally:
            engine.workspace.release()

    thread = threading.Thread(target=work, name=f"memcore-{plugin.name}", daemon=True)
    thread.start()
    return plugin, thread, found


def _collect(lists: dict[str, list[Hit]], hits: Sequence[Hit]) -> None:
    for hit in hits:
        for name, score in hit.strategies.items():
            lists.setdefault(name, []).append(hit if hit.score == score else evolve(hit, score=score))
    for found in lists.values():
        found.sort(key=lambda hit: -hit.score)


def _line(hit: Hit) -> str:
    record = hit.record
    when = (record.occurred_at or record.created_at).date().isoformat()
    text = " ".join(record.content.split()).replace("<", "&lt;").replace("[System note:", "[System note :")
    return f"- {text} ({when}{', ' + record.source if record.source else ''})"
