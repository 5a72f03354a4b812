"""Store a data set in a fresh memory, ask its questions, and count how much of the evidence came back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from attrs import Factory, define, field, frozen
from memcore import Draft, Engine, Query, Scope

__all__ = ["Asked", "Item", "Scores", "ask", "open_memory", "store"]

PLUGINS = "core,sqlite,prefetch,topics"


@frozen(kw_only=True)
class Item:
    """One thing to remember, with the id by which the questions name it."""

    key: str
    draft: Draft


@frozen(kw_only=True)
class Asked:
    """One question: the keys that answer it (none: it cannot be answered), its kind, and when it is asked."""

    text: str
    evidence: tuple[str, ...] = field(converter=tuple)
    kind: str = "fact"
    now: datetime
    namespace: str = "default"


@define
class Scores:
    """Sums over questions: recall at 5, 10 and 20, NDCG at 10, reciprocal rank, and hits where there should be none."""

    sums: dict[str, float] = Factory(dict)
    counts: dict[str, int] = Factory(dict)

    def add(self, name: str, value: float) -> None:
        """Count one value under a name."""
        self.sums[name] = self.sums.get(name, 0.0) + value
        self.counts[name] = self.counts.get(name, 0) + 1

    def mean(self, name: str) -> float:
        """Return the mean of a name, NaN if nothing was counted."""
        return self.sums[name] / self.counts[name] if self.counts.get(name) else math.nan

    def note(self, asked: Asked, found: Sequence[str]) -> None:
        """Count one answered question; `found` holds the keys of the hits, best first."""
        if not asked.evidence:
            self.add(f"false recall {asked.kind}", float(bool(found)))
            self.add("hits on nothing", len(found))
            return
        wanted = set(asked.evidence)
        self.add("answered", float(bool(found)))
        for depth in (3, 5, 10, 20):
            self.add(f"recall@{depth}", len(wanted & set(found[:depth])) / len(wanted))
        self.add(f"recall@10 {asked.kind}", len(wanted & set(found[:10])) / len(wanted))
        self.add(f"hit@3 {asked.kind}", float(bool(wanted & set(found[:3]))))
        gain = sum(1 / math.log2(rank + 2) for rank, key in enumerate(found[:10]) if key in wanted)
        self.add("NDCG@10", gain / sum(1 / math.log2(rank + 2) for rank in range(min(10, len(wanted)))))
        self.add("MRR", next((1 / rank for rank, key in enumerate(found, 1) if key in wanted), 0.0))


def open_memory(home: Path, settings: Mapping[str, Any] | None = None, *, plugins: str = PLUGINS) -> Engine:
    """Open a memory with the plugins that take part in recall and nothing else."""
    return Engine.open(home=home, environ={}, settings={"plugins": plugins, **(settings or {})})


def store(engine: Engine, items: Iterable[Item]) -> dict[str, list[str]]:
    """Store items; return the keys of each record (the same text said twice in a namespace is one record)."""
    keys: dict[str, list[str]] = {}
    batch = list(items)
    for item, outcome in zip(batch, engine.remember([item.draft for item in batch]), strict=True):
        if outcome.record is not None:
            keys.setdefault(outcome.record.id, []).append(item.key)
    return keys


def ask(
    engine: Engine, questions: Iterable[Asked], keys: Mapping[str, Sequence[str]], *, group: Callable[[str], str] = str
) -> Scores:
    """Ask every question in its namespace; `group` maps a key to the unit that counts, for example its session."""
    scores = Scores()
    for asked in questions:
        query = Query(text=asked.text, scope=Scope(namespaces=(asked.namespace,)), limit=20, now=asked.now)
        found = [group(key) for hit in engine.search(query) for key in _of(hit.record.id, asked, keys, group)]
        scores.note(asked, list(dict.fromkeys(found)))
    return scores


def _of(record: str, asked: Asked, keys: Mapping[str, Sequence[str]], group: Callable[[str], str]) -> Sequence[str]:
    """Return the wanted key of a record that stands for several, else its first: a record is one hit."""
    known = keys.get(record, [record])
    wanted = [key for key in known if group(key) in asked.evidence]
    return wanted or known[:1]
