from __future__ import annotations

from pathlib import Path

import pytest
from agent_texts import markdown
from hypothesis import given, settings
from hypothesis import strategies as st
from memcore import Draft
from memcore_plugins.lint.files import check_text
from memcore_plugins.lint.records import check_records
from program import memcore
from upkeep_engine import healthy, open_engine

SAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "workspace"
KEY = "ghp_" + "q7Zt2LmX9vRb4KsW8nYc3HdJ6fGp1AeU5oIx"
ON = "--set", "plugins=sqlite,lint"


@pytest.fixture
def engine(tmp_path):
    with open_engine(tmp_path, "lint") as engine:
        yield engine
        assert healthy(engine)


def told(text, where="memory/2026-01-31.md"):
    return [(finding.code, finding.severity, finding.where.rpartition(":")[2]) for finding in check_text(text, where)]


def codes(engine):
    return [finding.code for finding in check_records(engine)]


# --- files ---


@pytest.mark.parametrize(
    ("text", "code", "severity", "line"),
    [
        ("## Retain\n\n- E: an event\n", "lint.tag-letter", "warning", "3"),
        ("- O(c=1.5) @Ana: too sure\n", "lint.confidence", "warning", "1"),
        ("- O(c=) @Ana: how sure\n", "lint.confidence", "warning", "1"),
        ("- O(c=high) @Ana: how sure\n", "lint.confidence", "warning", "1"),
        ("- W @Ana:\n", "lint.tag-empty", "warning", "1"),
        ("- O @Ana: likes rope\n", "lint.opinion", "info", "1"),
        ("## Retain\n\n- no tag here\n", "lint.untagged", "info", "3"),
        ("a\n\n```\nnever closed\n", "lint.fence", "warning", "3"),
        (f"a\n\nthe key is {KEY}\n", "lint.secret", "error", "3"),
        ("- W @Ana: fine\n  - O(c=9999) @Bo: nested\n", "lint.confidence", "warning", "2"),
        ("O(c=-1) @Ana: without a bullet\n", "lint.confidence", "warning", "1"),
    ],
)
def test_each_fault_of_a_file_is_found_on_its_line(text, code, severity, line):
    assert told(text) == [(code, severity, line)]


@pytest.mark.parametrize(
    "text",
    [
        "## Retain\n\n- W @Ana: fine\n- O(c=0.8) @Ana: fine\n- S[pier]: fine\n",
        "```\n- O(c=9) @Ana: a template\n```\n",
        "<!-- - O(c=9) @Ana: a comment -->\n",
        "- `O(c=9) @Ana:` is documentation\n",
        "## Retain\n\n- U @Ana prefers_calm: read elsewhere\n",
        "## 保留意见\n\n- 没有标签\n",
        "## Log\n\n- no tag is needed here\n",
    ],
)
def test_sound_text_has_no_findings(text):
    assert told(text) == []


def test_bank_pages_expect_tags_everywhere():
    assert told("- E: an event\n", "bank/world.md") == [("lint.tag-letter", "warning", "1")]
    assert told("- E: an event\n", "notes.md") == []


@settings(deadline=None)
@given(markdown, st.sampled_from(["bank/world.md", "a.md"]))
def test_no_text_breaks_the_linter_and_lines_exist(text, where):
    for finding in check_text(text, where):
        assert 1 <= int(finding.where.rpartition(":")[2]) <= text.count("\n") + 1
        assert finding.message
        assert finding.cure


# --- records ---


def test_a_sound_memory_has_no_findings(engine):
    engine.remember(
        [
            Draft(content="The gate opens at six", entities=("gate",)),
            Draft(content="Fog is good", kind="opinion", confidence=0.8),
        ]
    )
    assert codes(engine) == []


def test_the_same_fact_twice_is_found_within_a_namespace_and_kind(engine):
    text = "The gate opens at six"
    engine.remember(
        [
            Draft(content=text),
            Draft(content=f"**{text}**."),
            Draft(content=text, kind="opinion"),
            Draft(content=text, namespace="work"),
        ]
    )
    (finding,) = check_records(engine)
    assert (finding.code, finding.severity, len(finding.record_ids)) == ("lint.duplicate", "warning", 2)


@pytest.mark.parametrize("kind", ["daily", "episode", "knowledge"])
def test_raw_text_may_repeat_itself(engine, kind):
    engine.remember([Draft(content="we met at noon", kind=kind), Draft(content="**we met** at noon", kind=kind)])
    assert codes(engine) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("The model uses 37 constituents for each harbour", "The model uses 60 constituents for each harbour"),
        ("pier > State: open", "pier > State: closed"),
        ("검조소 점검 주기는 11 개월마다 한 번", "검조소 점검 주기는 8 개월마다 한 번"),
    ],
)
def test_two_values_for_one_statement_contradict_each_other(engine, first, second):
    engine.remember(
        [
            Draft(content=first, kind="world", entities=("pier",)),
            Draft(content=second, kind="world", entities=("pier",)),
        ]
    )
    (finding,) = check_records(engine)
    assert (finding.code, len(finding.record_ids)) == ("lint.contradiction", 2)


@pytest.mark.parametrize(
    ("first", "second", "entities"),
    [
        ("The model uses 37 constituents for each harbour", "The model takes 60 minutes for each harbour", ("a", "a")),
        (
            "The model uses 37 constituents for each harbour",
            "The model uses 60 constituents for each harbour",
            ("a", "b"),
        ),
        ("pier > State: open", "pier > Owner: Ana", ("a", "a")),
        ("5 of 7", "6 of 7", ("a", "a")),
    ],
)
def test_different_statements_do_not_contradict_each_other(engine, first, second, entities):
    engine.remember(
        [
            Draft(content=text, kind="world", entities=(name,))
            for text, name in zip((first, second), entities, strict=True)
        ]
    )
    assert codes(engine) == []


def test_links_that_lead_nowhere_are_errors(engine):
    (kept,) = engine.remember(Draft(content="the base"))
    engine.remember(
        [
            Draft(content="stands on it", upstream_ids=(kept.record.id,)),
            Draft(content="stands on air", upstream_ids=("gone",)),
        ]
    )
    (finding,) = check_records(engine)
    assert (finding.code, finding.severity, "gone" in finding.message) == ("lint.upstream", "error", True)


def test_a_superseded_record_without_its_successor_is_an_error(engine):
    (old,) = engine.remember(Draft(content="the old one"))
    new = engine.supersede([old.record.id], Draft(content="the new one"))
    assert codes(engine) == []
    engine.backend.delete([new.record.id])
    (finding,) = check_records(engine)
    assert (finding.code, finding.record_ids) == ("lint.superseded", (old.record.id,))


def test_a_secret_is_named_by_kind_never_by_text(engine):
    engine.remember(Draft(content=f"the key is {KEY}", source="a.md#L3"))
    (finding,) = check_records(engine)
    assert (finding.code, finding.severity, finding.where) == ("lint.secret", "error", "a.md#L3")
    assert "github-token" in finding.message
    assert KEY not in f"{finding}"


def test_what_was_wrong_with_a_tag_is_still_said_of_its_record(engine):
    engine.remember(
        Draft(
            content="first run",
            metadata={"tag": "E", "problems": ["unknown-letter", "confidence-unreadable"]},
            source="a.md#L1",
        )
    )
    assert codes(engine) == ["lint.tag-letter", "lint.confidence"]


# --- the command ---


def test_the_command_checks_files_and_folders(tmp_path):
    done = memcore(tmp_path, *ON, "lint", SAMPLE)
    assert (done.code, done.out.splitlines()[-1]) == (1, "0 errors, 3 warnings, 7 hints")
    assert f"{SAMPLE}/memory/2026-01-20.md:16" in done.out


def test_the_command_checks_what_is_kept_without_paths(tmp_path):
    done = memcore(tmp_path, *ON, "lint")
    assert (done.code, done.out) == (0, "0 errors, 0 warnings, 0 hints\n")


def test_hints_fail_only_when_strict(tmp_path):
    (tmp_path / "a.md").write_text("- O @Ana: likes rope\n")
    assert memcore(tmp_path / "home", *ON, "lint", tmp_path / "a.md").code == 0
    assert memcore(tmp_path / "home", *ON, "lint", "--strict", tmp_path / "a.md").code == 1


def test_the_json_is_a_list_of_findings(tmp_path):
    (tmp_path / "a.md").write_bytes(b"\xef\xbb\xbf- W @Ana:\n")
    found = memcore(tmp_path / "home", *ON, "lint", "--json", tmp_path / "a.md").json
    assert [(each["code"], each["severity"]) for each in found] == [
        ("lint.tag-empty", "warning"),
        ("lint.encoding", "info"),
    ]


def test_a_missing_path_is_one_message(tmp_path):
    done = memcore(tmp_path, *ON, "lint", tmp_path / "missing.md")
    assert (done.code, "cannot read" in done.err) == (2, True)


def test_links_and_hidden_folders_are_passed_over(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "a.md").write_text("- W @Ana:\n")
    (tmp_path / "link.md").symlink_to(tmp_path / ".git" / "a.md")
    (tmp_path / "bin.md").write_bytes(b"\0\1" * 99)
    assert memcore(tmp_path / "home", *ON, "lint", tmp_path, "--json").json[0]["code"] == "lint.encoding"


def test_the_check_hook_gives_the_same_findings(engine):
    engine.remember(Draft(content="stands on air", upstream_ids=("gone",)))
    assert [finding.code for name, finding in engine.check("lint") if name == "lint"] == ["lint.upstream"]
