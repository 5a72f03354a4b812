from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memcore import Query, Scope
from memcore.errors import InvalidInputError, RefusedError
from memcore_plugins.wiki import WikiSettings
from memcore_plugins.wiki.exporting import export_vault
from memcore_plugins.wiki.importing import import_vault
from memcore_plugins.wiki.journal import appended
from memcore_plugins.wiki.pages import page_path, put
from memcore_toolkit.vault import read_log
from memcore_toolkit.vault_folder import disk_path, vault_path
from program import memcore
from upkeep_engine import healthy, open_engine, rows, run

VAULT = Path(__file__).parents[2] / "docs" / "examples" / "workspace" / "wiki"
PLUGINS = ("ingest", "wiki", "prefetch", "bank_migrate")
TIDES = b"---\ntitle: Tides\nsources: [https://tides.example/a]\n---\n# Tides\n\nSpring tides follow the full moon.\n"


@pytest.fixture
def engine(tmp_path):
    with open_engine(tmp_path / "home", *PLUGINS) as engine:
        yield engine
        assert healthy(engine)


@pytest.fixture
def vault(tmp_path):
    return Path(shutil.copytree(VAULT, tmp_path / "vault"))


def taken(engine, folder, **more):
    return import_vault(engine, WikiSettings(), folder, **more)


def bytes_of(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def active(engine, **scope):
    return {record.content: record for record in engine.scan(Scope(**scope))}


def command(engine, *arguments, stdin=None):
    from click.testing import CliRunner
    from memcore.cli import Context
    from memcore_plugins.wiki.commands import wiki

    context = Context({}, None, False)
    context._engine = engine
    return CliRunner().invoke(wiki, [str(each) for each in arguments], obj=context, input=stdin)


def test_an_unchanged_import_is_exported_byte_for_byte(engine, vault, tmp_path):
    (vault / "odd").mkdir()
    (vault / "odd" / "crlf.md").write_bytes(b"\xef\xbb\xbf---\r\na: [b\r\n---\r\ntext without end")
    (vault / "odd" / "empty.md").write_bytes(b"")
    (vault / "odd" / "latin.md").write_bytes(b"caf\xe9 \x00\n")
    (vault / "odd" / "picture.png").write_bytes(bytes(range(256)))
    (vault / "odd" / "hash#50%25.md").write_bytes(b"# odd name\n")
    before = bytes_of(vault)
    taken(engine, vault)
    export_vault(engine, tmp_path / "out")
    assert bytes_of(tmp_path / "out") == before == bytes_of(vault)


def test_a_second_import_changes_nothing(engine, vault):
    first = taken(engine, vault)
    tables = {name: rows(engine, name) for name in ("wiki_pages", "wiki_pages_revisions", "wiki_sources", "wiki_log")}
    second = taken(engine, vault)
    assert first.count("new") == second.count("same") == len(bytes_of(vault))
    assert tables == {name: rows(engine, name) for name in tables}


def test_a_dry_run_writes_nothing(engine, vault):
    assert taken(engine, vault, dry_run=True).count("new") == len(bytes_of(vault))
    assert rows(engine, "wiki_pages") == rows(engine, "wiki_log") == []
    assert not active(engine)


def test_hidden_files_and_links_stay_out(engine, vault, tmp_path):
    (vault / ".obsidian").mkdir()
    (vault / ".obsidian" / "app.json").write_text("{}")
    (tmp_path / "private.md").write_text("# Not yours\n\nA private line.\n")
    (vault / "leak.md").symlink_to(tmp_path / "private.md")
    result = taken(engine, vault)
    assert dict(result.skipped) == {".obsidian": "hidden", "leak.md": "a link that leaves the vault"}
    assert not any("private" in text for text in active(engine))


def test_the_log_is_parsed_and_kept(engine, vault):
    taken(engine, vault)
    done = command(engine, "log", "--json")
    import json

    entries = [entry for entry in json.loads(done.output) if entry["file"] == "log.md"]
    assert [entry["action"] for entry in entries][-2:] == ["ingest", "lint+fix"]
    assert entries[3]["time"] == "06:20"
    assert entries[2]["body"] == "Touched [[물때]] and [[pier-signs]]."
    assert [entry["line"] for entry in entries] == sorted(entry["line"] for entry in entries)


def test_sources_are_read_in_every_shape(engine):
    put(engine, "a.md", b"---\nsources:\n  web: [https://a.example/x#y]\n  raw: raw/b.pdf\n---\nA.\n", action="create")
    put(engine, "b.md", b"---\nsource: [[c]]\n---\nB.\n", action="create")
    put(engine, "d.md", b"---\nsources: [[c]], [[e]]\n---\nD.\n", action="create")
    assert {row[2:] for row in rows(engine, "wiki_sources")} == {
        ("sources", "https://a.example/x#y"),
        ("sources", "raw/b.pdf"),
        ("source", "c"),
        ("sources", "c"),
        ("sources", "e"),
    }


def test_what_a_page_says_is_found_and_leaves_with_it(engine):
    assert command(engine, "add", "tides", stdin=TIDES).exit_code == 0
    hit = engine.search(Query(text="spring tides full moon"))[0].record
    assert (hit.kind, hit.source, hit.metadata["page"]) == ("knowledge", "wiki/tides.md#L7", "tides.md")
    assert command(engine, "edit", "tides", stdin=TIDES.replace(b"full", b"new")).exit_code == 0
    assert [record.content for record in active(engine).values()] == ["Tides\nSpring tides follow the new moon."]
    old = engine.get([hit.id])[0]
    assert old.status == "superseded"
    assert old.metadata["superseded_by"] == next(iter(active(engine).values())).id
    assert command(engine, "remove", "tides", "--reason", "merged").exit_code == 0
    assert not active(engine)
    assert command(engine, "edit", "tides", "--revision", "1").exit_code == 0
    assert engine.get([hit.id])[0].status == "active"


def test_no_revision_is_ever_lost(engine):
    texts = [TIDES, TIDES + b"\nMore.\n", TIDES + b"\r\nOther.\r\n"]
    command(engine, "add", "tides", stdin=texts[0])
    for text in texts[1:]:
        command(engine, "edit", "tides", stdin=text)
    command(engine, "remove", "tides")
    for number, text in enumerate(texts, 1):
        assert command(engine, "show", "tides", "--revision", str(number)).stdout_bytes == text
    history = command(engine, "show", "tides", "--history").output
    assert "retired" in history
    assert command(engine, "show", "tides").exception.what == "there is no page 'tides'"


def test_an_edit_of_one_section_keeps_the_records_of_the_others(engine):
    page = b"# Tides\n\n## One\n\nThe first says this.\n\n## Two\n\nThe second says that.\n"
    put(engine, "t.md", page, action="create")
    kept = active(engine)["Tides > Two\nThe second says that."]
    put(engine, "t.md", page.replace(b"this", b"this and more"), action="update")
    assert active(engine)["Tides > Two\nThe second says that."].id == kept.id
    put(engine, "t.md", b"\n\n" + page, action="update")
    assert active(engine)["Tides > Two\nThe second says that."].source == "wiki/t.md#L11"


def test_a_sentence_on_two_pages_stays_until_the_last_one_drops_it(engine):
    text = b"# Tides\n\nSaid on both pages.\n"
    put(engine, "a.md", text, action="create")
    put(engine, "b.md", text, action="create")
    assert len(active(engine)) == 1
    put(engine, "a.md", b"# Tides\n\nNow something else.\n", action="update")
    assert len(active(engine)) == 2
    put(engine, "b.md", b"", action="update")
    assert list(active(engine)) == ["Tides\nNow something else."]


@pytest.mark.parametrize("migrated_first", [True, False])
def test_a_migration_of_the_same_folder_makes_no_copies_and_is_not_undone(engine, vault, migrated_first):
    from memcore_plugins.bank_migrate.commands import migrate

    workspace = vault.parent / "workspace"
    workspace.mkdir()
    vault.rename(workspace / "wiki")
    steps = [lambda: run(migrate, engine, str(workspace)), lambda: taken(engine, workspace / "wiki")]
    for step in steps if migrated_first else reversed(steps):
        step()
    records = [record for record in engine.scan(Scope()) if (record.source or "").startswith("wiki/")]
    assert len(records) == len({record.content for record in records}) > 9
    said = next(record for record in records if "0.4 mWh" in record.content)
    command(engine, "remove", "pier-signs")
    assert engine.get([said.id])[0].status == "active", "the migrated file still says it"


@pytest.mark.parametrize("migrated_first", [True, False])
def test_what_a_changed_file_no_longer_says_is_not_told_any_more(engine, tmp_path, migrated_first):
    from memcore_plugins.bank_migrate.commands import migrate

    page = tmp_path / "ws" / "wiki" / "tides.md"
    page.parent.mkdir(parents=True)
    for text in ("The gauge reads 3 cm low.", "The gauge reads right."):
        page.write_text(f"# Gauge\n\n{text}\n")
        steps = [lambda: run(migrate, engine, str(tmp_path / "ws")), lambda: taken(engine, page.parent)]
        for step in steps if migrated_first else reversed(steps):
            step()
    assert list(active(engine)) == ["Gauge\nThe gauge reads right."]


def test_a_removed_page_does_not_come_back_with_the_next_import(engine, vault):
    taken(engine, vault)
    command(engine, "remove", "quiet-hours")
    assert [step.state for step in taken(engine, vault).steps if "quiet" in step.path] == ["kept"]
    assert command(engine, "show", "quiet-hours").exit_code != 0


def test_a_page_is_kept_whole_or_not_at_all(engine, monkeypatch):
    put(engine, "tides.md", TIDES, action="create")
    before = {name: rows(engine, name) for name in ("wiki_pages", "wiki_pages_records", "wiki_sources", "curated")}

    def broken(*_):
        raise OSError("disk gone")

    monkeypatch.setattr("memcore_plugins.wiki.schema.set_sources", broken)
    with pytest.raises(OSError, match="disk gone"):
        put(engine, "tides.md", TIDES.replace(b"full", b"new"), action="update")
    assert {name: rows(engine, name) for name in before} == before


def test_both_sides_changed_is_a_conflict_and_nothing_is_lost(engine, vault):
    taken(engine, vault)
    page = vault / "concepts" / "quiet-hours.md"
    command(engine, "edit", "quiet-hours", stdin=b"# Ours\n\nEdited in the wiki.\n")
    assert [s.state for s in taken(engine, vault).steps if "quiet" in s.path] == ["kept"]
    page.write_bytes(b"# Theirs\n\nEdited in the folder.\n")
    done = command(engine, "import", vault)
    assert done.exit_code == 1
    assert "changed in the folder and in the wiki" in done.stderr
    assert command(engine, "show", "quiet-hours").stdout_bytes.startswith(b"# Ours")
    assert command(engine, "import", vault, "--force").exit_code == 0
    assert command(engine, "show", "quiet-hours").stdout_bytes.startswith(b"# Theirs")
    assert command(engine, "show", "quiet-hours", "--revision", "2").stdout_bytes.startswith(b"# Ours")


def test_a_changed_file_becomes_a_revision_and_a_missing_one_is_only_named(engine, vault):
    taken(engine, vault)
    (vault / "concepts" / "quiet-hours.md").write_bytes(b"# Quiet hours\n\nAbolished.\n")
    (vault / "concepts" / "chart-datum.md").unlink()
    result = taken(engine, vault)
    assert (result.count("changed"), result.gone) == (1, ("concepts/chart-datum.md",))
    assert command(engine, "show", "chart-datum").exit_code == 0


def test_export_replaces_its_own_files_and_refuses_foreign_ones(engine, tmp_path):
    out = tmp_path / "out"
    command(engine, "add", "tides", stdin=TIDES)
    export_vault(engine, out)
    command(engine, "edit", "tides", stdin=TIDES + b"More.\n")
    export_vault(engine, out)
    assert (out / "tides.md").read_bytes() == TIDES + b"More.\n"
    (out / "tides.md").write_bytes(b"written by hand\n")
    with pytest.raises(RefusedError, match="would be overwritten"):
        export_vault(engine, out)
    assert (out / "tides.md").read_bytes() == b"written by hand\n"
    export_vault(engine, out, force=True)
    assert (out / "tides.md").read_bytes() == TIDES + b"More.\n"


def test_export_does_not_follow_a_link_out_of_the_folder(engine, tmp_path):
    put(engine, "a/b.md", b"# B\n", action="create")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RefusedError, match="would leave the folder"):
        export_vault(engine, tmp_path / "out")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_an_export_can_be_imported_again_without_a_change(engine, tmp_path):
    command(engine, "add", "tides", stdin=TIDES)
    command(engine, "index", "--write")
    export_vault(engine, tmp_path / "out")
    assert {step.state for step in taken(engine, tmp_path / "out").steps} == {"same"}
    log = (tmp_path / "out" / "log.md").read_text()
    assert log == "# Log\n\n## [2026-03-02] create | Tides\n"
    assert "- [[tides|Tides]]: Spring tides follow the full moon" in (tmp_path / "out" / "index.md").read_text()


def test_a_secret_stays_out_of_the_records_and_is_said(engine):
    done = command(engine, "add", "keys", stdin=b"# Keys\n\nThe token is ghp_" + b"a1B2c3D4e5F6" * 3 + b".\n")
    assert "not findable by search" in done.stderr
    assert not active(engine)


def test_options_write_frontmatter_only_where_there_is_none(engine):
    command(engine, "add", "tides", "--title", 'A "b": c', "--source", "https://t.example", stdin=b"Twice a day.\n")
    assert command(engine, "sources", "tides").output.splitlines()[1].split() == [
        "tides.md",
        "sources",
        "https://t.example",
    ]
    assert 'A "b": c' in command(engine, "list").output
    done = command(engine, "add", "more", "--title", "X", stdin=TIDES)
    assert isinstance(done.exception, InvalidInputError)


@pytest.mark.parametrize("name", ["../out", "/etc/x", "a/../b", "", ".hidden", "a//b", "c:/x"])
def test_a_path_that_leaves_the_wiki_is_refused(name):
    with pytest.raises(InvalidInputError):
        page_path(name)


def test_forgetting_a_namespace_leaves_nothing_on_disk(tmp_path, vault):
    with open_engine(tmp_path / "home", *PLUGINS) as engine:
        taken(engine, vault)
        engine.forget(Scope(namespaces=("default",)))
        assert rows(engine, "wiki_pages") == rows(engine, "wiki_log") == rows(engine, "wiki_pages_revisions") == []
        path = engine.workspace.path
    assert b"Ganggu" not in path.read_bytes()


def test_forgetting_a_text_takes_every_page_and_revision_that_held_it(engine):
    put(engine, "a.md", b"# A\n\nThe secret harbour is Ny-Havn.\n", action="create")
    put(engine, "a.md", b"# A\n\nNothing to see.\n", action="update")
    put(engine, "b.md", b"# B\n\nThis stays.\n", action="create")
    record = next(r for r in engine.scan(Scope(statuses=())) if "Ny-Havn" in r.content)
    engine.forget(Scope(ids=(record.id,), statuses=()))
    assert [row[2] for row in rows(engine, "wiki_pages")] == ["b.md"]
    assert b"Ny-Havn" not in engine.workspace.path.read_bytes()
    engine.forget(Scope(source="wiki/b.md"))
    assert rows(engine, "wiki_pages") == []


def test_without_a_reader_of_pages_the_whole_page_is_one_record(tmp_path):
    with open_engine(tmp_path, "wiki") as engine:
        put(engine, "tides.md", TIDES, action="create")
        (record,) = engine.scan(Scope())
        assert (record.kind, record.summary, record.source) == ("knowledge", "Tides", "wiki/tides.md#L1")
        assert healthy(engine)


def test_figures_count_what_is_there(engine, vault):
    taken(engine, vault)
    figures = engine.stats()["wiki"]
    assert (figures["pages"], figures["files"], figures["log"]) == (9, 3, 8)
    assert figures["sources"] > 4


def test_the_program_knows_the_commands(tmp_path, vault):
    assert memcore(tmp_path, "wiki", "import", vault, "--json").json["new"] == 12
    assert memcore(tmp_path, "wiki", "list", "--json").json[0]["path"] == "concepts/chart-datum.md"
    assert memcore(tmp_path, "wiki", "show", "물때").out.startswith("---")
    assert memcore(tmp_path, "wiki", "show", "nothing").code == 2


NAMES = st.sampled_from(["a.md", "b.md", "sub/a.md", "log.md", "index.md", "pic.png", "sub/가.md"])
DATA = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")),
    st.sampled_from([TIDES, b"## [2026-01-01] ingest | X\r\n"]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(NAMES, DATA, max_size=5), min_size=1, max_size=3))
def test_imports_and_exports_converge_whatever_the_bytes(tmp_path_factory, states):
    base = tmp_path_factory.mktemp("vaults")
    with open_engine(base / "home", "ingest", "wiki") as engine:
        for number, files in enumerate(states):
            folder = base / "vault"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for name, data in files.items():
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_bytes(data)
            taken(engine, folder, force=True)
            again = taken(engine, folder)
            assert {step.state for step in again.steps} <= {"same", "kept"}
            export_vault(engine, base / f"out{number}")
            assert {step.state for step in taken(engine, base / f"out{number}").steps} <= {"same"}
        kept = {row[6] for row in rows(engine, "wiki_pages")} | {row[2] for row in rows(engine, "wiki_pages_revisions")}
        assert {data for files in states for data in files.values()} <= kept
        assert healthy(engine)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80))
def test_an_entry_is_added_to_any_log_without_changing_a_byte_of_it(data):
    grown = appended(data, "## [2026-01-01] query | x\n")
    assert grown.startswith(data)
    assert appended(b"# Log\r\n\r\n", "## [2026-01-01] query | x\n") == b"# Log\r\n\r\n## [2026-01-01] query | x\r\n"


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("#[]|2026-01 x`~\n\r")), max_size=120))
def test_reading_a_log_never_raises_and_never_invents(text):
    for entry in read_log(text):
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        assert entry.day in lines[entry.line - 1]
        assert entry.subject in lines[entry.line - 1]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=20).map(os.fsdecode))
def test_every_file_name_comes_back(name):
    kept = vault_path(name)
    kept.encode()
    assert disk_path(kept) == name
