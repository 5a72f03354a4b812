"""The backend keeps every promise it makes."""

from memcore.testing import BackendSuite
from memcore_backend_jsonl import Plugin


class TestJsonl(BackendSuite):
    contract = 1
    plugin = Plugin
