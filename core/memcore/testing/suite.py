"""The whole suite."""

from __future__ import annotations

from memcore.testing.audit import AuditTests
from memcore.testing.capabilities import CapabilityTests
from memcore.testing.concurrency import ConcurrencyTests
from memcore.testing.contract import ContractTests
from memcore.testing.durability import DurabilityTests
from memcore.testing.erasure import ErasureTests
from memcore.testing.machine import MachineTests
from memcore.testing.paging import PagingTests
from memcore.testing.questions import QuestionTests
from memcore.testing.scope import ScopeTests
from memcore.testing.text import TextTests

__all__ = ["CONTRACT", "BackendSuite"]

CONTRACT = 1
"""The newest contract; a test of a newer one is skipped by suites that claim less."""


class BackendSuite(
    ContractTests,
    PagingTests,
    ScopeTests,
    TextTests,
    QuestionTests,
    CapabilityTests,
    DurabilityTests,
    ConcurrencyTests,
    ErasureTests,
    MachineTests,
    AuditTests,
):
    """Every promise of a storage backend. Inherit from it, set `plugin` and `contract`, and run pytest."""
