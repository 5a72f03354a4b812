from __future__ import annotations

import json
import os
import sys
import time

import pytest
from memcore.contracts import PluginInfo
from memcore.discovery import OWN, Catalog, Plugin, inspect
from memcore.errors import PluginError
from memcore.hookspecs import hookimpl
from zoo import catalog, plugin


class Good:
    info = PluginInfo(summary="good", tables=("good",))

    @hookimpl
    def memcore_stats(self, engine):
        return {"good": 1}


class Commands:
    info = PluginInfo(summary="commands")

    @hookimpl
    def memcore_commands(self):
        import click

        return [click.Command("greet", help="Greet the user.")]


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on sys.path for real distributions with real metadata."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    loaded = set(sys.modules)
    yield folder
    for name in set(sys.modules) - loaded:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


def distribute(site, name, code, *, entries=None, distribution=None):
    module = name.replace("-", "_")
    (site / f"{module}.py").write_text(code)
    info = site / f"{(distribution or name).replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution or name}\nVersion: 1.0\n")
    entries = entries or {name: f"{module}:Plugin"}
    lines = "\n".join(f"{key} = {value}" for key, value in entries.items())
    (info / "entry_points.txt").write_text(f"[memcore]\n{lines}\n")


HEAD = "from memcore import PluginInfo, hookimpl\nclass Plugin:\n    info = PluginInfo(summary='x')\n"


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("raise RuntimeError('bad token file')", "broken", "RuntimeError: bad token file"),
        ("import sys; sys.exit(3)", "broken", "SystemExit: 3"),
        ("import no_such_module_anywhere", "broken", "No module named"),
        ("x = 1", "broken", "has no attribute 'Plugin'"),
        ("class Plugin: pass", "broken", "is not a plugin class"),
        ("Plugin = 7", "broken", "is not a plugin class"),
        ("def Plugin(: pass", "broken", "SyntaxError"),
        (
            HEAD + "    @hookimpl\n    def memcore_sesion_end(self): pass\n",
            "incompatible",
            "unknown hook memcore_sesion_end",
        ),
        (HEAD.replace("'x'", "'x', api=9"), "incompatible", "written for api 9"),
        (HEAD.replace("'x'", "'x', placeholder='write it'"), "placeholder", "not implemented"),
        (HEAD.replace("'x'", "'x', packages={'nowhere_to_find': 'extra'}"), "unavailable", "needs nowhere_to_find"),
        (
            HEAD.replace("'x'", "'x', optional={'nowhere_to_find': 'extra'}"),
            "degraded",
            "nowhere_to_find is not installed",
        ),
    ],
)
def test_whatever_an_installed_plugin_does_becomes_its_status(site, code, status, reason):
    distribute(site, "acme", code)
    found = Catalog.discover().plugins["acme"]
    assert (found.status, found.distribution, found.version) == (status, "acme", "1.0")
    assert reason in found.reason
    assert found.hint
    assert Catalog.discover().plugins["core"].status in ("active", "broken"), "the others are still there"


def test_an_unknown_hook_gets_a_suggestion(site):
    distribute(site, "acme", HEAD + "    @hookimpl\n    def memcore_sesion_end(self): pass\n")
    assert Catalog.discover().plugins["acme"].hint == "did you mean 'memcore_session_end'?"


def test_a_keyboard_interrupt_is_not_swallowed(site):
    distribute(site, "acme", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        Catalog.discover()


def test_a_slow_import_is_named(site, monkeypatch):
    distribute(site, "acme", HEAD)
    monkeypatch.setattr("memcore.discovery.SLOW_IMPORT", 0.0)
    found = Catalog.discover().plugins["acme"]
    assert found.status == "degraded"
    assert "import took" in found.reason


def test_a_hook_with_unknown_arguments_breaks_its_plugin_only(site):
    distribute(site, "acme", HEAD + "    @hookimpl\n    def memcore_stats(self, motor): pass\n")
    found = Catalog.discover()
    assert not found.load(found.plugins["acme"])
    assert "motor" in found.plugins["acme"].reason


def test_a_constructor_that_raises_breaks_its_plugin_only(site):
    distribute(site, "acme", HEAD + "    def __init__(self): raise OSError('no')\n")
    found = Catalog.discover()
    assert not found.load(found.plugins["acme"])
    assert found.plugins["acme"].status == "broken"


def test_our_names_cannot_be_taken(site):
    distribute(site, "sqlite", HEAD, distribution="aaa-evil")
    found = Catalog.discover()
    assert found.plugins["sqlite"].distribution == OWN
    assert found.plugins["sqlite (aaa-evil)"].status == "shadowed"


def test_of_two_strangers_with_one_name_the_first_by_distribution_wins():
    found = Catalog([plugin("x", Good, distribution="zzz"), plugin("x", Good, distribution="aaa")])
    assert found.plugins["x"].distribution == "aaa"
    assert found.plugins["x (zzz)"].status == "shadowed"


def test_a_second_owner_of_a_command_is_refused():
    found = Catalog([plugin("own", Commands), plugin("later", Commands, distribution="acme")])
    assert found.plugins["own"].commands == {"greet": "Greet the user."}
    assert found.plugins["later"].commands == {}
    assert "'greet' belongs to own" in found.plugins["later"].reason


def test_plugins_come_ours_first_then_by_name():
    found = Catalog([plugin("a", Good, distribution="acme"), plugin("z", Good), plugin("b", Good)])
    assert list(found.plugins) == ["b", "z", "a"]


def select(mode="all", disable=(), distributions=()):
    found = Catalog([plugin("core", Good), plugin("own", Good), plugin("acme", Good, distribution="acme")])
    found.select(mode, disable, distributions)
    return {name: found.plugins[name].status for name in ("core", "own", "acme")}


def test_plugins_are_selected_by_name_origin_and_distribution():
    active, disabled = "active", "disabled"
    assert select() == {"core": active, "own": active, "acme": active}
    assert select("builtin") == {"core": active, "own": active, "acme": disabled}
    assert select("own") == {"core": active, "own": active, "acme": disabled}
    assert select("own,acme") == {"core": active, "own": active, "acme": active}
    assert select(disable=["own", "core"]) == {"core": active, "own": disabled, "acme": active}
    assert select(distributions=["other"]) == {"core": active, "own": active, "acme": disabled}
    assert select(distributions=["acme"]) == {"core": active, "own": active, "acme": active}


def test_missing_capabilities_cost_the_feature():
    class Needs:
        info = PluginInfo(summary="needs", requires={"purge", "update"})

    class Uses:
        info = PluginInfo(summary="uses", uses={"delete"})

    found = catalog(needs=Needs, uses=Uses, good=Good)
    found.require({"update"})
    assert (found.plugins["needs"].status, found.plugins["needs"].reason) == (
        "unavailable",
        "the backend offers no purge",
    )
    assert (found.plugins["uses"].status, found.plugins["uses"].reason) == ("degraded", "the backend offers no delete")
    assert found.plugins["good"].status == "active"
    found.require({"update"})
    assert found.plugins["needs"].status == "unavailable"


def test_only_implementers_of_a_hook_are_loaded():
    found = catalog(good=Good, other=Commands)
    assert [p.name for p, _ in found.implementers("memcore_stats")] == ["good"]
    assert found.plugins["other"].instance is None


def test_a_caller_passes_only_the_arguments_that_are_wanted():
    found = catalog(good=Good)
    ((_, function),) = found.implementers("memcore_stats")
    assert function(engine=None, more="ignored") == {"good": 1}
    with pytest.raises(PluginError, match="does not implement"):
        found.caller(found.plugins["good"], "memcore_check")


def test_a_host_registers_under_a_free_name_and_known_hooks():
    found = catalog(good=Good)
    found.register(Good(), "host")
    assert [p.name for p, _ in found.implementers("memcore_stats")] == ["good", "host"]
    with pytest.raises(PluginError, match="taken"):
        found.register(Good(), "host")

    class Wrong:
        @hookimpl
        def memcore_stat(self):
            return {}

    with pytest.raises(PluginError, match="unknown hook") as caught:
        found.register(Wrong(), "wrong")
    assert caught.value.cure == "did you mean 'memcore_stats'?"


def test_the_index_is_used_until_a_distribution_or_a_file_changes(site, tmp_path, monkeypatch):
    cache = tmp_path / "cache" / "plugins.json"
    distribute(site, "acme", HEAD)
    assert Catalog.discover(cache).plugins["acme"].hooks == []
    monkeypatch.setattr("memcore.discovery._entry_points", lambda: pytest.fail("the index was not used"))
    assert Catalog.discover(cache).plugins["acme"].summary == "x"
    monkeypatch.undo()
    monkeypatch.syspath_prepend(site)
    (site / "acme.py").write_text(HEAD + "    @hookimpl\n    def memcore_stats(self): return {}\n")
    os.utime(site / "acme.py", (time.time() + 9, time.time() + 9))
    del sys.modules["acme"]
    assert Catalog.discover(cache).plugins["acme"].hooks == ["memcore_stats"]
    distribute(site, "other", HEAD)
    assert "other" in Catalog.discover(cache).plugins


def test_a_fresh_catalog_ignores_the_index_and_rewrites_it(site, tmp_path):
    cache = tmp_path / "plugins.json"
    Catalog.discover(cache)
    stored = json.loads(cache.read_text())
    stored["plugins"] = []
    cache.write_text(json.dumps(stored))
    assert Catalog.discover(cache).plugins == {}
    assert Catalog.discover(cache, fresh=True).plugins
    assert Catalog.discover(cache).plugins


@pytest.mark.parametrize("content", ["", "{", '{"key": 1}', '{"key": [], "plugins": [{"nam": 1}]}', "[]"])
def test_a_damaged_index_is_rebuilt(tmp_path, content):
    cache = tmp_path / "plugins.json"
    cache.write_text(content)
    assert "core" in Catalog.discover(cache).plugins
    assert "core" in json.dumps(json.loads(cache.read_text()))


def test_an_index_that_lies_is_noticed_when_the_plugin_loads(tmp_path):
    cache = tmp_path / "plugins.json"
    cache.write_text("{}")
    liar = plugin("good", Good)
    liar.hooks = ["memcore_check"]
    found = Catalog([liar], cache=cache)
    assert found.load(liar)
    assert liar.hooks == ["memcore_stats"]
    assert not cache.exists()
    other = plugin("good", Good)
    other.hooks = []
    assert Catalog([other]).load(other)


def test_a_home_that_cannot_be_written_costs_speed_only(tmp_path):
    (tmp_path / "file").write_text("x")
    assert "core" in Catalog.discover(tmp_path / "file" / "plugins.json").plugins


def test_an_index_that_cannot_be_replaced_is_left_alone(tmp_path, monkeypatch):
    cache = tmp_path / "plugins.json"
    monkeypatch.setattr("memcore.discovery.os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    assert "core" in Catalog.discover(cache).plugins
    assert list(tmp_path.iterdir()) == []


def test_a_plugin_whose_file_vanished_is_seen_again(site, tmp_path):
    cache = tmp_path / "plugins.json"
    distribute(site, "acme", HEAD)
    Catalog.discover(cache)
    (site / "acme.py").unlink()
    sys.modules.pop("acme", None)
    assert Catalog.discover(cache).plugins["acme"].status == "broken"


def test_an_entry_point_without_a_module_is_broken_and_its_repair_is_noticed(site, tmp_path):
    found = inspect(Plugin(name="x", target="no_such_package.deep:Plugin"))
    assert found.status == "broken"
    assert "repair or uninstall x" in found.hint


def test_a_plugin_as_json_leaves_the_instance_out():
    found = catalog(good=Good)
    found.load(found.plugins["good"])
    assert "instance" not in found.plugins["good"].as_json()
    json.dumps(found.plugins["good"].as_json())
