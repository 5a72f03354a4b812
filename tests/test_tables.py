"""The twenty tables, eighteen modules, three backends and eight commands that the engine promises, under their names."""

from __future__ import annotations

import pytest
from memcore import Engine
from memcore.discovery import OWN, Catalog
from program import memcore

TABLES = (
    "meta", "curated", "curated_fts", "topics", "topic_curated", "entities", "episodes", "identity", "u_patterns",
    "u_observations", "u_hypotheses", "u_verifications", "decisions", "wiki_pages", "wiki_sources", "wiki_log",
    "ont_agents", "ont_relations", "ont_layers", "promotions",
)  # fmt: skip
OWNERS = {
    "curated": "sqlite", "curated_fts": "sqlite", "episodes": "sqlite", "identity": "ingest", "topics": "topics",
    "topic_curated": "topics", "entities": "entities", "decisions": "decisions", "u_patterns": "dialectic",
    "u_observations": "dialectic", "u_hypotheses": "dialectic", "u_verifications": "dialectic", "wiki_pages": "wiki",
    "wiki_sources": "wiki", "wiki_log": "wiki", "vec_curated": "vectors", "ont_agents": "ontology",
    "ont_relations": "ontology", "ont_layers": "ontology", "promotions": "promotion",
}  # fmt: skip
MODULES = (
    "archive", "bank_migrate", "core", "decay", "decisions", "dialectic", "entities", "housekeeping", "ingest", "lint",
    "ontology", "prefetch", "promotion", "stats", "topics", "vectors", "wiki", "wiki_lint",
)  # fmt: skip
BACKENDS = ("mem0", "memory-hall", "sqlite")
COMMANDS = {
    "migrate": "bank_migrate", "lint": "lint", "warn": "stats", "decay": "decay", "stats": "stats",
    "wiki-lint": "wiki_lint", "backfill-vectors": "vectors", "ontology-sync": "ontology",
}  # fmt: skip


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with Engine.open(home=tmp_path_factory.mktemp("tables"), environ={}, settings={"plugins": "builtin"}) as opened:
        yield opened


def owners(engine, table):
    """Return the plugins that declare a table, or one whose name it continues (a shadow table, an own addition)."""
    plugins = [p for p in engine.catalog.plugins.values() if p.distribution == OWN]
    exact = [p.name for p in plugins if table in p.tables]
    return exact or [p.name for p in plugins if any(table.startswith(f"{own}_") for own in p.tables)]


@pytest.mark.parametrize("table", TABLES)
def test_the_table_is_there_under_its_name(engine, table):
    assert table in engine.workspace.tables()


@pytest.mark.parametrize("table", OWNERS)
def test_the_table_belongs_to_its_module(engine, table):
    assert owners(engine, table) == [OWNERS[table]]


def test_every_table_belongs_to_exactly_one_plugin(engine):
    lost = {table: owners(engine, table) for table in engine.workspace.tables() - {"meta"}}
    assert {table: names for table, names in lost.items() if len(names) != 1} == {}


def test_every_declared_table_is_made(engine):
    usable = [p for p in engine.catalog.plugins.values() if p.usable and p.distribution == OWN]
    declared = {table for plugin in usable for table in plugin.tables}
    assert declared - engine.workspace.tables() == set()


def test_vectors_have_their_table_where_they_can_be_used(engine):
    assert ("vec_curated" in engine.workspace.tables()) == engine.catalog.plugins["vectors"].usable


def test_no_two_plugins_declare_a_table(engine):
    declared = [table for p in engine.catalog.plugins.values() if p.distribution == OWN for table in p.tables]
    assert sorted(set(declared)) == sorted(declared)


@pytest.mark.parametrize("name", [*MODULES, *BACKENDS])
def test_the_module_is_an_entry_point_and_works(engine, name):
    plugin = engine.catalog.plugins[name]
    assert plugin.distribution == OWN
    assert plugin.status not in ("broken", "incompatible", "shadowed"), plugin.reason
    assert plugin.summary


@pytest.mark.parametrize("name", BACKENDS)
def test_the_backend_offers_itself_as_one(name):
    plugin = Catalog.discover().plugins[name]
    assert plugin.status in ("active", "unavailable", "placeholder"), plugin.reason
    assert plugin.status == "placeholder" or "memcore_backend" in plugin.hooks


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_is_there_and_belongs_to_its_module(tmp_path, command):
    plugins = Catalog.discover().plugins
    assert command in plugins[COMMANDS[command]].commands
    done = memcore(tmp_path, command, "--help")
    assert done.code == 0
    assert "Examples:" in done.out


def test_maintain_is_the_one_line_for_cron(tmp_path):
    assert "maintain" in Catalog.discover().plugins["core"].commands
    assert memcore(tmp_path, "maintain").code == 0
