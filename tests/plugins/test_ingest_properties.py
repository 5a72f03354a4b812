from __future__ import annotations

from pathlib import Path

import pytest
from agent_texts import invented, markdown
from hypothesis import given, settings
from hypothesis import strategies as st
from memcore.records import Source
from memcore_plugins.ingest import IngestSettings
from memcore_plugins.ingest.extract import extract
from memcore_plugins.ingest.formats import FORMATS
from memcore_plugins.ingest.reading import pieces
from memcore_toolkit.blocks import Heading, Rule, TableRow
from memcore_toolkit.markdown import decode, parse

SAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "workspace"
FILES = sorted(path.relative_to(SAMPLE).as_posix() for path in SAMPLE.rglob("*") if path.is_file())
PATHS = [
    "memory/2026-01-31.md",
    "bank/entities/A.md",
    "bank/opinions.md",
    "MEMORY.md",
    "wiki/a.md",
    "memories/USER.md",
    None,
]


def read(text, path=None, kind=None):
    return extract(Source(text=text, path=path, kind=kind), IngestSettings())


def lines_of(found):
    """Return the lines that drafts and left-out ranges account for."""
    told = set()
    for draft in found.drafts:
        line = int(draft.source.rpartition("#L")[2])
        told |= set(range(line, int(draft.metadata.get("end_line", line)) + 1))
    for left in found.left_out:
        told |= set(range(left.line, left.end_line + 1))
    return told


def structure(text):
    """Return the lines that hold no statement: headings, rules, heads of tables, delimiters, frontmatter."""
    told, lines = set(), text.split("\n")
    blocks = parse(text).blocks
    if lines[0] == "---":
        told |= set(range(1, (blocks[0].line if blocks else len(lines)) + (not blocks)))
    for block in blocks:
        if isinstance(block, Heading | Rule):
            told |= set(range(block.line, block.end_line + 1))
        elif isinstance(block, TableRow):
            told |= {block.line - 1, block.line - 2} if block.header else set()
    return told | {number for number, line in enumerate(lines, 1) if line.strip() in ("", "§")}


@pytest.mark.parametrize("name", FILES)
def test_every_line_of_the_sample_is_a_draft_or_left_out_with_a_reason(name):
    text = decode((SAMPLE / name).read_bytes()).text
    found = read(text, name)
    every = set(range(1, text.count("\n") + 2))
    assert every - lines_of(found) - structure(text) == set()
    assert all(left.reason for left in found.left_out)


@pytest.mark.parametrize("name", FILES)
def test_no_draft_of_the_sample_says_what_its_file_does_not(name):
    text = decode((SAMPLE / name).read_bytes()).text
    for draft in read(text, name).drafts:
        assert invented(draft.content, text) == []
        line = text.split("\n")[int(draft.source.rpartition("#L")[2]) - 1]
        assert not line.startswith("#")


@settings(deadline=None)
@given(markdown, st.sampled_from([kind for kind in FORMATS if kind != "transcript"]))
def test_no_text_breaks_a_reader_and_no_draft_is_invented(text, kind):
    found = read(text, "memory/2026-01-31.md", kind)
    for draft in found.drafts:
        assert draft.content.strip()
        assert invented(draft.content, f"{text}\n2026-01-31") == []
        assert 1 <= int(draft.source.rpartition("#L")[2]) <= text.count("\n") + 1
    assert found == read(text, "memory/2026-01-31.md", kind)


@settings(deadline=None)
@given(markdown, st.sampled_from(PATHS))
def test_fences_and_comments_give_no_tags(text, path):
    hidden = f"```\n{text.replace('```', '').replace('~~~', '')}\n- W @Hidden: never a fact\n```\n"
    if "#" not in hidden:
        assert not any("Hidden" in draft.entities for draft in read(hidden, path).drafts)
    comment = "<!--\n- W @Hidden: never a fact\n-->\n\n- W @Seen: a fact\n"
    assert [draft.entities for draft in read(comment, path).drafts if draft.metadata.get("tag")] in ([("Seen",)], [])


@given(st.text(max_size=200), st.integers(1, 40))
def test_cutting_a_text_loses_no_word_and_keeps_to_the_limit(text, longest):
    parts = pieces(text, longest)
    assert all(len(part) <= longest for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())
