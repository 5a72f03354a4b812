from __future__ import annotations

import os
from pathlib import Path

import pytest
from hostile_workspace import TABLE_ROWS, build_hostile_workspace
from memcore import Draft, Scope
from memcore.errors import InvalidInputError
from memcore_plugins.bank_migrate.run import migrate
from memcore_toolkit.paths import portable_path
from program import memcore
from upkeep_engine import healthy, open_engine

SAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "workspace"
PLUGINS = ("ingest", "bank_migrate")
ON = "--set", "plugins=sqlite,ingest,bank_migrate,entities"


@pytest.fixture
def engine(tmp_path):
    with open_engine(tmp_path / "home", *PLUGINS) as engine:
        yield engine
        assert healthy(engine)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "agent"
    (root / "memory").mkdir(parents=True)
    return root


def write(root, **files):
    """Write files; `memory__a` stands for memory/a.md."""
    for name, text in files.items():
        file = root / (name.replace("__", "/") + ".md")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def active(engine, *kinds):
    return {(record.content, record.source) for record in engine.scan(Scope(kinds=kinds))}


def state_of(root):
    """Return bytes and times of everything below a folder, links not followed."""
    return {
        str(path): (
            path.lstat().st_mtime_ns,
            path.lstat().st_mode,
            path.read_bytes() if path.is_file() and not path.is_symlink() else b"",
        )
        for path in sorted(root.rglob("*"))
    }


# --- the sample ---


def test_the_sample_is_taken_over_whole(engine):
    result = migrate(engine, SAMPLE)
    assert (result.errors, result.refused) == ([], [])
    assert result.files + len(result.skipped) == sum(1 for path in SAMPLE.rglob("*") if path.is_file())
    assert result.verified == result.states["new"] == len(list(engine.scan(Scope())))
    assert result.curated + result.episodes == result.verified
    assert result.episodes == 8
    assert (
        result.summary
        == f"{result.files} files -> {result.curated} curated + 0 entities + 0 topics + 0 links, 0 errors"
    )
    reasons = {each.path: each.reason for each in result.skipped}
    assert reasons == {
        "DREAMS.md": "machine output",
        "bank/entities/TEMPLATE.md": "a template",
        "bank/reflections.md": "empty",
        "memory/dreaming/light/2026-08-20.md": "machine output",
        "wiki/SCHEMA.md": "the rules of a wiki",
        "wiki/index.md": "the index of a wiki",
        "wiki/log.md": "the log of a wiki",
    }


def test_facts_of_the_sample_have_their_file_and_line(engine):
    migrate(engine, SAMPLE)
    found = dict(active(engine))
    for content, source in found.items():
        name, _, line = source.partition("#L")
        text = (SAMPLE / name).read_text(encoding="utf-8-sig").splitlines()[int(line) - 1]
        assert text.strip(), content
    assert found[
        "@ebb-api: The replica moved from Oslo to Bergen on 9 February 2026 and now runs in rack 6 at Fjordhall."
    ] == ("memory/2026-02-09.md#L24")


def test_what_looks_like_a_fact_in_the_sample_and_is_none_is_no_fact(engine):
    migrate(engine, SAMPLE)
    everything = " ".join(content for content, _ in active(engine))
    for text in (
        "the sea took a number",
        "a fact about the world, with its date",
        "heard or seen again and again",
        "batt=61",
    ):
        assert text not in everything
    curated = [record for record in engine.scan(Scope()) if record.kind not in ("daily", "episode")]
    assert not any("do not file it" in record.content or "O-2026-07-02" in record.content for record in curated)


def test_the_source_is_left_exactly_as_it_was(engine, tmp_path):
    root = tmp_path / "hostile"
    build_hostile_workspace(root)
    before = state_of(root)
    migrate(engine, root)
    migrate(engine, root, incremental=True)
    assert state_of(root) == before


def test_entities_and_topics_come_from_their_plugins(tmp_path, folder):
    write(folder, bank__entities__pier="# Pier\n\n**State:** open\n")
    with open_engine(tmp_path / "home", *PLUGINS, "entities") as engine:
        result = migrate(engine, folder)
        assert (result.entities, result.topics, result.links) == (1, 0, 0)


# --- hostile folders ---


def test_every_hostile_file_is_read_or_named_with_its_reason(engine, tmp_path):
    root = tmp_path / "hostile"
    expected = build_hostile_workspace(root)
    result = migrate(engine, root)
    assert result.errors == []
    skipped = {each.path: each.reason for each in result.skipped}
    for name, verdict in expected.items():
        word, _, detail = verdict.partition(": ")
        reason = skipped.get(portable_path(name))
        if word == "skipped":
            assert reason == detail, name
        elif "nothing to keep" in verdict:
            assert reason in ("empty", "nothing to keep", "an HTML comment"), name
        elif "the same file" in verdict:
            assert reason == detail, name
        else:
            assert reason is None, name


def test_hostile_content_is_kept_as_data(engine, tmp_path):
    root = tmp_path / "hostile"
    build_hostile_workspace(root)
    migrate(engine, root)
    found = active(engine)
    contents = [content for content, _ in found]
    assert not any("must never be read" in content for content in contents)
    assert max(map(len, contents)) <= 4000
    assert all("the tide came in" in content for content, source in found if source.startswith("one-line.md"))
    assert sum(source.startswith("table.md") for _, source in found) == TABLE_ROWS
    opinions = [record for record in engine.scan(Scope(kinds=("opinion",))) if record.confidence is not None]
    assert len(opinions) == 3
    assert "memory/2026-01-01%0Asecond line.md#L1" in {source for _, source in found} | sources_of_copies(engine)


def sources_of_copies(engine):
    return {row[0] for row in engine.workspace.connection().execute("SELECT source FROM evidence")}


def test_a_file_that_is_too_large_is_skipped_with_the_setting_that_reads_it(tmp_path, folder):
    write(folder, memory__a="- fine text\n")
    with (folder / "memory" / "big.md").open("wb") as file:
        file.truncate(50_000_000)
    with open_engine(tmp_path / "home", *PLUGINS) as engine:
        (skipped,) = migrate(engine, folder).skipped
    assert (skipped.path, skipped.reason) == ("memory/big.md", "larger than 5 MB; set bank_migrate.largest to read it")


def test_folders_of_programs_and_hidden_ones_are_passed_over_with_a_reason(engine, folder):
    write(
        folder,
        memory__a="- fine text\n",
        node_modules__b="- no\n",
        **{".git__c": "- no\n", ".claude__agents__d": "- yes it is\n"},
    )
    (folder / "photo.png").write_bytes(b"x")
    (folder / "Makefile").write_text("all:")
    skipped = {each.path: each.reason for each in migrate(engine, folder).skipped}
    assert skipped == {
        "node_modules": "a folder of programs",
        ".git": "a hidden folder",
        "photo.png": "not read: .png files",
        "Makefile": "not read: files without a suffix",
    }
    assert {source for _, source in active(engine)} == {"memory/a.md#L1", ".claude/agents/d.md#L1"}


def test_two_names_with_the_same_escaped_form_are_told_apart(engine, folder):
    (folder / "a#.md").write_text("- fine text\n")
    (folder / "a%23.md").write_text("- other text\n")
    (skipped,) = migrate(engine, folder).skipped
    assert skipped.reason == "another file has the same escaped name"


def test_an_unreadable_folder_is_a_reason_and_keeps_its_records(engine, folder, monkeypatch):
    write(folder, memory__2026_01_31="- fine text\n", MEMORY="- other text\n")
    migrate(engine, folder)
    real = os.scandir

    def scandir(path):
        if str(path).endswith("memory"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    result = migrate(engine, folder)
    assert [(each.path, each.reason) for each in result.skipped] == [("memory", "unreadable: Permission denied")]
    assert (result.removed, len(active(engine))) == (0, 2)


def test_hard_links_and_linked_folders_are_read_once(engine, folder):
    write(folder, memory__2026_01_31="- fine text\n")
    os.link(folder / "memory" / "2026_01_31.md", folder / "memory" / "copy.md")
    (folder / "again").symlink_to(folder / "memory")
    reasons = {each.path: each.reason for each in migrate(engine, folder).skipped}
    assert reasons == {"memory/copy.md": "the same file as memory/2026_01_31.md", "again": "the same folder as memory"}


def test_a_vanishing_file_is_a_reason_not_a_crash(engine, folder, monkeypatch):
    write(folder, memory__a="- fine text\n", memory__b="- gone text\n")
    from memcore_plugins.bank_migrate import run

    real = run.read

    def read(engine, found, **more):
        if found.path == "memory/b.md":
            Path(found.file).unlink(missing_ok=True)
        return real(engine, found, **more)

    monkeypatch.setattr(run, "read", read)
    (skipped,) = migrate(engine, folder).skipped
    assert (skipped.path, skipped.reason) == ("memory/b.md", "unreadable: No such file or directory")


@pytest.mark.parametrize("name", ["missing", "a-file"])
def test_what_is_no_folder_is_one_clear_error(engine, tmp_path, name):
    (tmp_path / "a-file").write_text("x")
    with pytest.raises(InvalidInputError) as caught:
        migrate(engine, tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_a_failing_reader_is_an_error_of_its_file_and_tried_again(engine, folder):
    from memcore import hookimpl

    class Broken:
        fail = True

        @hookimpl
        def memcore_extract(self, source):
            if self.fail and source.path == "memory/a.md":
                raise ValueError("private words")
            return []

    write(folder, memory__a="- fine text\n", memory__b="- other text\n")
    engine.register(Broken(), name="broken")
    result = migrate(engine, folder)
    assert result.errors == ["memory/a.md: broken failed on it; see memcore doctor"]
    assert active(engine) == {("other text", "memory/b.md#L1")}
    Broken.fail = False
    assert migrate(engine, folder, incremental=True).states == {"new": 1}
    engine.catalog.plugins["broken"].mark("active", "")


def test_a_draft_the_backend_cannot_store_costs_its_file_only(engine, folder):
    from memcore import hookimpl

    class Odd:
        @hookimpl
        def memcore_extract(self, source):
            return (
                [Draft(content="odd one", metadata={"when": {1, 2}}, source="x")]
                if source.path == "memory/a.md"
                else []
            )

    write(folder, memory__a="- fine text\n", memory__b="- other text\n")
    engine.register(Odd(), name="odd")
    result = migrate(engine, folder)
    assert [line.partition(":")[0] for line in result.errors] == ["memory/a.md"]
    assert active(engine) == {("other text", "memory/b.md#L1")}


def test_a_backend_that_loses_records_fails_verification(tmp_path, folder, monkeypatch):
    write(folder, memory__a="- fine text\n- other text\n")
    with open_engine(tmp_path / "home", *PLUGINS) as engine:
        real = engine.backend.get
        monkeypatch.setattr(
            engine.backend, "get", lambda ids: [record for record in real(ids) if record.content != "fine text"]
        )
        result = migrate(engine, folder)
    assert result.verified == 1
    assert [line.partition(": ")[0] for line in result.errors] == ["memory/a.md#L1"]


# --- the command ---


def test_the_command_ends_with_the_line_and_the_reasons(tmp_path):
    done = memcore(tmp_path / "home", *ON, "migrate", SAMPLE)
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].startswith("identify: 59 found, 0 unchanged, 59 new or changed")
    assert lines[1].startswith("chunk: ")
    assert lines[2].startswith("verify: ")
    assert lines[3].startswith("52 files -> 327 curated + 37 entities + 0 topics + 0 links, 0 errors")
    assert "skipped 2, machine output: DREAMS.md, memory/dreaming/light/2026-08-20.md" in lines


def test_the_json_holds_the_same_figures(tmp_path):
    told = memcore(tmp_path / "home", *ON, "migrate", SAMPLE, "--json").json
    assert (told["files"], told["curated"], told["entities"], told["errors"]) == (52, 327, 37, [])
    assert {"path": "bank/reflections.md", "reason": "empty"} in told["skipped"]


def test_a_dry_run_says_what_would_be_and_writes_nothing(tmp_path, folder):
    write(folder, memory__a="- fine text\n- more text\n")
    done = memcore(tmp_path / "home", *ON, "migrate", folder, "--dry-run")
    assert (done.code, "2 would be new" in done.out, "would be: 1 files ->" in done.out) == (0, True, True)
    with open_engine(tmp_path / "home", *PLUGINS) as engine:
        assert active(engine) == set()
        assert engine.stats()["bank_migrate"] == {"workspaces": 0, "files": 0, "records": 0}


def test_many_skipped_files_are_counted_and_named_on_request(tmp_path, folder):
    for number in range(8):
        (folder / f"{number}.png").write_bytes(b"x")
    short = memcore(tmp_path / "home", *ON, "migrate", folder).out
    assert "skipped 8, not read: .png files: 0.png, 1.png, 2.png, 3.png, and 4 more" in short
    assert "7.png" in memcore(tmp_path / "home", *ON, "migrate", folder, "--verbose").out


def test_strict_turns_what_was_not_taken_over_into_exit_one(tmp_path, folder):
    write(folder, memory__a="- fine text\n")
    assert memcore(tmp_path / "home", *ON, "migrate", folder, "--strict").code == 0
    write(folder, memory__b="- key ghp_q7Zt2LmX9vRb4KsW8nYc3HdJ6fGp1AeU5oIx\n")
    done = memcore(tmp_path / "home", *ON, "migrate", folder, "--strict")
    assert (done.code, "refused: memory/b.md#L1: it holds a secret (github-token)" in done.out) == (1, True)
    (folder / "memory" / "c.md").write_bytes(b"\0\1" * 99)
    assert memcore(tmp_path / "home", *ON, "migrate", folder).code == 0


def test_the_help_ends_with_examples(tmp_path):
    assert "Examples:" in memcore(tmp_path, *ON, "migrate", "--help").out


def test_notes_on_strange_bytes_are_shown_on_request(tmp_path, folder):
    (folder / "memory" / "a.md").write_bytes(b"- caf\xe9 at six\n")
    assert "bytes that are not utf-8 were replaced" in memcore(tmp_path / "home", *ON, "migrate", folder, "-v").out
