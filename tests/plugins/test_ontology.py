from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memcore import Scope
from memcore.errors import InvalidInputError
from memcore_plugins.ontology import OntologySettings
from memcore_plugins.ontology.reading import import_targets, read_workspace
from memcore_plugins.ontology.sync import model_of, sync
from program import memcore
from upkeep_engine import healthy, open_engine, rows

SAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "workspace"
TABLES = ("ont_agents", "ont_relations", "ont_layers")
HEAD = "| Agent | Role |\n|---|---|\n| `scout` | looks |\n| mender | repairs |\n\n"


@pytest.fixture
def engine(tmp_path):
    with open_engine(tmp_path / "home", "ontology") as engine:
        yield engine
        assert healthy(engine)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "ws" / ".claude" / "agents").mkdir(parents=True)
    return tmp_path / "ws"


def synced(engine, folder, **more):
    return sync(engine, OntologySettings(), folder, **more)


def agent_file(folder, name, text):
    (folder / ".claude" / "agents" / f"{name}.md").write_text(text)


def relations(folder):
    found = (row for row in model_of(OntologySettings(), folder).rows if type(row).__name__ == "Relation")
    return {(row.source, row.target) for row in found}


def agents(folder):
    return {row.key: row for row in model_of(OntologySettings(), folder).rows if type(row).__name__ == "Agent"}


def codes(folder):
    return {
        (finding.code.partition(".")[2], finding.where) for finding in model_of(OntologySettings(), folder).findings
    }


def test_the_sample_workspace_is_read_whole(engine):
    result = synced(engine, SAMPLE)
    assert result.counts == {"added": 16, "changed": 0, "removed": 0}
    assert [row[3] for row in rows(engine, "ont_agents")] == ["courier", "planner", "sign-smith", "tide-keeper"]
    assert ("tide-keeper", "courier") in {(row[2], row[4]) for row in rows(engine, "ont_relations")}
    assert not any("tide-forecast" in row for row in rows(engine, "ont_relations")), "a pipeline of data is no hand-off"
    assert [row[3:5] for row in rows(engine, "ont_layers") if row[2] == "persona"] == [
        ("L0", "Being"),
        ("L1", "Values"),
        ("L2", "Capabilities"),
        ("L3", "Actions"),
    ]
    assert {f.code: f.where for f in result.findings} == {
        "ontology.yaml": ".claude/agents/courier.md:1",
        "ontology.undefined": "CLAUDE.md:18",
    }


def test_a_second_sync_changes_nothing_and_a_third_only_what_changed(engine, tmp_path):
    folder = Path(shutil.copytree(SAMPLE, tmp_path / "copy"))
    synced(engine, folder)
    before = {table: rows(engine, table) for table in TABLES}
    assert synced(engine, folder).changes == ()
    claude = folder / "CLAUDE.md"
    claude.write_text(claude.read_text().replace("- `courier` -> `planner`\n", "").replace("| haiku |", "| sonnet |"))
    agent_file(folder, "scout", "---\nname: scout\ntools: Read\n---\nSteps go to -> `planner`.\n")
    lines = [line for line in synced(engine, folder).lines if "(line)" not in line]
    assert lines == ["added agent scout", "removed relation courier -> planner", "added relation scout -> planner"]
    assert {table: rows(engine, table) for table in TABLES} != before
    assert synced(engine, folder).changes == ()


def test_a_changed_field_is_named(engine, folder):
    agent_file(folder, "scout", "---\nname: scout\nmodel: opus\n---\n")
    synced(engine, folder)
    agent_file(folder, "scout", "---\nname: scout\nmodel: haiku\ntools: Read\n---\n")
    assert synced(engine, folder).lines == ("changed agent scout (model, tools)",)


def test_a_dry_run_says_all_and_writes_nothing(engine):
    assert synced(engine, SAMPLE, dry_run=True).counts["added"] == 16
    assert not any(rows(engine, table) for table in TABLES)


def test_without_the_files_the_tables_are_empty_and_nothing_else_notices(engine, folder):
    (folder / "CLAUDE.md").write_text(HEAD)
    assert synced(engine, folder).counts["added"] == 3
    (folder / "CLAUDE.md").unlink()
    assert synced(engine, folder).counts["removed"] == 3
    assert engine.stats()["ontology"] == {"agents": 0, "relations": 0, "layers": 0}
    assert engine.check("ontology") == []
    assert dict(engine.call("memcore_status"))["ontology"][1] == "memcore ontology-sync DIR"
    assert "ontology" not in engine.maintain()


def test_workspaces_do_not_disturb_each_other(engine, folder, tmp_path):
    (folder / "CLAUDE.md").write_text(HEAD)
    (tmp_path / "other").mkdir()
    synced(engine, folder)
    assert synced(engine, tmp_path / "other").changes == ()
    assert len(rows(engine, "ont_agents")) == 2


def test_upkeep_syncs_the_workspace_of_the_settings(tmp_path, folder):
    (folder / "CLAUDE.md").write_text(HEAD)
    with open_engine(tmp_path / "home", "ontology", ontology__workspace=str(folder)) as engine:
        assert engine.maintain(dry_run=True)["ontology"].summary.startswith("would be: 2 agents")
        assert not rows(engine, "ont_agents")
        assert [f.code for _, f in engine.check("ontology")] == ["ontology.behind"]
        assert engine.maintain()["ontology"].counts == {"added": 3, "changed": 0, "removed": 0}
        assert engine.check("ontology") == []
        shutil.rmtree(folder)
        assert engine.maintain()["ontology"].counts == {"changes": 0}, "a disk that is not there empties nothing"
        assert len(rows(engine, "ont_agents")) == 2
        assert healthy(engine)


@pytest.mark.parametrize(
    ("line", "tools"),
    [
        ("tools: Read, Bash(git log:*, git diff), Grep", ("Read", "Bash(git log:*, git diff)", "Grep")),
        ("tools:\n  - Read\n  - Grep", ("Read", "Grep")),
        ("tools: [Read, Grep]", ("Read", "Grep")),
        ("model: opus", ()),
        ("description: Triggers on: 'tides', 물때 — \"now\"\ntools: Read, Grep", ("Read", "Grep")),
    ],
)
def test_tools_are_read_in_every_shape(folder, line, tools):
    agent_file(folder, "other_name", f"---\nname: scout\n{line}\n---\nYou scout.\n")
    assert agents(folder)["scout"].tools == tools


def test_broken_yaml_is_read_by_line_and_said(folder):
    agent_file(folder, "scout", "---\nname: scout\ndescription: Triggers on: 'tides'\nmodel: opus\n---\n")
    assert agents(folder)["scout"].model == "opus"
    assert codes(folder) == {("yaml", ".claude/agents/scout.md:1")}


def test_a_file_without_a_name_is_documentation(folder):
    agent_file(folder, "README", "# How agents work here\n")
    agent_file(folder, "notes", "---\ndescription: none\n---\n")
    assert agents(folder) == {}
    assert codes(folder) == set()


def test_a_file_says_more_than_a_table_and_the_table_fills_gaps(folder):
    (folder / "CLAUDE.md").write_text("| Agent | Role | Model |\n|---|---|---|\n| `scout` | looks | haiku |\n")
    agent_file(folder, "scout", "---\nname: scout\nmodel: opus\n---\n")
    found = agents(folder)["scout"]
    assert (found.role, found.model, found.defined) == ("looks", "opus", True)


def test_a_table_of_other_things_names_no_agents(folder):
    (folder / "AGENTS.md").write_text(
        "| Word | Means |\n|---|---|\n| berth | a row |\n\n| Name | Value |\n|---|---|\n| a | b |\n"
    )
    assert agents(folder) == {}


@pytest.mark.parametrize(
    "text",
    [
        "- `scout` -> `mender`: faults",
        "**scout** → **mender**",
        "scout -> mender",
        "## scout\n\n- 넘김: 수리는 **mender** 에게\n",
        "## `scout`\n\nHands off to: `mender` for repairs\n",
        "| From | To | What |\n|---|---|---|\n| scout | `mender` | faults |\n",
    ],
)
def test_hand_offs_are_read_in_every_shape(folder, text):
    (folder / "CLAUDE.md").write_text(HEAD + text + "\n")
    assert relations(folder) == {("scout", "mender")}


def test_a_column_of_the_table_of_agents_names_targets(folder):
    table = (
        "| Agent | Role | Hands off to |\n|---|---|---|\n| scout | looks | mender, `cook` |\n| mender | repairs | - |\n"
    )
    (folder / "CLAUDE.md").write_text(table)
    assert relations(folder) == {("scout", "mender"), ("scout", "cook")}
    assert codes(folder) == {("undefined", "CLAUDE.md:3")}


def test_chains_and_several_targets_are_followed(folder):
    (folder / "CLAUDE.md").write_text(HEAD + "`scout` -> `mender` -> `scout`\n\n`mender` -> `cook` and `baker`\n")
    assert relations(folder) == {("scout", "mender"), ("mender", "scout"), ("mender", "cook"), ("mender", "baker")}


@pytest.mark.parametrize(
    "text",
    [
        "Readings -> `forecast` -> phones",
        "```\n`scout` -> `mender`\n```",
        "<!-- `scout` -> `mender` -->",
        "`scout -> mender` is how it is written",
        "Hands off to: **mender**",
        "scout -> 3 files",
        "scout -> scout",
    ],
)
def test_what_is_no_hand_off_gives_none(folder, text):
    (folder / "CLAUDE.md").write_text(HEAD + text + "\n")
    assert relations(folder) == set()


def test_an_agent_points_from_its_own_file(folder):
    agent_file(folder, "a", "---\nname: scout\n---\nFaults go to -> `mender`. Then write -> `report.md`.\n")
    agent_file(folder, "b", "---\nname: mender\n---\n- 넘김: 기록은 **scout**\n")
    assert relations(folder) == {("scout", "mender"), ("mender", "scout")}


def test_an_undefined_agent_is_reported_where_it_is_named(folder):
    agent_file(folder, "scout", "---\nname: scout\n---\n")
    (folder / "CLAUDE.md").write_text("# Rules\n\n- `scout` -> `cook`\n")
    assert codes(folder) == {("undefined", "CLAUDE.md:3")}


def test_two_files_with_one_name_and_a_bad_name_are_reported(folder):
    agent_file(folder, "a", "---\nname: scout\n---\n")
    agent_file(folder, "b", "---\nname: scout\n---\n")
    agent_file(folder, "c", "---\nname: The Cook\n---\n")
    assert codes(folder) == {("twice", ".claude/agents/b.md:2"), ("name", ".claude/agents/c.md:2")}


def test_a_claude_md_of_more_than_two_hundred_lines_is_reported(folder):
    (folder / "CLAUDE.md").write_text("x\n" * 200)
    assert codes(folder) == set()
    (folder / "CLAUDE.md").write_text("x\n" * 201)
    assert codes(folder) == {("long", "CLAUDE.md:201")}


def paths(folder):
    return [text.path for text in read_workspace(folder, depth=4, largest=10**6).texts]


def test_imports_are_relative_to_their_file_and_circles_end(folder):
    (folder / "docs").mkdir()
    (folder / "CLAUDE.md").write_text("See @docs/a.md, please.\n")
    (folder / "docs" / "a.md").write_text("@b.md\n@../CLAUDE.md\n@a.md\n")
    (folder / "docs" / "b.md").write_text("@./a.md\n")
    assert paths(folder) == ["CLAUDE.md", "docs/a.md", "docs/b.md"]
    assert codes(folder) == set()


def test_imports_end_four_files_deep(folder):
    (folder / "CLAUDE.md").write_text("@1.md\n")
    for number in range(1, 7):
        (folder / f"{number}.md").write_text(f"@{number + 1}.md\n")
    assert paths(folder) == ["CLAUDE.md", "1.md", "2.md", "3.md", "4.md"]
    assert codes(folder) == {("depth", "4.md:1")}


def test_imports_that_leave_the_workspace_are_not_read(folder, tmp_path, monkeypatch):
    (tmp_path / "secret.md").write_text("| Agent | Role |\n|---|---|\n| spy | hides |\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    (folder / "link.md").symlink_to(tmp_path / "secret.md")
    (folder / "CLAUDE.md").write_text(
        f"@../secret.md\n@~/secret.md\n@{tmp_path}/secret.md\n@link.md\n@~/ws/inside.md\n"
    )
    (folder / "inside.md").write_text("inside\n")
    (folder / "AGENTS.md").symlink_to(tmp_path / "secret.md")
    assert paths(folder) == ["CLAUDE.md", "inside.md"]
    assert {where for code, where in codes(folder) if code == "outside"} == {
        "CLAUDE.md:1", "CLAUDE.md:2", "CLAUDE.md:3", "CLAUDE.md:4", "AGENTS.md:1",
    }  # fmt: skip
    assert agents(folder) == {}


def test_code_mail_packages_and_handles_are_no_imports(folder):
    (folder / "x.md").write_text("x\n")
    text = "`@x.md` ``@x.md`` a@x.md @types/node @v7 @mina\n\n```\n@x.md\n```\n\n<!-- @x.md -->\n"
    (folder / "CLAUDE.md").write_text(text)
    assert paths(folder) == ["CLAUDE.md"]
    assert codes(folder) == set()
    (folder / "CLAUDE.md").write_text("@gone.md\n")
    assert codes(folder) == {("import", "CLAUDE.md:1")}


def test_persona_layers_are_read_from_lists_and_tables_too(folder):
    (folder / "CLAUDE.md").write_text(
        "- **L0 Being**: a clerk\n\n| Layer | Text |\n|---|---|\n| L1 Values | truth |\n\nL2 cache is full\n"
    )
    found = [r for r in model_of(OntologySettings(), folder).rows if getattr(r, "family", "") == "persona"]
    assert [(r.level, r.name, r.text) for r in found] == [("L0", "Being", "a clerk"), ("L1", "Values", "truth")]


def test_knowledge_layers_go_from_the_project_to_the_session(folder):
    for name in ("CLAUDE.md", "CLAUDE.local.md"):
        (folder / name).write_text(f"# About {name}\n")
    (folder / ".claude" / "rules").mkdir()
    (folder / ".claude" / "rules" / "style.md").write_text("# Style\n")
    found = [r for r in model_of(OntologySettings(), folder).rows if getattr(r, "family", "") == "knowledge"]
    assert [(r.level, r.name, r.text) for r in found] == [
        ("project", "CLAUDE.md", "About CLAUDE.md"),
        ("session", "CLAUDE.local.md", "About CLAUDE.local.md"),
        ("project", ".claude/rules/style.md", "Style"),
    ]


def test_forgetting_takes_the_rows_of_a_namespace_or_a_file(tmp_path):
    with open_engine(tmp_path, "ontology") as engine:
        synced(engine, SAMPLE)
        engine.forget(Scope(namespaces=("other",)))
        assert len(rows(engine, "ont_agents")) == 4
        engine.forget(Scope(source=".claude/agents/planner.md"))
        assert len(rows(engine, "ont_agents")) == 3
        engine.forget(Scope(namespaces=("default",)))
        assert not any(rows(engine, table) for table in TABLES)


def test_the_program_syncs_and_explains_what_is_wrong(tmp_path, folder):
    assert memcore(tmp_path / "h", "ontology-sync").out == "nothing to read: name a folder, or set ontology.workspace\n"
    assert memcore(tmp_path / "h", "ontology-sync", "--strict").code == 3
    assert memcore(tmp_path / "h", "ontology-sync", tmp_path / "nowhere").code == 2
    done = memcore(tmp_path / "h", "ontology-sync", SAMPLE, "--json")
    assert (done.code, done.json["added"], done.json["rows"]["agents"]) == (0, 16, 4)
    assert memcore(tmp_path / "h", "ontology-sync", SAMPLE).out == "4 agents, 5 relations, 7 layers; nothing changed\n"


def test_a_folder_that_is_none_is_explained():
    with pytest.raises(InvalidInputError, match="cannot read the folder"):
        read_workspace(Path("/nowhere/at/all"), depth=4, largest=1)


LINES = st.lists(
    st.sampled_from(
        [
            "| Agent | Role | Hands off to |", "|---|---|---|", "| scout | looks | mender |", "| mender | | `x` |", "",
            "- `scout` -> `mender`", "```", "@b.md", "@CLAUDE.md", "## L1 Values", "- L0 Being: x", "- truth", "<!--", "-->",
            "---", "name: scout", "tools: [", "넘김: **mender**", "\u3000`", "scout → mender → cook", "@~x/y.md", "@\0.md",
        ]
    ),
    max_size=14,
).map("\n".join)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["CLAUDE.md", "b.md", ".claude/agents/s.md"]), LINES), min_size=1, max_size=3
    )
)
def test_syncs_converge_on_what_the_files_say_last_and_invent_nothing(tmp_path_factory, states):
    base = tmp_path_factory.mktemp("ontology")
    with open_engine(base / "home", "ontology") as engine, open_engine(base / "fresh", "ontology") as fresh:
        folder = base / "ws"
        for files in states:
            shutil.rmtree(folder, ignore_errors=True)
            (folder / ".claude" / "agents").mkdir(parents=True)
            for name, text in files.items():
                (folder / name).write_text(text)
            synced(engine, folder)
            assert synced(engine, folder).changes == ()
        synced(fresh, folder)
        assert {t: rows(engine, t) for t in TABLES} == {t: rows(fresh, t) for t in TABLES}
        said = "\n".join(states[-1].values())
        for row in rows(engine, "ont_agents"):
            assert row[3] in said
        for row in rows(engine, "ont_relations"):
            assert row[2] in said
            assert row[4] in said
        assert healthy(engine)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("@./~` \n<!-->ab:#-\r")), max_size=80))
def test_looking_for_imports_never_raises_and_finds_only_what_stands_there(text):
    lines = text.split("\n")
    for line, target in import_targets(text):
        assert f"@{target}" in lines[line - 1]
