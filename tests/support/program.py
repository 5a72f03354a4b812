"""The memcore program run in this process, and distributions made on the spot for it to find."""

from __future__ import annotations

import json

from attrs import frozen
from click.testing import CliRunner
from memcore.cli import cli
from memcore.errors import MemcoreError

HEAD = "from memcore import PluginInfo, hookimpl\n\n\nclass Plugin:\n    info = PluginInfo(summary='made by a test')\n"


@frozen(kw_only=True)
class Done:
    """What one run left: the exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


def memcore(home, *arguments, env=None, stdin=None) -> Done:
    """Run the program on a home as `main` does: errors of memcore become exit codes and messages, bugs are raised."""
    runner = CliRunner(env={"MEMCORE_HOME": str(home), **(env or {})})
    result = runner.invoke(cli, [str(each) for each in arguments], input=stdin, prog_name="memcore")
    error = result.exception
    if isinstance(error, MemcoreError):
        return Done(code=error.exit_code, out=result.stdout, err=f"{result.stderr}error: {error}")
    if error is not None and not isinstance(error, SystemExit):
        raise error
    return Done(code=result.exit_code, out=result.stdout, err=result.stderr)


def distribute(site, name, code, *, entry=None, distribution=None):
    """Install a distribution with one plugin into a folder on sys.path, with real metadata."""
    module = name.replace("-", "_")
    (site / f"{module}.py").write_text(code)
    info = site / f"{(distribution or name).replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution or name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[memcore]\n{entry or name} = {module}:Plugin\n")
    return info
