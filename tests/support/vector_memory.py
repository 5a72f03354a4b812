"""Engines with vectors, the toy embedder and any backend, opened in one line."""

from __future__ import annotations

from memcore import Draft, Engine, Query, Scope
from memcore.discovery import OWN, Catalog, Plugin, inspect
from memcore_plugins.vectors import waiting
from upkeep_engine import Clock

TARGETS = {
    "sqlite": "memcore_backends.sqlite:Plugin",
    "vectors": "memcore_plugins.vectors:Plugin",
    "embedder-toy": "toy_embedder:Plugin",
}


def open_memory(home, *, clock=None, read_only=False, without=(), more=None, **settings) -> Engine:
    """Open an engine; settings are written `vectors__batch=4`. `without` leaves plugins out, `more` adds some."""
    targets = {name: target for name, target in {**TARGETS, **(more or {})}.items() if name not in without}
    catalog = Catalog([inspect(Plugin(name=name, target=t, distribution=OWN)) for name, t in targets.items()])
    given = {"embedder": "toy", **{key.replace("__", "."): value for key, value in settings.items()}}
    return Engine.open(
        home=home, environ={}, settings=given, clock=clock or Clock(), catalog=catalog, read_only=read_only
    )


def toy(engine):
    """Return what the toy embedder was asked, and the switches that make it fail."""
    plugin = engine.catalog.plugins["embedder-toy"]
    assert engine.catalog.load(plugin)
    return plugin.instance.toy


def vectors(engine):
    """Return the plugin's object."""
    return engine.catalog.plugins["vectors"].instance


def remember(engine, *texts, **given):
    """Store texts and return their records."""
    return [outcome.record for outcome in engine.remember([Draft(content=text, **given) for text in texts])]


def by_meaning(engine, text, *, limit=5, **scope):
    """Return the contents that the vector strategy finds, the nearest first."""
    query = Query(text=text, limit=limit, scope=Scope(**scope), now=engine.now())
    return [hit.record.content for hit in vectors(engine).memcore_search(engine=engine, query=query) or ()]


def embedded(engine):
    """Return the ids of the records that have a vector."""
    return {row[0] for row in engine.workspace.connection().execute("SELECT record_id FROM vec_curated")}


def left(engine):
    """Return how many records wait for a vector."""
    return waiting.waiting(engine.workspace.connection())
