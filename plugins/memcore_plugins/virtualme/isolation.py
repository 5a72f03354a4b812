"""Whether one person's memory can come up for another. It is proved before anything is saved.

What is stored already is asked for in a namespace that has nothing: a single hit is a leak. Where the backend can
delete, a pair of probes is written as well, compared, and deleted again. Where it cannot, nothing is written: a probe
would stay for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memcore.contracts import Capability
from memcore.errors import BackendError
from memcore.records import Draft, Query, Record, Scope

from memcore_plugins.virtualme.types import NAMESPACE

if TYPE_CHECKING:
    from memcore.engine import Engine

__all__ = ["prove"]

NOBODY = f"{NAMESPACE}nobody-isolation-probe"
PROBES = (f"{NAMESPACE}isolation-probe-a", f"{NAMESPACE}isolation-probe-b")
TEXT = "A sentence that two people may have said."
SAMPLES = 3  # namespaces whose records are asked for
LOOKED_AT = 200  # records among which the samples are sought


def prove(engine: Engine) -> None:
    """Raise BackendError if a search, a scan or a write crosses from one namespace into another."""
    for record in _samples(engine):
        _check(engine, record.content[:500], NOBODY, allowed=frozenset())
        _check(engine, record.content[:500], record.namespace, allowed=frozenset({record.namespace}))
    if Capability.DELETE in engine.backend.capabilities:
        _probe(engine)


def _samples(engine: Engine) -> list[Record]:
    found: dict[str, Record] = {}
    for record in engine.backend.scan(Scope(), limit=LOOKED_AT).records:
        found.setdefault(record.namespace, record)
    return list(found.values())[:SAMPLES]


def _check(engine: Engine, text: str, namespace: str, *, allowed: frozenset[str]) -> None:
    query = Query(text=text, scope=Scope(namespaces=(namespace,), statuses=()), limit=20, now=engine.now())
    hits = [*engine.backend.search(query), *engine.search(query)]
    scanned = engine.backend.scan(query.scope, limit=20).records
    for record in (*(hit.record for hit in hits), *scanned):
        if record.namespace not in allowed:
            _leak(engine, f"a search in {namespace} found a record of another namespace")


def _probe(engine: Engine) -> None:
    """Write one text in two namespaces, see that it is two records that keep to themselves, and delete both."""
    delete = engine.backend.delete  # type: ignore[attr-defined]
    stored = engine.backend.put([Draft(content=TEXT, kind="note", namespace=namespace) for namespace in PROBES])
    ids = [item.record.id for item in stored]
    try:
        if len(set(ids)) != len(PROBES) or [item.record.namespace for item in stored] != list(PROBES):
            _leak(engine, "the same text of two people is kept as one record")
        for namespace in PROBES:
            _check(engine, TEXT, namespace, allowed=frozenset({namespace}))
    finally:
        delete(list(dict.fromkeys(ids)))


def _leak(engine: Engine, what: str) -> None:
    why = "its search or its deduplication ignores namespaces"
    cure = "use another backend, or an instance of it for each person"
    raise BackendError(f"the backend {engine.backend.name} does not keep people apart: {what}", why=why, cure=cure)
