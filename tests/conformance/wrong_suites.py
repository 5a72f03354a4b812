"""One suite for each wrong backend; run by test_wrong_backends.py, never collected by itself."""

from __future__ import annotations

import wrong_changes
import wrong_claims
import wrong_paging
import wrong_writing
from memcore.testing import BackendSuite
from reference_backend import Plugin, Reference
from wrong_backends import FAULTS

__all__ = ["MODULES", "SUITES"]

MODULES = (wrong_changes, wrong_claims, wrong_paging, wrong_writing)
ABOUT_PROCESSES = {
    wrong_claims.PhonesHome,
    wrong_paging.ForgetsOnClose,
    wrong_paging.LocksThreadsOnly,
    wrong_paging.WritesOnClose,
}
"""Faults that the tests with a second process are meant for; the others spare themselves these tests."""


def _suite(found: type[Reference]) -> type[BackendSuite]:
    plugin = type("Plugin", (Plugin,), {"store": found})
    facts = {"contract": 1, "plugin": plugin, "across_processes": found in ABOUT_PROCESSES}
    return type(f"Test{found.__name__}", (BackendSuite,), {**facts, "__module__": __name__})


SUITES = {found: _suite(found) for found in FAULTS}
globals().update({suite.__name__: suite for suite in SUITES.values()})
