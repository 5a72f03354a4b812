"""`memcore hermes` on homes of every form, without Hermes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import yaml
from memcore import Engine, MemcoreError, Scope
from memcore_plugins.hosts.hermes import config, files, tools
from memcore_plugins.hosts.provider import MemcoreProvider
from program import memcore


@pytest.fixture
def hermes(tmp_path):
    """A Hermes home and `run(command, *options)` on it."""
    root = tmp_path / "hermes"
    root.mkdir()

    class Home:
        path = root

        @staticmethod
        def run(command, *options):
            return memcore(tmp_path / "elsewhere", "hermes", command, "--home", root, *options)

        @staticmethod
        def text():
            return (root / "config.yaml").read_text()

    return Home


def chosen(text):
    return yaml.safe_load(text)["memory"]["provider"]


# --- config.yaml ---


FORMS = {
    "empty": "",
    "only a comment": "# my agent\n",
    "no memory": "model:\n  default: x\n",
    "no newline at the end": "model:\n  default: x",
    "memory without provider": "memory:\n  memory_enabled: true  # mine\nmodel: x\n",
    "memory with provider": "memory:\n    provider: mem0  # for now\n    memory_enabled: true\nmodel: x\n",
    "memory with nothing in it": "memory:\nmodel: x\n",
    "comments inside": "memory:  # what it knows\n  # the provider\n  provider: ''\nmodel: x\n",
    "comment before the keys": "memory:\n# a comment at the margin\n  memory_enabled: false\n",
    "a provider elsewhere": "model:\n  provider: custom\nmemory:\n  nested:\n    provider: not me\n  memory_enabled: true\n",
    "windows line ends": "model: x\r\nmemory:\r\n  memory_enabled: true\r\n",
    "a quoted key and an anchor": '"memory": &m\n  "provider": mem0 # for now\nmodel: x\n',
    "an empty value": "memory:\n  provider:\n  memory_enabled: true\n",
    "flow style of others": "model: {default: x}\nmemory:\n  nudge_interval: 3\n",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_the_provider_is_set_and_everything_else_stays(tmp_path, text):
    (tmp_path / "config.yaml").write_bytes(text.encode())
    config.set_provider(tmp_path, "memcore")
    found = (tmp_path / "config.yaml").read_text()
    assert chosen(found) == "memcore"
    before, after = yaml.safe_load(text) or {}, yaml.safe_load(found)
    after["memory"].pop("provider")
    (before.get("memory") or {}).pop("provider", None)
    assert (after["memory"] or None, after | {"memory": 0}) == (before.get("memory") or None, before | {"memory": 0})
    for comment in (
        "# my agent",
        "# mine",
        "# what it knows",
        "# the provider",
        "# a comment at the margin",
        "# for now",
    ):
        assert (comment in text) == (comment in found)
    if text:
        assert (tmp_path / "config.yaml.bak-memcore").read_bytes().decode() == text


def test_a_missing_config_is_made(tmp_path):
    config.set_provider(tmp_path, "memcore")
    assert config.get_provider(tmp_path) == "memcore"


@pytest.mark.parametrize(
    "text", ["memory: {memory_enabled: true}\n", "{memory: {provider: mem0}, model: x}\n", "memory: text\n"]
)
def test_an_unusual_form_is_refused_with_the_lines_to_add(tmp_path, text):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(MemcoreError, match="provider: memcore"):
        config.set_provider(tmp_path, "memcore")
    assert (tmp_path / "config.yaml").read_text() == text


@pytest.mark.parametrize("text", ["memory: [unclosed\n", "\tmemory:\n", "- a list\n", "text\n"])
def test_a_config_that_is_wrong_is_refused_and_left_alone(hermes, text):
    (hermes.path / "config.yaml").write_text(text)
    done = hermes.run("install")
    assert done.code == 2
    assert "config.yaml" in done.err
    assert hermes.text() == text
    assert not (hermes.path / "plugins").exists(), "nothing was half-installed"


def test_the_mode_of_the_config_stays(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("model: x\n")
    path.chmod(0o600)
    config.set_provider(tmp_path, "memcore")
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_files_in_the_prompt_are_those_of_the_config(tmp_path):
    assert config.shown_targets(tmp_path) == ("memory", "user")
    (tmp_path / "config.yaml").write_text("memory:\n  user_profile_enabled: false\n")
    assert config.shown_targets(tmp_path) == ("memory",)
    (tmp_path / "config.yaml").write_text("memory: [")
    assert config.shown_targets(tmp_path) == ()


# --- install, status, uninstall ---


def test_install_says_what_it_did_and_status_shows_it(hermes):
    (hermes.path / "config.yaml").write_text("memory:\n  provider: mem0\n")
    (hermes.path / "memories").mkdir()
    (hermes.path / "memories" / "MEMORY.md").write_text("The port is 9000.\n§\nBackups run on Sunday.")
    done = hermes.run("install")
    assert done.code == 0, done.err
    assert "set memory.provider to memcore (was mem0)" in done.out
    assert "took over 2 entries" in done.out
    found = hermes.run("status", "--json").json
    assert found["plugin"].startswith("memcore ")
    assert found["memory.provider"] == "memcore"
    assert "bytes" in found["database"]
    with Engine.open(home=hermes.path / "memcore", environ={}) as engine:
        assert sorted(r.content for r in engine.scan(Scope())) == ["Backups run on Sunday.", "The port is 9000."]


def test_a_dry_run_changes_nothing(hermes):
    (hermes.path / "config.yaml").write_text("model: x\n")
    assert "would" in hermes.run("install", "--dry-run").out
    assert sorted(path.name for path in hermes.path.iterdir()) == ["config.yaml"]
    hermes.run("install")
    assert "would" in hermes.run("uninstall", "--dry-run").out
    assert chosen(hermes.text()) == "memcore"


def test_a_second_install_keeps_what_was_chosen_first(hermes):
    (hermes.path / "config.yaml").write_text("memory:\n  provider: mem0\n")
    hermes.run("install")
    hermes.run("install")
    done = hermes.run("uninstall")
    assert "set memory.provider to mem0" in done.out
    assert chosen(hermes.text()) == "mem0"
    assert not (hermes.path / "plugins" / "memcore").exists()
    assert (hermes.path / "memcore" / "memory.db").exists(), "the memories stay"


def test_a_provider_chosen_since_is_left_alone(hermes):
    hermes.run("install")
    config.set_provider(hermes.path, "honcho")
    hermes.run("uninstall")
    assert chosen(hermes.text()) == "honcho"


def test_what_is_not_there_is_said(hermes, tmp_path):
    done = hermes.run("uninstall")
    assert done.code == 2
    assert "not installed" in done.err
    assert hermes.run("status").out.count("not installed") == 1
    missing = memcore(tmp_path, "hermes", "install", "--home", tmp_path / "nowhere")
    assert missing.code == 2
    assert "--home" in missing.err


def test_a_database_that_cannot_be_opened_is_said_at_once(hermes):
    (hermes.path / "memcore").mkdir()
    (hermes.path / "memcore" / "memory.db").write_text("this is no database at all")
    done = hermes.run("install")
    assert done.code == 2
    assert "is not a memcore database" in done.err


def test_the_plugin_imports_where_nothing_else_is_installed(hermes, tmp_path):
    hermes.run("install")
    plugin = hermes.path / "plugins" / "memcore"
    assert "MemoryProvider" in (plugin / "__init__.py").read_text()[:8192], "the word Hermes looks for"
    assert not list(plugin.glob("*.toml"))
    assert "dependencies" not in (plugin / "plugin.yaml").read_text()
    assert list((plugin / "_libraries" / "licences").rglob("LICENSE*")), "the licences of what is copied"
    agent = tmp_path / "host" / "agent"
    agent.mkdir(parents=True)
    (agent / "__init__.py").touch()
    (agent / "memory_provider.py").write_text("class MemoryProvider:\n    pass\n")
    code = f"""
import importlib.util, json, sys
sys.path.append({str(agent.parent)!r})
spec = importlib.util.spec_from_file_location("plugin", {str(plugin / "__init__.py")!r}, submodule_search_locations=[{str(plugin)!r}])
module = importlib.util.module_from_spec(spec)
sys.modules["plugin"] = module
spec.loader.exec_module(module)
class Ctx:
    def register_memory_provider(self, provider): self.provider = provider
ctx = Ctx()
module.register(ctx)
ctx.provider.initialize("s1", hermes_home={str(hermes.path)!r}, agent_context="primary")
ctx.provider.sync_turn("The kiln fires at noon.", "Noted.")
ctx.provider.on_session_switch("s2", reset=True)
found = ctx.provider.handle_tool_call("memcore_search", {{"query": "kiln"}})
ctx.provider.shutdown()
import memcore, attrs
print(json.dumps([memcore.__file__, attrs.__file__, found]))
"""
    done = subprocess.run([sys.executable, "-S", "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    engine, library, found = json.loads(done.stdout)
    assert engine.startswith(str(plugin / "_vendor"))
    assert library.startswith(str(plugin / "_libraries"))
    assert "The kiln fires at noon." in found


# --- the memory files ---


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("", []),
        ("one", ["one"]),
        ("one\n§\ntwo\nlines\n§\n\n", ["one", "two\nlines"]),
        ("a § in a line", ["a § in a line"]),
        ("one\r\n§\r\ntwo", ["one", "two"]),
    ],
)
def test_the_entries_of_a_memory_file(text, entries):
    assert files.split_entries(text) == entries


def test_a_change_is_told_until_it_was_taken_over(tmp_path):
    watch = files.Watch(tmp_path / "memories")
    assert list(watch.changed()) == [], "no folder says nothing"
    (tmp_path / "memories").mkdir()
    (tmp_path / "memories" / "MEMORY.md").write_text("one")
    for _ in range(2):
        told = {target: (entries, stamp) for target, entries, stamp in watch.changed()}
        assert told["memory"][0] == ["one"]
    for target, (_, stamp) in told.items():
        watch.seen(target, stamp)
    assert list(watch.changed()) == []
    (tmp_path / "memories" / "MEMORY.md").unlink()
    assert [(target, entries) for target, entries, _ in watch.changed()] == [("memory", [])]


# --- the tools ---


@pytest.fixture
def memory(tmp_path):
    found = MemcoreProvider(lambda: Engine.open(home=tmp_path, environ={}), home=tmp_path, session_id="s1")
    yield found
    found.close()


def test_the_tools_keep_and_find(memory):
    kept = json.loads(tools.call(memory, "memcore_remember", {"content": "The kiln fires at noon."}, writes=True))
    assert kept["state"] == "new"
    (hit,) = json.loads(tools.call(memory, "memcore_search", {"query": "kiln"}, writes=False))["results"]
    assert hit["content"] == "The kiln fires at noon."
    assert hit["date"]


@pytest.mark.parametrize(
    ("name", "args", "said"),
    [
        ("memcore_remember", {}, "cannot be stored"),
        ("memcore_remember", {"content": ""}, "cannot be stored"),
        ("memcore_search", None, "query"),
        ("nothing", {}, "no tool"),
    ],
)
def test_a_wrong_call_gets_json_that_says_why(memory, name, args, said):
    assert said in json.loads(tools.call(memory, name, args, writes=True))["error"]


def test_a_tool_without_memory_or_the_right_to_write_says_so(memory):
    assert "not open" in json.loads(tools.call(None, "memcore_search", {"query": "x"}, writes=True))["error"]
    assert (
        "only read" in json.loads(tools.call(memory, "memcore_remember", {"content": "x y z"}, writes=False))["error"]
    )


def test_a_failure_inside_a_tool_is_json_and_noted(tmp_path):
    (tmp_path / "memory.db").mkdir()
    broken = MemcoreProvider(lambda: Engine.open(home=tmp_path, environ={}), home=tmp_path)
    assert "error" in json.loads(tools.call(broken, "memcore_search", {"query": "x"}, writes=True))


def test_the_schemas_are_small():
    assert len(tools.SCHEMAS) <= 3
    assert len(json.dumps(tools.SCHEMAS)) < 1000
