from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memcore_toolkit.paths import portable_path

NAMES = st.binary(min_size=1, max_size=40).filter(lambda name: b"\0" not in name).map(os.fsdecode)


@pytest.mark.parametrize(
    "path", ["memory/2026-01-31.md", "bank/entities/林雨桐.md", "100%.md", "50%20.md", "a b/c.md", "-rf.md"]
)
def test_ordinary_paths_stay_as_they_are(path):
    assert portable_path(path) == path


@pytest.mark.parametrize(
    ("path", "portable"),
    [
        ("a#L1.md", "a%23L1.md"),
        ("two\nlines.md", "two%0Alines.md"),
        (os.fsdecode(b"caf\xe9.md"), "caf%E9.md"),
        ("half \ud800.md", "half %3F.md"),
    ],
)
def test_what_could_be_mistaken_for_something_else_is_escaped(path, portable):
    assert portable_path(path) == portable


@given(st.one_of(NAMES, st.text(st.characters(), max_size=40)))
def test_every_file_name_becomes_one_line_of_unicode_once_and_for_all(name):
    portable = portable_path(name)
    portable.encode()
    assert "#" not in portable
    assert len(portable.splitlines()) <= 1
    assert portable_path(portable) == portable
