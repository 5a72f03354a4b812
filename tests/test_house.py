"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(p for root in ("core", "plugins", "backends") for p in (ROOT / root).rglob("*.py"))
PAGES = sorted(p for p in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")] if "examples/workspace" not in str(p))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def name(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_files_and_functions_stay_small(path):
    text = path.read_text()
    assert text.count("\n") <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, f"{node.name} is too long"


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_nothing_is_unfinished_or_silenced(path):
    text = path.read_text()
    assert not re.search(r"\b(TODO|FIXME|XXX|NotImplementedError)\b", text)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ExceptHandler):
            assert not (len(node.body) == 1 and isinstance(node.body[0], ast.Pass)), f"line {node.lineno}"


@pytest.mark.parametrize("path", [p for p in SOURCES if not p.name.startswith("_")], ids=name)
def test_public_modules_say_what_they_export(path):
    assert "__all__" in path.read_text()


def code_lines(path):
    """Count the lines that are neither blank nor comment nor docstring."""
    text = path.read_text()
    documented = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            documented |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(bool(line.strip()) and not line.strip().startswith("#") and i not in documented for i, line in lines)


def test_the_installed_entry_points_are_those_of_the_project():
    declared = PROJECT["project"]["entry-points"]["memcore"]
    installed = {p.name: p.value for p in entry_points(group="memcore") if p.dist and p.dist.name == "memcore-engine"}
    assert installed == declared, "reinstall: an editable install does not notice new entry points"


@pytest.mark.parametrize("root", ["core", "plugins", "backends", "tests"])
def test_source_roots_are_no_packages(root):
    assert not (ROOT / root / "__init__.py").exists(), "a host may have a package of this name"


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_no_page_installs_the_strangers_package(path):
    assert not re.search(r"(pip|uv|pipx) (install|add)( -\S+)* ['\"]?memcore(?![-_\w])", path.read_text()), (
        "memcore-engine!"
    )


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_between_pages_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#\s]+)", path.read_text()):
        if "://" not in target and not target.startswith("mailto:"):
            assert (path.parent / target).exists(), target


def owned_tables():
    """Return table -> package path of its owner, from the class-level `info` of every plugin."""
    from memcore.discovery import OWN, Catalog

    found = {}
    for plugin in Catalog.discover().plugins.values():
        if plugin.distribution == OWN:
            package = plugin.target.partition(":")[0]
            found |= dict.fromkeys(plugin.tables, package)
    return found


def test_sql_for_a_table_lives_only_with_its_owner():
    for path in SOURCES:
        if "testing" in path.parts:
            continue  # the kit asks every backend questions that look like SQL
        module = ".".join(path.with_suffix("").parts[len(ROOT.parts) + 1 :])
        text = path.read_text()
        for table, owner in owned_tables().items():
            if re.search(rf"\b(FROM|INTO|UPDATE|JOIN|TABLE)\s+{table}\b", text):
                assert module.startswith(owner), f"{module} has SQL for {table} of {owner}"
