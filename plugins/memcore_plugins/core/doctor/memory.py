"""The memory itself: backend, schema ledger, undelivered events, embedder, and why a recall may come back empty."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from memcore.config import suggest
from memcore.errors import MemcoreError
from memcore.records import Scope

from memcore_plugins.core.doctor.look import Check, Look, State

if TYPE_CHECKING:
    from memcore import Engine

__all__ = ["examine"]


def examine(look: Look) -> Iterator[Check]:
    """Open the memory for reading and yield how it is; where there is none to open, whether one could be made."""
    from memcore.engine import Engine

    if look.unusable:
        yield from _choice(look)
        return
    context = look.context
    try:
        engine = Engine.open(home=context.home, settings=context.overrides, read_only=True)
    except MemcoreError as error:
        yield _check("error", "engine", f"{error.what}{f' ({error.why})' if error.why else ''}", error.cure)
        return
    with engine:
        yield from _backend(engine)
        yield from _ledger(engine)
        yield from _missed(engine)
        yield from _embedder(engine)
        yield from _runtime(engine)
        yield from _recall(engine)
        yield from _hosts(engine)


def _check(state: State, name: str, detail: str, cure: str = "") -> Check:
    return Check(area="memory", name=name, state=state, detail=detail, cure=cure)


def _hosts(engine: Engine) -> Iterator[Check]:
    """Yield what hosts ran into of late: the reason why an agent recalled nothing."""
    for _, finding in engine.check("hosts"):
        yield _check("warning", "hosts", finding.message, finding.cure)


def _choice(look: Look) -> Iterator[Check]:
    offers = {p.name: p for p in look.catalog.plugins.values() if "memcore_backend" in p.hooks}
    name = look.settings.backend
    chosen = offers.get(name) if name else next((each for each in offers.values() if each.default), None)
    if chosen is None:
        yield _check("error", "backend", f"there is no storage backend {name!r}", suggest(name, offers))
    elif not chosen.usable:
        yield _check("error", "backend", f"the backend {chosen.name} is {chosen.status}: {chosen.reason}", chosen.hint)


def _backend(engine: Engine) -> Iterator[Check]:
    health = engine.backend.health()
    facts = ", ".join(f"{key}: {value}" for key, value in health.facts.items())
    detail = f"{engine.backend.name}: {health.detail}{f' ({facts})' if facts else ''}"
    yield _check("ok" if health.ok else "error", "backend", detail, "" if health.ok else "memcore config show")
    offered = ", ".join(sorted(engine.backend.capabilities)) or "nothing beyond the contract"
    yield _check("ok", "capabilities", offered)


def _ledger(engine: Engine) -> Iterator[Check]:
    for key, value in engine.workspace.list_meta("schema:"):
        name = key.removeprefix("schema:")
        plugin = engine.catalog.plugins.get(name)
        if plugin is None:
            cure = "install the distribution that brought it, or leave them"
            yield _check("info", "tables", f"the tables of {name} are here, the plugin is not installed", cure)
        elif "memcore_migrations" in plugin.hooks and engine.catalog.load(plugin):
            steps = engine.catalog.caller(plugin, "memcore_migrations")()
            newest = max((step.version for step in steps), default=0)
            if json.loads(value) > newest:
                detail = f"the tables of {name} were written by a newer version ({value}, this one knows {newest})"
                yield _check("error", "tables", detail, f"upgrade {plugin.distribution}")


def _missed(engine: Engine) -> Iterator[Check]:
    missed: Counter[str] = Counter()
    for _, name, ids in engine.missed():
        missed[name] += len(ids)
    for name, count in sorted(missed.items()):
        cure = "memcore maintain" if name in engine.catalog.plugins else f"install {name} again, then memcore maintain"
        yield _check("warning", "deliveries", f"{name} failed and was not told of {count} records", cure)


def _embedder(engine: Engine) -> Iterator[Check]:
    name = engine.core.embedder
    if not name:
        yield _check(
            "info", "embedder", "none is chosen: memory is searched by words", "set embedder to search by meaning"
        )
        return
    for plugin, function in engine.catalog.implementers("memcore_embedder"):
        with engine.isolated(plugin, "memcore_embedder"):
            spec = function()
            if spec is not None and spec.name == name:
                reason = spec.available(engine.context(plugin.name).settings)
                yield _check("warning" if reason else "ok", "embedder", reason or f"{name}: {spec.summary}")
                return
    yield _check("error", "embedder", f"no plugin offers the embedder {name!r}", "memcore plugins list")


def _runtime(engine: Engine) -> Iterator[Check]:
    present = engine.workspace.tables()
    for plugin, function in engine.catalog.implementers("memcore_status"):
        if not set(plugin.tables) - present:
            with engine.isolated(plugin, "memcore_status"):
                if said := function(engine=engine):
                    yield _check("info", plugin.name, said[0], said[1])


def _recall(engine: Engine) -> Iterator[Check]:
    """Yield the reasons why a search would find nothing, or one line that says how much it can find."""
    name = engine.core.namespace
    if not engine.catalog.implementers("memcore_search"):
        yield _check(
            "error", "recall", "no plugin searches, so nothing is ever recalled", "memcore plugins enable prefetch"
        )
    if engine.core.budget <= 0:
        yield _check(
            "warning", "recall", f"the budget is {engine.core.budget} tokens: no hit fits", "set budget, say 1200"
        )
    if engine.backend.scan(Scope(namespaces=(name,)), limit=1).records:
        yield _check("ok", "recall", f"the namespace {name!r} has active records")
    elif engine.backend.scan(Scope(namespaces=(name,), statuses=()), limit=1).records:
        detail = f"every record in the namespace {name!r} has left active memory: superseded, archived or retired"
        yield _check("warning", "recall", detail, "memcore decay --dry-run and memcore warn say why")
    elif others := sorted({record.namespace for record in engine.backend.scan(Scope(statuses=()), limit=1000).records}):
        detail = f"the namespace {name!r} is empty; there are records in {', '.join(others)}"
        yield _check("warning", "recall", detail, f"memcore --namespace {others[0]}, or set namespace")
    else:
        yield _check(
            "info", "recall", "nothing has been remembered yet", "memcore migrate DIR, or memcore remember TEXT"
        )
