from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import click
import memcore
import pytest
from click.testing import CliRunner
from memcore import cli
from memcore.contracts import PluginInfo
from memcore.discovery import Catalog
from memcore.errors import RefusedError, WorkspaceError
from memcore.hookspecs import hookimpl
from zoo import catalog


class Probe:
    """A plugin with a command that does what the test says."""

    info = PluginInfo(summary="probe")
    action = staticmethod(lambda context: click.echo("done"))

    @hookimpl
    def memcore_commands(self):
        @click.command("probe", help="Probe something.")
        @cli.pass_context
        def probe(context):
            Probe.action(context)

        return [click.Command("other"), probe]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the program in this process over the zoo; return (exit code, stdout, stderr)."""
    monkeypatch.setenv("MEMCORE_HOME", str(tmp_path))
    monkeypatch.setattr(Catalog, "discover", classmethod(lambda cls, *a, **k: catalog(probe=Probe)))

    def call(*arguments, action=None):
        if action:
            monkeypatch.setattr(Probe, "action", staticmethod(action))
        monkeypatch.setattr(sys, "argv", ["memcore", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out = capsys.readouterr()
        return caught.value.code or 0, out.out, out.err

    return call


def test_help_lists_the_commands_of_the_plugins(run):
    code, out, _ = run("--help")
    assert code == 0
    assert "Probe something." in out


def test_a_command_gets_an_engine_that_is_closed_afterwards(run):
    seen = []
    code, _, _ = run("probe", action=lambda context: seen.extend([context.engine, context.engine]))
    assert code == 0
    assert seen[0] is seen[1]
    assert seen[0].workspace.closed


def test_an_unknown_command_is_bad_usage(run):
    code, _, err = run("prob")
    assert code == 2
    assert "prob" in err


def test_a_disabled_plugin_brings_no_command(run, monkeypatch):
    monkeypatch.setenv("MEMCORE_DISABLE", "probe")
    assert run("probe")[0] == 2


def test_global_options_reach_the_settings(run, tmp_path):
    seen = []
    arguments = ["--db", str(tmp_path / "x.db"), "--namespace", "team", "--set", "busy_timeout=1.5", "probe"]
    run(*arguments, action=lambda context: seen.append(context.engine.core))
    assert (seen[0].namespace, seen[0].busy_timeout) == ("team", 1.5)
    assert (tmp_path / "x.db").exists()


def test_a_setting_without_a_value_is_bad_usage(run):
    code, _, err = run("--set", "backend", "probe")
    assert code == 2
    assert "KEY=VALUE" in err


def test_reading_only_makes_no_database(run, tmp_path):
    code, _, err = run("--read-only", "probe", action=lambda context: context.engine)
    assert code == 2
    assert "cannot open the database" in err
    assert not (tmp_path / "memory.db").exists()


def raising(error):
    def action(context):
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (WorkspaceError("it broke", why="a reason", cure="a cure"), 2, ["it broke", "why: a reason", "try: a cure"]),
        (RefusedError("no"), 1, ["no"]),
        (sqlite3.OperationalError("database is locked"), 2, ["locked by another process", "try: try again"]),
        (sqlite3.DatabaseError("database disk image is malformed"), 2, ["damaged", "backup"]),
        (PermissionError(13, "Permission denied", "/x"), 2, ["Permission denied"]),
    ],
)
def test_an_error_ends_with_its_cure_and_without_a_traceback(run, error, code, words):
    found, _, err = run("probe", action=raising(error))
    assert found == code
    assert all(word in err for word in words)
    assert "Traceback" not in err


def test_a_bug_of_ours_keeps_its_traceback(run, monkeypatch):
    monkeypatch.setattr(Probe, "action", staticmethod(raising(sqlite3.OperationalError("no such column: x"))))
    monkeypatch.setattr(sys, "argv", ["memcore", "probe"])
    with pytest.raises(sqlite3.OperationalError):
        cli.main()


@pytest.mark.parametrize("text", ["[broken", "disable = 5\nbackend = true\n", "bakend = 'x'"])
def test_a_broken_config_does_not_keep_commands_from_starting(run, tmp_path, text):
    (tmp_path / "memcore.toml").write_text(text)
    assert run("--help")[0] == 0
    assert run("probe", action=lambda context: None)[0] == 0
    code, _, err = run("probe", action=lambda context: context.engine)
    assert code == 2
    assert "memcore.toml" in err


def test_a_command_that_its_plugin_lost_is_unknown(run, monkeypatch):
    lost = catalog(probe=Probe)
    lost.plugins["probe"].commands = {"ghost": ""}
    monkeypatch.setattr(Catalog, "discover", classmethod(lambda cls, *a, **k: lost))
    assert run("ghost")[0] == 2


def test_completion_works_before_any_option_is_parsed(run):
    group = cli.cli
    with click.Context(group, info_name="memcore") as context:
        assert "probe" in group.list_commands(context)


def test_the_package_that_overwrites_ours_is_named(monkeypatch):
    monkeypatch.setattr(memcore, "__all__", [])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert "memcore is broken" in caught.value.code
    assert "memcore-engine" in caught.value.code


def test_every_public_name_can_be_had():
    assert memcore.__all__ == sorted(memcore.__all__)
    assert all(hasattr(memcore, name) for name in memcore.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = memcore.nothing
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = memcore.records.nothing


def test_the_installed_program_says_its_version():
    program = Path(sys.executable).with_name("memcore")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, env=os.environ.copy())
    assert done.returncode == 0
    assert done.stdout.startswith("memcore-engine ")


def test_the_program_runs_under_click_too(tmp_path):
    result = CliRunner().invoke(cli.cli, ["--home", str(tmp_path), "--help"])
    assert result.exit_code == 0
