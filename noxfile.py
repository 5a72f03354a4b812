"""Everything memcore is checked with: `nox` runs what CI runs, `nox -s NAME` one part, `nox -l` lists them."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "types", "imports", "docs", "tests-3.11", "build"]

PYTHONS = nox.project.python_versions(nox.project.load_toml("pyproject.toml"))
OLDEST = PYTHONS[0]
EXTRAS = ".[testing,vectors,memory-hall,http,llm,mcp,onnx]"
TOOLS = [
    "pytest>=8.2",
    "pytest-xdist>=3.6",
    "hypothesis>=6.100",
    "coverage>=7.10",
    "build>=1.2",
    "hatchling>=1.27",
    "onnx>=1.16",
]
DEEP = [
    "tests/crash",
    "tests/test_lifecycle.py",
    "tests/test_each_module_disabled.py",
    "tests/test_clock.py",
    "tests/backends/test_memory_hall_machine.py",
    "tests/backends/test_memory_hall_faults.py",
    "tests/backends/test_memory_hall_outbox.py",
    "tests/backends/test_sqlite_processes.py",
    "tests/plugins/test_dialectic.py",
    "tests/plugins/test_vectors_extension.py",
    "tests/plugins/test_vectors_processes.py",
    "tests/conformance/test_wrong_backends.py",
    "tests/conformance/test_jsonl_distribution.py",
]
PYTEST = ["pytest", "-q", "-n", "2", "--dist", "loadfile"]


def find_pythons() -> list[str]:
    """Return the supported Pythons that start here, after making those of pyenv reachable past its shims."""
    os.environ["UV_PYTHON_DOWNLOADS"] = "never"
    own = str(Path(sys.executable).parent)
    folders = [str(path) for path in sorted(Path.home().glob(".pyenv/versions/*/bin")) if str(path) != own]
    os.environ["PATH"] = os.pathsep.join([own, *folders, os.environ.get("PATH", "")])
    starts = [version for version in PYTHONS if shutil.which(f"python{version}")]
    return starts or [OLDEST]


@nox.session(python=find_pythons())
def tests(session: nox.Session) -> None:
    """Run the tests; `nox -s tests` does it on every installed Python."""
    session.install("-e", EXTRAS, *TOOLS)
    left_out = [option for path in DEEP for option in ("--ignore", path)]
    session.run(*PYTEST, *left_out, *session.posargs)


@nox.session(python=OLDEST)
def deep(session: nox.Session) -> None:
    """Run the long tests: kills at many points, lifecycles, the calibration of the conformance kit."""
    session.install("-e", EXTRAS, *TOOLS)
    session.run(*PYTEST, *DEEP, *session.posargs)


@nox.session(python=OLDEST)
def coverage(session: nox.Session) -> None:
    """Run all tests under coverage and hold the core at every branch, the rest at 95 %."""
    session.install("-e", EXTRAS, *TOOLS)
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", *PYTEST)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", "--include=core/*", "--omit=*/testing/*", "--fail-under=100")
    session.run("coverage", "report", "--include=plugins/*,backends/*", "--fail-under=95")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install("ruff==0.17.5")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(python=OLDEST)
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    session.install("-e", EXTRAS, "mypy>=1.18", "types-PyYAML")
    session.run("mypy")


@nox.session(python=OLDEST)
def imports(session: nox.Session) -> None:
    """Check who imports whom."""
    session.install("-e", ".", "import-linter>=2.3")
    session.run("lint-imports")


@nox.session(python=OLDEST)
def docs(session: nox.Session) -> None:
    """Check that the generated parts of the docs are what the code says; `-- write` writes them anew."""
    session.install("-e", EXTRAS, "cogapp>=3.4")
    session.run("python", "docs/generate.py", *(session.posargs or ["check"]))


@nox.session(python=OLDEST)
def bench(session: nox.Session) -> None:
    """Print the figures of speed, each with its floor measured in the same run."""
    session.install("-e", EXTRAS)
    session.run("python", "tests/bench/run.py", *session.posargs)


@nox.session(python=OLDEST)
def recall(session: nox.Session) -> None:
    """Print the quality of recall on the benchmark that ships, or on --locomo FILE and --longmemeval FILE."""
    session.install("-e", EXTRAS)
    session.run("python", "tests/recall/run.py", *session.posargs)


@nox.session(python=OLDEST)
def hermes(session: nox.Session) -> None:
    """Run the host tests against the real hermes-agent, in an environment of its own."""
    session.install("-e", ".[testing]", "hermes-agent==0.19.0")
    session.run("pytest", "-q", "tests/hosts/hermes", *session.posargs)


@nox.session(python=OLDEST)
def mlx(session: nox.Session) -> None:
    """Run the tests of the mlx embedder against the real mlx-embeddings, in an environment of its own."""
    session.install("-e", ".[testing,mlx]", *(["mlx[cpu]>=0.30"] if sys.platform == "linux" else []))
    session.run("pytest", "-q", "tests/plugins/mlx", *session.posargs)


@nox.session(python=OLDEST)
def build(session: nox.Session) -> None:
    """Build the wheel, install it in a clean environment, and use it there."""
    session.install("build>=1.2")
    with tempfile.TemporaryDirectory() as folder:
        session.run("python", "-m", "build", "--wheel", "--outdir", folder, silent=True)
        wheel = next(Path(folder).glob("*.whl"))
        session.install(str(wheel))
        env = {"MEMCORE_HOME": f"{folder}/home"}
        session.run("memcore", "migrate", "docs/examples/workspace", env=env)
        session.run("memcore", "search", "where does the replica run", env=env)
