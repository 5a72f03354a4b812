"""One suite for each wrong backend; run by test_wrong_backends.py, never collected by itself."""

from __future__ import annotations

import wrong_lives
import wrong_manners
from memcore.testing import BackendSuite
from reference_backend import Plugin, Reference
from wrong_backends import FAULTS

__all__ = ["SUITES"]

ABOUT_PROCESSES = {
    wrong_manners.WritesOnClose,
    wrong_manners.LocksThreadsOnly,
    wrong_manners.PhonesHome,
    wrong_manners.ForgetsOnClose,
    wrong_lives.SaysItDeleted,
}
"""Faults that the tests with a second process are meant for; the others spare themselves these tests."""


def _suite(found: type[Reference]) -> type[BackendSuite]:
    plugin = type("Plugin", (Plugin,), {"store": found})
    facts = {"contract": 1, "plugin": plugin, "across_processes": found in ABOUT_PROCESSES}
    return type(f"Test{found.__name__}", (BackendSuite,), {**facts, "__module__": __name__})


SUITES = {found: _suite(found) for found in FAULTS}
globals().update({suite.__name__: suite for suite in SUITES.values()})
