"""The conformance kit: inherit from `BackendSuite`, name your plugin, and the whole contract is your test suite.

    from memcore.testing import BackendSuite
    from memcore_backend_acme import Plugin


    class TestAcme(BackendSuite):
        contract = 1
        plugin = Plugin

Install it with the extra `testing` of memcore-engine. `Harness` documents what else a suite may say of its backend.
"""

import pytest

PARTS = (
    "audit", "capabilities", "concurrency", "contract", "durability", "erasure", "harness",
    "machine", "paging", "questions", "scope", "text",
)  # fmt: skip
pytest.register_assert_rewrite(*(f"memcore.testing.{part}" for part in PARTS))

from memcore.testing.guard import NetworkGuard  # noqa: E402 - the rewrite must be registered before the parts load
from memcore.testing.harness import Clock, Harness, Store, open_context, since  # noqa: E402
from memcore.testing.suite import CONTRACT, BackendSuite  # noqa: E402

__all__ = ["CONTRACT", "BackendSuite", "Clock", "Harness", "NetworkGuard", "Store", "open_context", "since"]
