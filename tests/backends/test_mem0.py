from __future__ import annotations

import pytest
from memcore import Engine
from memcore.errors import BackendError
from program import memcore


def test_it_is_listed_as_a_placeholder(tmp_path):
    rows = {row["name"]: row for row in memcore(tmp_path, "plugins", "list", "--json").json["plugins"]}
    assert rows["mem0"]["status"] == "placeholder"
    assert "write-a-backend" in rows["mem0"]["hint"]


def test_choosing_it_says_what_is_missing_and_changes_nothing(tmp_path):
    with pytest.raises(BackendError, match="mem0 is placeholder") as caught:
        Engine.open(home=tmp_path, environ={}, settings={"backend": "mem0"})
    assert "docs/how-to/write-a-backend.md" in caught.value.cure


def test_the_program_refuses_it_with_the_cure(tmp_path):
    done = memcore(tmp_path, "--backend", "mem0", "search", "anything")
    assert done.code == 2
    assert "write-a-backend" in done.err
