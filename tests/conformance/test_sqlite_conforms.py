"""The sqlite backend passes the conformance suite."""

from __future__ import annotations

from memcore.testing import BackendSuite
from memcore_backends.sqlite import Plugin


class TestSqlite(BackendSuite):
    contract = 1
    plugin = Plugin


class TestSqliteWithoutFullText(BackendSuite):
    contract = 1
    plugin = Plugin
    settings = {"full_text": False}
