"""The parts of the docs that are taken from the code: `python docs/generate.py check` or `write`.

A page asks for a part in a cog block, for example `cog.out(generate.hooks())`; CI fails when page and code differ.
"""

from __future__ import annotations

import inspect
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import attrs
import click

DOCS = Path(__file__).parent
TRANSCRIPT = (
    "migrate docs/examples/workspace",
    'search -k 2 "Where does the replica run?"',
    'search -k 1 "주간 회의는 무슨 요일에 하나?"',
    'search -k 1 "林雨桐现在住在哪里？"',
    'search -k 1 --explain "陶芸教室は何曜日？"',
    'search "Which gearbox does the tractor have?"',
)
os.environ["MEMCORE_HOME"] = tempfile.mkdtemp(prefix="memcore-docs-")

from memcore import hookspecs  # noqa: E402 - the home must be set before anything reads it
from memcore.cli import Context, cli  # noqa: E402
from memcore.config import CoreSettings  # noqa: E402
from memcore.discovery import OWN, Catalog, Plugin  # noqa: E402


def own_plugins() -> list[Plugin]:
    """Return memcore's own plugins, loaded where they can be."""
    catalog = Catalog.discover(fresh=True)
    plugins = [plugin for plugin in catalog.plugins.values() if plugin.distribution == OWN]
    for plugin in plugins:
        catalog.load(plugin)
    return plugins


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return a markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def hooks() -> str:
    """Return every hook with its arguments, meaning, policy and example, by section."""
    parts = []
    for section in hookspecs.SECTIONS:
        parts.append(f"## {section.__name__}\n\n{inspect.getdoc(section)}\n")
        for name, spec in vars(section).items():
            if name.startswith("memcore_"):
                arguments = ", ".join(list(inspect.signature(spec).parameters)[1:])
                parts.append(f"### `{name}({arguments})`\n\n{inspect.getdoc(spec)}\n")
    return "\n".join(parts)


def commands() -> str:
    """Return the help of every command, groups and their members included."""
    parts: list[str] = []

    def show(command: click.Command, context: click.Context) -> None:
        parts.append(f"## `{context.command_path}`\n\n```text\n{command.get_help(context)}\n```\n")
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                member = command.get_command(context, name)
                if member is not None:
                    show(member, click.Context(member, info_name=name, parent=context, max_content_width=100))

    with click.Context(cli, info_name="memcore", max_content_width=100, obj=Context({}, None, False)) as root:
        show(cli, root)
    return "\n".join(parts)


def plugins() -> str:
    """Return what each plugin is, its tables and commands."""
    rows = [
        [
            f"`{p.name}`",
            p.summary,
            ", ".join(f"`{t}`" for t in p.tables),
            ", ".join(f"`{c}`" for c in sorted(p.commands)),
        ]
        for p in own_plugins()
    ]
    return table(["plugin", "what it does", "tables", "commands"], rows)


def degradation() -> str:
    """Return what each plugin loses without each backend capability or package, and the cure."""
    rows = []
    for plugin in own_plugins():
        info = type(plugin.instance).info if plugin.instance else None
        if info is None:
            continue
        gone = [("unavailable", name) for name in sorted(info.requires)]
        gone += [
            ("unavailable", f"package {name} (`pip install 'memcore-engine[{e}]'`)")
            for name, e in info.packages.items()
        ]
        gone += [("degraded", name) for name in sorted(info.uses)]
        gone += [
            ("degraded", f"package {name} (`pip install 'memcore-engine[{e}]'`)") for name, e in info.optional.items()
        ]
        rows += [[f"`{plugin.name}`", missing, status] for status, missing in gone]
    return table(["plugin", "without", "is"], rows)


def settings() -> str:
    """Return every setting with its default, environment variable and meaning, by section."""
    parts = [section("memcore", "", CoreSettings)]
    for plugin in own_plugins():
        found = type(plugin.instance).info.settings if plugin.instance else None
        if found:
            parts.append(section(f"[{plugin.name}]", plugin.name, found))
    return "\n".join(parts)


def section(title: str, name: str, cls: Any) -> str:
    """Return one section of the settings table."""
    rows = []
    for item in attrs.fields(cls):
        prefix = f"{name.replace('-', '_').upper()}__" if name else ""
        default = item.default.factory() if hasattr(item.default, "factory") else item.default
        shown = ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
        source = item.metadata.get("source", "")
        text = item.metadata.get("help", "") + (f" (source: {source})" if source else "")
        rows.append([f"`{item.name}`", f"`{shown}`" if shown else "", f"`MEMCORE_{prefix}{item.name.upper()}`", text])
    return f"## {title}\n\n" + table(["key", "default", "environment", "meaning"], rows)


def transcript() -> str:
    """Return a real run on the sample workspace: migrate, a question in each language, why, and the plugins."""
    home = tempfile.mkdtemp(prefix="memcore-transcript-")
    lines = []
    env = {**os.environ, "MEMCORE_HOME": home, "COLUMNS": "118"}
    program = str(Path(sys.executable).with_name("memcore"))
    for shown in TRANSCRIPT:
        command = [program, "--now", "2026-10-10", *shlex.split(shown)]
        done = subprocess.run(command, cwd=DOCS.parent, env=env, capture_output=True, text=True, check=True)
        lines.append(f"$ memcore {shown}\n{done.stdout.rstrip()}\n")
    shutil.rmtree(home)
    return "```console\n" + "\n".join(lines) + "```"


def main() -> int:
    """Run cog over every page that asks for a part; return its exit code."""
    from cogapp import Cog

    pages = [p for p in [*sorted(DOCS.rglob("*.md")), DOCS.parent / "README.md"] if "[[[cog" in p.read_text("utf-8")]
    sys.path.insert(0, str(DOCS))
    mode = ["-r"] if sys.argv[1:] == ["write"] else ["--check", "--diff"]
    return int(Cog().main(["cog", *mode, "-n", "UTF-8", "-p", "import cog, generate", *map(str, pages)]) or 0)


if __name__ == "__main__":
    sys.exit(main())
