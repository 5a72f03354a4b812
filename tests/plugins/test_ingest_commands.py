from __future__ import annotations

import pytest
from program import memcore

KEY = "ghp_" + "q7Zt2LmX9vRb4KsW8nYc3HdJ6fGp1AeU5oIx"
ON = "--set", "plugins=sqlite,ingest"


@pytest.fixture
def log(tmp_path):
    file = tmp_path / "2026-01-31.md"
    file.write_text("# 2026-01-31\n\n- We met.\n\n```\nfenced\n```\n\n## Retain\n\n- W @Quay: The gate opens at six.\n")
    return file


def test_ingest_keeps_a_file_and_says_how_much(tmp_path, log):
    done = memcore(tmp_path / "home", *ON, "ingest", log)
    assert (done.code, done.out) == (0, "1 files -> 2 new\n")
    assert memcore(tmp_path / "home", *ON, "ingest", log).out == "1 files -> 2 existing\n"


def test_a_dry_run_shows_drafts_and_keeps_nothing(tmp_path, log):
    done = memcore(tmp_path / "home", *ON, "ingest", "--dry-run", log)
    assert (done.code, "@Quay: The gate opens at six." in done.out) == (0, True)
    assert memcore(tmp_path / "home", *ON, "ingest", log).out == "1 files -> 2 new\n"


def test_the_json_of_a_dry_run_names_what_is_left_out(tmp_path, log):
    told = memcore(tmp_path / "home", *ON, "ingest", "--dry-run", "--json", log).json
    assert [draft["kind"] for draft in told["drafts"]] == ["daily", "world"]
    assert [(left["line"], left["end_line"], left["reason"]) for left in told["left_out"]] == [(5, 7, "a code fence")]


def test_standard_input_is_read_in_the_named_format(tmp_path):
    done = memcore(tmp_path / "home", *ON, "ingest", "--as", "bank", "--json", "-", stdin="- W: the gate opens\n")
    assert (done.code, done.json["counts"]) == (0, {"new": 1})


def test_a_refused_draft_is_told_with_its_line_and_exit_one(tmp_path):
    file = tmp_path / "a.md"
    file.write_text(f"- fine text\n\n# Part\n\n- the key is {KEY}\n")
    done = memcore(tmp_path / "home", *ON, "ingest", file)
    assert (done.code, done.out) == (1, "1 files -> 1 new, 1 refused\n")
    assert f"{file}%23" not in done.err
    assert "a.md#L5: it holds a secret (github-token)" in done.err
    assert KEY not in done.err
    told = memcore(tmp_path / "home", *ON, "ingest", "--json", file).json
    assert (told["counts"], [each["state"] for each in told["refused"]]) == ({"existing": 1, "refused": 1}, ["refused"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("missing.md",), "cannot read missing.md"),
        (("--as", "dialy", "-"), "did you mean 'daily'?"),
        ((".",), "cannot read ."),
    ],
)
def test_what_cannot_be_read_is_one_message_and_exit_two(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    done = memcore(tmp_path / "home", *ON, "ingest", *arguments, stdin="x")
    assert (done.code, message in done.err) == (2, True)


def test_a_binary_file_is_named_as_such(tmp_path):
    (tmp_path / "a.md").write_bytes(b"\0\1" * 50)
    done = memcore(tmp_path / "home", *ON, "ingest", tmp_path / "a.md")
    assert (done.code, "is not text" in done.err) == (2, True)


def test_an_empty_file_is_nothing_to_keep(tmp_path):
    (tmp_path / "a.md").write_text("\n")
    done = memcore(tmp_path / "home", *ON, "ingest", tmp_path / "a.md")
    assert (done.code, done.out) == (0, "1 files -> nothing to keep\n")


def test_remember_keeps_one_fact_with_its_labels(tmp_path):
    options = ("--kind", "opinion", "--entity", "@office", "--tag", "lease", "--confidence", "0.8", "--source", "mail")
    told = memcore(
        tmp_path / "home", *ON, "--namespace", "work", "remember", "The lease is dear", *options, "--json"
    ).json
    record = told["record"]
    assert told["state"] == "new"
    assert (record["kind"], record["entities"], record["tags"], record["confidence"]) == (
        "opinion",
        ["office"],
        ["lease"],
        0.8,
    )
    assert (record["source"], record["namespace"]) == ("mail", "work")
    again = memcore(
        tmp_path / "home", *ON, "--namespace", "work", "remember", "**The lease is dear**", "--kind", "opinion"
    )
    assert again.out == f"merged: {record['id']}\n"


def test_remember_refuses_with_the_reason(tmp_path):
    done = memcore(tmp_path / "home", *ON, "remember", f"key {KEY}")
    assert (done.code, "it holds a secret (github-token)" in done.err, KEY in done.err) == (1, True, False)


@pytest.mark.parametrize("command", ["ingest", "remember"])
def test_the_help_ends_with_examples(tmp_path, command):
    assert "Examples:" in memcore(tmp_path, *ON, command, "--help").out
