from __future__ import annotations

import json
import stat
import sys

import pytest
from program import HEAD, distribute, memcore

STATUSES = {
    "active", "degraded", "inactive", "unavailable", "disabled", "incompatible", "shadowed", "broken", "placeholder",
}  # fmt: skip


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on sys.path for real distributions."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    loaded = set(sys.modules)
    yield folder
    for name in set(sys.modules) - loaded:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def listed(home, *arguments, **more):
    done = memcore(home, "plugins", "list", "--json", *arguments, **more)
    return {plugin["key"]: plugin for plugin in done.json["plugins"]}


def test_every_plugin_is_listed_with_its_status(home):
    done = memcore(home, "plugins", "list")
    assert done.code == 0
    assert done.out.splitlines()[0].split() == ["NAME", "STATUS", "FROM", "HOOKS", "NOTE"]
    rows = {line.split()[0]: line.split()[1] for line in done.out.splitlines()[1:]}
    assert rows["core"] == "active"
    assert set(rows.values()) <= STATUSES
    assert {"decay", "archive", "stats", "housekeeping", "sqlite"} <= set(rows)


def test_the_description_is_complete(home):
    found = listed(home)["decay"]
    assert found["distribution"]["name"] == "memcore-engine"
    assert found["distribution"]["version"]
    assert found["target"] == "memcore_plugins.decay:Plugin"
    assert found["api"] == 1
    assert "memcore_maintain" in found["hooks"]
    assert found["tables"] == ["confirmations"]
    assert found["commands"] == ["decay"]
    assert "rate" in found["settings"]
    assert found["load_ms"] >= 0
    assert {"requires", "uses", "reason", "hint", "summary"} <= set(found)


def test_listing_makes_no_database(home):
    memcore(home, "plugins", "list")
    assert not list(home.rglob("*.db"))


@pytest.mark.parametrize("code", ["raise RuntimeError('bad token file')", "import sys; sys.exit(3)", "x = ("])
def test_a_broken_plugin_is_a_row_and_not_a_crash(home, site, code):
    distribute(site, "acme", code)
    done = memcore(home, "plugins", "list")
    row = next(line for line in done.out.splitlines() if line.startswith("acme"))
    assert row.split()[1] == "broken"
    assert "repair or uninstall acme" in row
    assert done.code == 0
    assert memcore(home, "plugins", "list", "--check").code == 1


def test_a_broken_settings_file_is_a_note_and_not_a_crash(home):
    home.mkdir()
    (home / "memcore.toml").write_text("[broken")
    done = memcore(home, "plugins", "list")
    assert done.code == 0
    assert "core " in done.out
    assert "not valid TOML" in done.err


def test_a_setting_of_the_wrong_type_is_a_note_and_not_a_crash(home):
    done = memcore(home, "plugins", "list", env={"MEMCORE_BUSY_TIMEOUT": "soon"})
    assert done.code == 0
    assert "'soon' is not of type float" in done.err


def test_a_name_of_ours_that_another_distribution_takes_is_shadowed(home, site):
    distribute(site, "rogue", HEAD, entry="decay", distribution="zzz-rogue")
    found = listed(home)
    assert found["decay"]["distribution"]["name"] == "memcore-engine"
    assert found["decay (zzz-rogue)"]["status"] == "shadowed"
    assert "uninstall zzz-rogue" in found["decay (zzz-rogue)"]["hint"]
    assert memcore(home, "plugins", "list", "--check").code == 1


def test_an_editable_distribution_is_marked(home, site):
    info = distribute(site, "acme", HEAD)
    (info / "direct_url.json").write_text(json.dumps({"url": "file:///src/acme", "dir_info": {"editable": True}}))
    found = listed(home)["acme"]["distribution"]
    assert found == {
        "name": "acme",
        "version": "1.0",
        "editable": True,
        "origin": {"url": "file:///src/acme", "dir_info": {"editable": True}},
    }
    assert "acme 1.0 (editable)" in memcore(home, "plugins", "list").out


def test_a_new_plugin_is_seen_at_once_and_the_index_learns_it(home, site):
    memcore(home, "plugins", "list")
    distribute(site, "acme", HEAD)
    assert listed(home)["acme"]["status"] == "active"
    index = json.loads((home / "cache" / "plugins.json").read_text())
    assert "acme" in {plugin["name"] for plugin in index["plugins"]}


def test_another_backend_shows_what_would_be_missing(home, site):
    code = HEAD.replace("'made by a test'", "'needs vectors', requires={'vector_search'}, uses={'neighbours'}")
    distribute(site, "acme", code)
    backend = HEAD + (
        "\n    @hookimpl\n    def memcore_backend(self):\n        from memcore import BackendSpec\n"
        "        caps = {'vector_search'}\n"
        "        return BackendSpec(name='shelf', summary='', open=lambda context: 1 / 0, capabilities=caps)\n"
    )
    distribute(site, "shelf", backend)
    assert listed(home, "--backend", "sqlite")["acme"]["status"] == "unavailable"
    found = listed(home, "--backend", "shelf")
    assert found["acme"]["status"] == "degraded"
    assert "neighbours" in found["acme"]["reason"]
    assert "selected backend" in memcore(home, "plugins", "list", "--backend", "shelf").out


def test_an_unknown_backend_is_bad_usage_with_the_right_name(home):
    done = memcore(home, "plugins", "list", "--backend", "sqlight")
    assert done.code == 2
    assert "did you mean 'sqlite'?" in done.err


def test_all_shows_tables_and_settings_too(home):
    out = memcore(home, "plugins", "list", "--all").out
    row = next(line for line in out.splitlines() if line.startswith("decay"))
    assert "tables: confirmations" in row
    assert "migrations" in row


STATUS = HEAD + "\n    @hookimpl\n    def memcore_status(self, engine):\n        return ('no CLAUDE.md', 'write one')\n"


def test_the_state_at_run_time_counts_once_there_is_a_database(home, site):
    distribute(site, "acme", STATUS)
    assert listed(home)["acme"]["status"] == "active"
    memcore(home, "stats")
    found = listed(home)["acme"]
    assert (found["status"], found["reason"], found["hint"]) == ("inactive", "no CLAUDE.md", "write one")


def test_a_database_that_cannot_be_opened_leaves_the_static_table(home, site):
    distribute(site, "acme", STATUS)
    home.mkdir()
    (home / "memory.db").write_text("no database at all")
    done = memcore(home, "plugins", "list")
    assert done.code == 0
    assert "state at run time not known" in done.err
    assert (home / "memory.db").read_text() == "no database at all"


BACKEND = (
    HEAD
    + """
    @hookimpl
    def memcore_backend(self):
        from memcore import BackendSpec
        return {result}
"""
)


def test_a_backend_that_cannot_say_what_it_is_leaves_the_rest_of_the_table(home, site):
    distribute(site, "shelf", BACKEND.format(result="1 / 0"))
    done = memcore(home, "plugins", "list", "--backend", "shelf")
    assert done.code == 0
    assert "the backend shelf cannot be used" in done.err
    row = next(line for line in done.out.splitlines() if line.startswith("shelf"))
    assert row.split()[1] == "broken"


def test_a_backend_that_fails_to_open_leaves_the_static_table(home, site):
    memcore(home, "stats")
    distribute(
        site, "shelf", BACKEND.format(result="BackendSpec(name='shelf', summary='', open=lambda context: 1 / 0)")
    )
    done = memcore(home, "--backend", "shelf", "plugins", "list")
    assert done.code == 0
    assert "state at run time not known: ZeroDivisionError" in done.err
    missing = memcore(home, "--backend", "nowhere", "plugins", "list")
    assert missing.code == 0
    assert "the backend nowhere cannot be used" in missing.err


# --- enable and disable ---

FILE = """# my settings
backend = "sqlite"  # the default

# not these
disable = [
  "wiki",  # too large
]

[decay]
rate = 0.01  # slower
"""


def test_disabling_keeps_every_comment(home):
    home.mkdir()
    (home / "memcore.toml").write_text(FILE)
    done = memcore(home, "plugins", "disable", "decay", "stats")
    assert done.code == 0
    assert "decay: disabled in" in done.out
    text = (home / "memcore.toml").read_text()
    for comment in ("# my settings", "# the default", "# not these", "# too large", "# slower"):
        assert comment in text
    found = listed(home)
    assert {name for name in ("wiki", "decay", "stats") if found[name]["status"] == "disabled"} == {
        "wiki",
        "decay",
        "stats",
    }
    assert found["decay"]["hint"] == "memcore plugins enable decay"


def test_enabling_takes_it_back(home):
    home.mkdir()
    (home / "memcore.toml").write_text(FILE)
    memcore(home, "plugins", "disable", "decay")
    memcore(home, "plugins", "enable", "decay", "wiki")
    found = listed(home)
    assert found["decay"]["status"] != "disabled"
    assert found["wiki"]["status"] != "disabled"
    assert "# slower" in (home / "memcore.toml").read_text()


def test_without_a_file_one_is_made_private(home):
    assert memcore(home, "plugins", "disable", "decay").code == 0
    file = home / "memcore.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert listed(home)["decay"]["status"] == "disabled"


def test_a_new_list_goes_before_the_first_section(home):
    home.mkdir()
    (home / "memcore.toml").write_text("[decay]\nrate = 0.01\n")
    memcore(home, "plugins", "disable", "stats")
    assert listed(home)["stats"]["status"] == "disabled"
    assert memcore(home, "config", "show").code == 0


def test_a_dry_run_writes_nothing(home):
    home.mkdir()
    (home / "memcore.toml").write_text(FILE)
    done = memcore(home, "plugins", "disable", "decay", "--dry-run")
    assert "would be disabled" in done.out
    assert (home / "memcore.toml").read_text() == FILE


def test_twice_is_once(home):
    memcore(home, "plugins", "disable", "decay")
    text = (home / "memcore.toml").read_text()
    assert "was disabled already" in memcore(home, "plugins", "disable", "decay").out
    assert (home / "memcore.toml").read_text() == text


def test_core_cannot_be_disabled(home):
    done = memcore(home, "plugins", "disable", "stats", "core")
    assert done.code == 1
    assert "core cannot be disabled" in done.err
    assert not (home / "memcore.toml").exists()


def test_an_unknown_name_changes_nothing(home):
    done = memcore(home, "plugins", "disable", "stats", "decya")
    assert done.code == 2
    assert "did you mean 'decay'?" in done.err
    assert not (home / "memcore.toml").exists()


def test_a_broken_file_is_not_overwritten(home):
    home.mkdir()
    (home / "memcore.toml").write_text("[broken")
    done = memcore(home, "plugins", "disable", "decay")
    assert done.code == 2
    assert "not valid TOML" in done.err
    assert (home / "memcore.toml").read_text() == "[broken"


def test_enabling_adds_to_a_list_of_chosen_plugins(home):
    home.mkdir()
    (home / "memcore.toml").write_text('plugins = "sqlite,decay"\n')
    assert memcore(home, "plugins", "enable", "stats").code == 0
    assert (home / "memcore.toml").read_text() == 'plugins = "sqlite,decay,stats"\n'
    assert "was enabled already" in memcore(home, "plugins", "enable", "decay").out


def test_a_stranger_is_not_enabled_against_builtin_only(home, site):
    distribute(site, "acme", HEAD)
    home.mkdir()
    (home / "memcore.toml").write_text('plugins = "builtin"\n')
    done = memcore(home, "plugins", "enable", "acme")
    assert done.code == 1
    assert 'set plugins = "all"' in done.err


def test_a_variable_that_wins_over_the_file_is_named(home):
    done = memcore(home, "plugins", "enable", "decay", env={"MEMCORE_DISABLE": "decay"})
    assert "MEMCORE_DISABLE, which wins over the file" in done.err


def test_a_disable_list_that_is_no_list_is_explained(home):
    home.mkdir()
    (home / "memcore.toml").write_text("disable = 5\n")
    done = memcore(home, "plugins", "disable", "decay")
    assert done.code == 2
    assert "disable" in done.err


def test_a_linked_file_stays_a_link(home, tmp_path):
    home.mkdir()
    real = tmp_path / "dotfiles.toml"
    real.write_text(FILE)
    real.chmod(0o640)
    (home / "memcore.toml").symlink_to(real)
    memcore(home, "plugins", "disable", "decay")
    assert (home / "memcore.toml").is_symlink()
    assert '"decay"' in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_a_home_that_cannot_be_written_is_explained(tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = memcore(tmp_path / "file" / "home", "plugins", "disable", "decay")
    assert done.code == 2
    assert "cannot read" in done.err
