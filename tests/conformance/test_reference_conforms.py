"""The reference backend passes the conformance suite: what the suite asks for is possible."""

from __future__ import annotations

from memcore.testing import BackendSuite
from reference_backend import Plugin


class TestReference(BackendSuite):
    contract = 1
    plugin = Plugin
