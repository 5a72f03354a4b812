from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import pytest
from memcore import Draft, Engine
from memcore.discovery import Catalog
from memcore_plugins.core import Plugin
from program import HEAD, distribute, memcore
from zoo import catalog

ONLY = {"MEMCORE_PLUGINS": "sqlite,decay,acme"}


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield folder
    sys.modules.pop("acme", None)


@pytest.fixture
def home(tmp_path):
    old = datetime.now(UTC) - timedelta(days=40)
    with Engine.open(home=tmp_path / "home", environ={}, settings={"plugins": "sqlite,decay"}) as engine:
        engine.remember(Draft(content="Tea is better", kind="opinion", confidence=0.9, occurred_at=old))
    return tmp_path / "home"


def test_every_plugin_reports_in_one_line(home):
    done = memcore(home, "maintain", env=ONLY)
    assert done.code == 0
    lines = dict(line.split(maxsplit=1) for line in done.out.splitlines())
    assert lines["decay"] == "1 archived, 0 near the floor, 0 kept"
    assert "sqlite" in lines


def test_a_dry_run_says_what_would_be_and_changes_nothing(home):
    for _ in range(2):
        done = memcore(home, "maintain", "--dry-run", "-v", env=ONLY)
        assert "archived 0.90 -> 0.10 after 40 days: Tea is better" in done.out


def test_one_plugin_can_be_chosen(home):
    done = memcore(home, "maintain", "--only", "decay", "--json", env=ONLY).json
    assert list(done["reports"]) == ["decay"]
    assert done["reports"]["decay"]["counts"] == {"archived": 1, "near": 0, "kept": 0}
    assert done["failed"] == {}


def test_an_unknown_plugin_is_bad_usage(home):
    done = memcore(home, "maintain", "--only", "decya", env=ONLY)
    assert done.code == 2
    assert "did you mean 'decay'?" in done.err


FAILING = HEAD + "\n    @hookimpl\n    def memcore_maintain(self, engine):\n        raise ValueError('no table')\n"


def test_a_plugin_that_fails_is_named_and_the_others_go_on(home, site):
    distribute(site, "acme", FAILING)
    done = memcore(home, "maintain", env=ONLY)
    assert done.code == 1
    assert "acme    failed: ValueError: no table" in done.err
    assert "1 archived" in done.out
    assert memcore(home, "maintain", "--json", env=ONLY).json["failed"] == {"acme": "ValueError: no table"}


def test_without_upkeep_there_is_nothing_to_do(tmp_path, monkeypatch):
    found = catalog(core=Plugin)
    monkeypatch.setattr(Catalog, "discover", classmethod(lambda cls, *given, **named: found))
    assert memcore(tmp_path, "maintain").out == "nothing to do\n"
