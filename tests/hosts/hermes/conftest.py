"""The real Hermes Agent. It pins its own dependencies, so these tests run in an environment of its own: `nox -s hermes`."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("agent") and find_spec("run_agent") else ["test_*.py"]
