from __future__ import annotations

import sys

import pytest
from memcore_plugins.core.config import HIDDEN, masked
from program import HEAD, distribute, memcore


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield folder
    sys.modules.pop("acme", None)


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def shown(home, *arguments, env=None):
    done = memcore(home, *arguments, "config", "show", "--json", env=env)
    return {setting["name"]: (setting["value"], setting["origin"]) for setting in done.json["settings"]}


def test_every_value_names_its_origin(home):
    (home / "memcore.toml").write_text("budget = 900\n\n[decay]\nrate = 0.03\n")
    found = shown(
        home, "--set", "decay.floor=0.2", env={"MEMCORE_SEARCH_TIMEOUT": "1.5", "VIRTUALME_BACKEND": "sqlite"}
    )
    assert found["budget"] == (900, str(home / "memcore.toml"))
    assert found["decay.rate"] == (0.03, str(home / "memcore.toml"))
    assert found["decay.floor"] == (0.2, "command line")
    assert found["search_timeout"] == (1.5, "MEMCORE_SEARCH_TIMEOUT")
    assert found["backend"] == ("sqlite", "VIRTUALME_BACKEND")
    assert found["decay.kinds"] == (["opinion"], "default")


def test_the_table_shows_the_same(home):
    done = memcore(home, "config", "show", env={"MEMCORE_DECAY__RATE": "0.05"})
    assert done.code == 0
    row = next(line for line in done.out.splitlines() if line.startswith("decay.rate"))
    assert row.split() == ["decay.rate", "0.05", "MEMCORE_DECAY__RATE"]


@pytest.mark.parametrize(
    ("key", "value", "printed"),
    [
        ("token", "hush", HIDDEN),
        ("api_key", "hush", HIDDEN),
        ("client_secret", "hush", HIDDEN),
        ("password", "hush", HIDDEN),
        ("token", "", ""),
        ("token_file", "/run/token", "/run/token"),
        ("monkey", "see", "see"),
        ("endpoint", "http://me:hush@host:1/v1", f"http://me:{HIDDEN}@host:1/v1"),
        ("endpoint", "http://host:1/v1", "http://host:1/v1"),
        ("rate", 0.5, 0.5),
    ],
)
def test_secrets_are_never_printed(key, value, printed):
    assert masked(key, value) == printed


def test_a_plugin_with_a_token_does_not_show_it(home, site):
    code = "from attrs import frozen\n" + HEAD.replace(
        "class Plugin:", "@frozen(kw_only=True)\nclass Settings:\n    token: str = ''\n\n\nclass Plugin:"
    ).replace("'made by a test'", "'x', settings=Settings")
    distribute(site, "acme", code)
    done = memcore(home, "config", "show", env={"MEMCORE_ACME__TOKEN": "hush-hush"})
    assert "acme.token" in done.out
    assert "hush-hush" not in done.out + done.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[broken", "not valid TOML"),
        ("[decay]\nrte = 1", "did you mean 'rate'?"),
        ("[decay]\nrate = 'fast'", "'fast' is not of type float"),
    ],
)
def test_what_cannot_be_used_is_named_beside_the_rest(home, text, words):
    (home / "memcore.toml").write_text(text)
    done = memcore(home, "config", "show")
    assert done.code == 1
    assert words in done.err
    assert "budget" in done.out


def test_the_path_is_printed_before_the_file_exists(home):
    assert memcore(home, "config", "path").out == f"{home / 'memcore.toml'}\n"


def test_setting_a_value_checks_it_and_keeps_comments(home):
    (home / "memcore.toml").write_text("# mine\n[decay]\nfloor = 0.2  # low\n")
    assert memcore(home, "config", "set", "decay.rate", "0.01").code == 0
    assert memcore(home, "config", "set", "disable", "wiki, lint").code == 0
    text = (home / "memcore.toml").read_text()
    assert "# mine" in text
    assert "# low" in text
    found = shown(home)
    assert found["decay.rate"][0] == 0.01
    assert found["disable"][0] == ["wiki", "lint"]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("decay.rte", "1", "did you mean 'rate'?"),
        ("decya.rate", "1", "did you mean 'decay'?"),
        ("decay.rate", "fast", "not of type float"),
        ("budgt", "1", "did you mean 'budget'?"),
    ],
)
def test_a_wrong_setting_is_not_written(home, key, value, words):
    done = memcore(home, "config", "set", key, value)
    assert done.code == 2
    assert words in done.err
    assert not (home / "memcore.toml").exists()


def test_a_secret_is_not_written(home):
    done = memcore(home, "config", "set", "acme.token", "hush-hush")
    assert done.code == 1
    assert "acme.token_file" in done.err
    assert "hush-hush" not in done.err
    assert not (home / "memcore.toml").exists()


def test_a_dry_run_only_checks(home):
    assert "would be written" in memcore(home, "config", "set", "decay.rate", "0.01", "--dry-run").out
    assert not (home / "memcore.toml").exists()


def test_unsetting_brings_the_default_back(home):
    (home / "memcore.toml").write_text("budget = 5\n[decay]\nrate = 0.5\n")
    assert "would be removed" in memcore(home, "config", "unset", "decay.rate", "--dry-run").out
    assert memcore(home, "config", "unset", "decay.rate").code == 0
    assert (home / "memcore.toml").read_text() == "budget = 5\n"
    assert "was not set" in memcore(home, "config", "unset", "decay.rate").out
    assert shown(home)["decay.rate"] == (0.02, "default")
