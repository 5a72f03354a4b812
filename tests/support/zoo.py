"""Plugins made on the spot: a catalog from classes, and a small backend that keeps records in a dict."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

from attrs import evolve
from memcore.contracts import BackendSpec, Capability, Health, PluginInfo
from memcore.discovery import OWN, Catalog, Plugin, inspect
from memcore.errors import CapabilityError
from memcore.hookspecs import hookimpl
from memcore.records import Hit, Page, Record, Stored, content_hash

ZOO = ModuleType("memcore_zoo")
ZOO.__spec__ = ModuleSpec("memcore_zoo", None)
sys.modules["memcore_zoo"] = ZOO


def plugin(name: str, cls: type, *, distribution: str = OWN) -> Plugin:
    """Return the inspected plugin of a class, as if an entry point had named it."""
    attribute = f"{cls.__name__}_{name}_{distribution}".replace("-", "_")
    setattr(ZOO, attribute, cls)
    return inspect(Plugin(name=name, target=f"memcore_zoo:{attribute}", distribution=distribution, version="1.0"))


def catalog(**classes: type) -> Catalog:
    """Return a catalog of these classes by plugin name; the dict backend comes along unless one is given."""
    classes.setdefault("shelf", Shelf)
    return Catalog([plugin(name, cls) for name, cls in classes.items()])


class ShelfStore:
    """A storage backend in a dict; `calls` counts puts."""

    name = "shelf"
    capabilities = frozenset({Capability.TEXT_SEARCH, Capability.DELETE})

    def __init__(self, context):
        self.clock, self.rows, self.calls, self.closed = context.clock, {}, 0, 0

    def put(self, drafts):
        self.calls += 1
        return [self._put(draft) for draft in drafts]

    def _put(self, draft):
        key = f"{draft.namespace}/{draft.kind}/{content_hash(draft.content)[7:19]}"
        if (old := self.rows.get(key)) is not None:
            if old.status == "active":
                return Stored(record=old, state="existing")
            self.rows[key] = evolve(old, status="active")
            return Stored(record=self.rows[key], state="revived")
        fields = {name: getattr(draft, name) for name in type(draft).__annotations__}
        fields |= {"id": key, "created_at": self.clock(), "content_hash": content_hash(draft.content)}
        self.rows[key] = Record(**fields)
        return Stored(record=self.rows[key], state="new")

    def get(self, ids):
        return [self.rows[key] for key in ids if key in self.rows]

    def search(self, query):
        words = query.text.casefold().split()
        hits = [
            Hit(record=row, score=float(score))
            for row in self.rows.values()
            if query.scope.admits(row) and (score := sum(word in row.content.casefold() for word in words))
        ]
        return sorted(hits, key=lambda hit: -hit.score)[: query.limit]

    def scan(self, scope, *, after=None, limit=1000):
        rows = [row for key, row in self.rows.items() if scope.admits(row) and (after is None or key > after)]
        rows.sort(key=lambda row: row.id)
        return Page(records=rows[:limit], next=rows[limit - 1].id if len(rows) > limit else None)

    def retire(self, ids, *, reason, superseded_by=None):
        known = [key for key in ids if key in self.rows]
        for key in known:
            self.rows[key] = evolve(self.rows[key], status="superseded" if superseded_by else "retired")
        return len(known)

    def delete(self, ids):
        return sum(self.rows.pop(key, None) is not None for key in ids)

    def health(self):
        return Health(ok=True, detail="a dict is always well")

    def close(self):
        self.closed += 1


class Shelf:
    """The plugin of the dict backend."""

    info = PluginInfo(summary="keeps records in a dict", default=True)

    @hookimpl
    def memcore_backend(self):
        return BackendSpec(name="shelf", summary="a dict", open=ShelfStore, capabilities=ShelfStore.capabilities)


class BareShelfStore(ShelfStore):
    """The same without the power to delete."""

    capabilities = frozenset({Capability.TEXT_SEARCH})

    def delete(self, ids):
        raise CapabilityError("no")


class BareShelf:
    """The plugin of the dict backend that cannot delete."""

    info = PluginInfo(summary="keeps records in a dict", default=True)

    @hookimpl
    def memcore_backend(self):
        return BackendSpec(name="shelf", summary="a dict", open=BareShelfStore)
