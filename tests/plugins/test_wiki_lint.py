from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memcore_plugins.wiki_lint import WikiLintSettings
from memcore_plugins.wiki_lint.run import CHECKS, lint
from memcore_plugins.wiki_lint.view import View, from_folder
from memcore_toolkit.vault import Link, Page
from memcore_toolkit.vault_links import Resolver
from program import memcore
from upkeep_engine import healthy, open_engine

VAULT = Path(__file__).parents[2] / "docs" / "examples" / "workspace" / "wiki"
TODAY = date(2026, 11, 1)


def findings(files, *, others=(), today=TODAY, root="vault", **given):
    pages = tuple(Page(path=path, text=text) for path, text in files.items())
    view = View(files=pages, others=tuple(others), root=root)
    return lint(view, WikiLintSettings(**given), today)


def told(files, check, *, severity=None, **given):
    return [
        f"{found.where} {found.message}"
        for found in findings(files, **given)
        if found.code == f"wiki_lint.{check}" and (severity is None or found.severity == severity)
    ]


def gaps(text, *, others=(), name="a.md", **more):
    files = {
        name: text,
        "tide-table.md": "# Tide table\n",
        "concepts/潮見表.md": "---\naliases: [tide chart]\n---\n# 潮見表の話\n",
        **more,
    }
    return told(files, "gap", severity="warning", others=others)


@pytest.mark.parametrize(
    "text",
    [
        "[[tide-table|the table]]",
        "| a | [[tide-table\\|the table]] |\n|---|---|\n| b | [[潮見表\\|x]] |",
        "![[tide-table]] and ![[tide-table#Part|p]] and ![[photo.png]]",
        "[[tide-table.md]] [[Tide-Table.MD]]",
        "[[tide-table#Height#Low]] [[#Below]] [[tide-table#^b-1]] [[#^b]]",
        "[[concepts/潮見表]] [[潮見表]] [[tide chart]] [[潮見表の話]]",
        "[t](tide-table.md) [t](concepts/%E6%BD%AE%E8%A6%8B%E8%A1%A8.md#x) [t](./tide-table.md) [t](/tide-table.md)",
        "[a folder](concepts/) [mail](mailto:a@b.example) [web](https://a.example/x.md)",
        "`[[nowhere]]` and ``[[nowhere]] ` ``",
        "```text\n[[nowhere]]\n```\n\n~~~\n[x](nowhere.md)\n~~~",
        "<!-- [[nowhere]] --> %%[[nowhere]]%%\n\n<!--\n[[nowhere]]\n-->",
        "%%\n[[nowhere]]\n%%",
        "[[YYYY-MM-DD]] [[{{title}}]] [[...]]",
        "[[##search]] [[^^search]]",
        "[[../raw/paper]] [raw](../raw/paper.pdf)",
        "[[vault/tide-table]]",
        "---\nrelated: [[tide-table]]\n---\n[[tide-table]]",
        '---\nrelated: ["[[tide-table|x]]"]\nx: [[tide-table]], [[潮見表]]\n---\n',
        "[pic](images/photo.png) ![pic](images/photo.png)",
        "[query](tide-table.md?plain=1)",
    ],
)
def test_links_that_lead_somewhere_are_not_called_broken(text):
    assert gaps(text, others=["photo.png", "images/photo.png"]) == []


@pytest.mark.parametrize(
    ("text", "line", "target"),
    [
        ("# A\n\n[[nowhere]]", 3, "nowhere"),
        ("# A\n\n| [[nowhere\\|x]] |", 3, "nowhere"),
        ("![[gone.png]]", 1, "gone.png"),
        ("---\nrelated: [[nowhere]], [[tide-table]]\n---\n", 2, "nowhere"),
        ("[x](sub/gone.md)", 1, "sub/gone.md"),
        ("`[[a]]`\n[[没有]]", 2, "没有"),
        ("\ufeff# A\r\n\r\n[[nowhere]]\r\n", 3, "nowhere"),
    ],
)
def test_a_link_without_a_page_is_a_gap_with_its_line(text, line, target):
    assert gaps(text) == [f"a.md:{line} there is no page {target}"]


def test_a_gap_is_told_once_with_all_its_places():
    files = {f"{name}.md": "x\n[[tidal atlas]]\n" for name in "abcdef"}
    assert told(files, "gap", severity="warning") == [
        "a.md:2 there is no page tidal atlas (also b.md:2, c.md:2, d.md:2 and 2 more)"
    ]


def test_two_pages_of_one_name_are_ambiguous_not_broken():
    files = {"x/note.md": "# N\n", "y/note.md": "# N\n", "a.md": "[[note]] [[x/note]] [[y/note.md]]\n"}
    assert told(files, "gap", severity="warning") == []
    assert [line for line in told(files, "gap", severity="info") if "can mean" in line] == [
        "a.md:1 [[note]] can mean x/note.md, y/note.md"
    ]
    assert [line for line in told(files, "orphan") if "note" in line] == []


def test_a_name_that_differs_only_in_case_is_a_note():
    files = {"Note.md": "[[a]]\n", "a.md": "[[note]]\n"}
    assert [line for line in told(files, "gap") if "case" in line] == [
        "a.md:1 [[note]] differs only in case from Note.md"
    ]


def test_composed_and_decomposed_names_are_the_same():
    import unicodedata

    files = {
        unicodedata.normalize("NFD", "물때.md"): "[[a]]\n",
        "a.md": f"[[{unicodedata.normalize('NFC', '물때')}]]\n",
    }
    assert told(files, "gap", severity="warning") == told(files, "orphan") == []


def test_orphans_are_pages_no_page_links():
    files = {
        "index.md": "[[a]] [[b]] [[c]]\n",
        "log.md": "## [2026-01-01] create | [[a]]\n",
        "a.md": "# A\n[[a]] links itself\n",
        "b.md": "---\nsources: [c]\n---\n# B\n",
        "c.md": "# C\n\n[b](b.md)\n",
        "stub.md": "---\nentity_type: redirect\ncanonical: '[[a]]'\n---\n",
    }
    assert told(files, "orphan") == []
    assert told({key: text for key, text in files.items() if key != "stub.md"}, "orphan") == ["a.md:1 no page links A"]


def test_a_link_to_a_redirect_counts_for_the_page_it_stands_for():
    files = {
        "a.md": "[[old name]]\n",
        "old name.md": "---\nentity_type: redirect\ncanonical: '[[new]]'\n---\n",
        "new.md": "# New\n[[a]]\n",
        "x.md": "---\ntype: redirect\nredirect_to: y\n---\n",
        "y.md": "---\ntype: redirect\nredirect_to: x\n---\n",
    }
    assert told(files, "orphan") == []
    assert told({**files, "z.md": "---\ntype: redirect\nredirect_to: nothing\n---\n"}, "gap", severity="warning") == [
        "z.md:1 it redirects to nothing, which does not exist"
    ]


PAGE = "---\ntitle: Gauge\nupdated: 2026-01-01\nentities: [Bergen]\n---\n# Gauge\n"


def source(day, entities="[Bergen]"):
    return f"---\ntitle: S\ntype: source\npublished: {day}\nentities: {entities}\n---\n# S\n"


def test_a_page_is_stale_when_a_source_on_the_same_thing_is_ninety_one_days_newer():
    assert told({"g.md": PAGE, "s.md": source("2026-04-01")}, "stale") == []
    assert told({"g.md": PAGE, "s.md": source("2026-04-02")}, "stale") == [
        "g.md:3 last changed 2026-01-01, 91 days before s.md (2026-04-02)"
    ]
    assert told({"g.md": PAGE, "s.md": source("2026-04-02", "[Oslo]")}, "stale") == []
    assert told({"g.md": PAGE + "\n[[s]]\n", "s.md": source("2026-04-02", "[]")}, "stale") != []
    assert told({"g.md": PAGE, "s.md": source("2026-04-02")}, "stale", stale_days=91) == []


def test_a_common_neighbour_does_not_make_a_page_stale():
    files = {"g.md": PAGE + "[[hub]]\n", "hub.md": "# Hub\n", "s.md": source("2026-10-01", "[]") + "[[hub]]\n"}
    assert told(files, "stale") == []


def test_a_page_that_asks_to_be_verified_says_when_it_ran_out():
    page = "---\nverification_required: true\nlast_verified: 2026-08-03\n---\n# P\n"
    assert told({"p.md": page}, "stale") == []
    assert told({"p.md": page}, "stale", today=date(2026, 11, 2)) == [
        "p.md:3 it asks to be verified every 90 days; last verified 2026-08-03"
    ]


def test_a_contradiction_is_told_once_though_both_pages_mark_it():
    files = {
        "a.md": "---\nupdated: 2026-02-01\ncontradictions: [b]\n---\n# A\n",
        "b.md": "---\nupdated: 2026-01-01\ncontradicts: '[[a]]'\n---\n# B\n",
        "c.md": "# C\n\n> [!contradiction]\n> The survey says four.\n",
        "d.md": "---\nclaims:\n  - {id: x1, status: contested}\n  - {id: x2, status: supported}\n---\n",
    }
    found = [f for f in findings(files) if f.code == "wiki_lint.contradiction"]
    assert [f"{f.where} {f.message}" for f in found] == [
        "a.md:3 A contradicts b",
        "c.md:3 a contradiction is marked here",
        "d.md:2 the claim x1 is contested",
    ]
    assert found[0].cure.startswith("a.md is newer than b.md")


def test_size_has_its_thresholds():
    assert told({"a.md": "x\n" * 200}, "size") == []
    assert told({"a.md": "x\n" * 201}, "size") == ["a.md:201 201 lines, more than 200"]
    assert told({"index.md": "# I\n\n## S\n" + "- [[x]]\n" * 51}, "size") == [
        "index.md:3 51 entries in one section, more than 50"
    ]
    log = "## [2026-01-01] ingest | x\n" * 501
    assert told({"log.md": log, "a.md": ""}, "size") == ["log.md:1 501 entries, more than 500"]


def test_citation_asks_only_where_others_cite():
    page = "# A\n\nA claim.\n"
    assert told({"a.md": page}, "citation") == []
    citing = "---\nsources: [https://s.example]\n---\nB.\n"
    assert told({"a.md": page, "b.md": citing}, "citation") == ["a.md:1 it names no source"]
    for more in ("[x](https://s.example)", "Source: the harbour book", "[^1]: the book", "출처: 조사", "[[s/p]]"):
        files = {"a.md": page + more + "\n", "b.md": citing, "sources/s/p.md": "# P\n"}
        assert told(files, "citation") == [], more
    assert told({"a.md": "---\nsources: []\n---\n" + page, "b.md": citing}, "citation") == ["a.md:2 it names no source"]


def test_an_empty_source_url_needs_a_scope():
    start = "---\ntype: source\nsource_url: ''\n"
    assert told({"s.md": start + "---\nx\n"}, "citation") == ["s.md:3 its source_url is empty"]
    assert told({"s.md": start + "source_scope: a talk\n---\nx\n"}, "citation") == []


def test_frontmatter_that_is_no_yaml_is_a_finding_with_its_line():
    text = "---\ntitle: x\nrelated: [[a]], [[b]]\n---\n# T\n"
    (line,) = told({"t.md": text}, "frontmatter")
    assert line.startswith("t.md:3 the frontmatter is no YAML")


@pytest.mark.parametrize(
    "value", ["2026-01-01", "2024", "2024-05", "2026-01-01T10:00:00Z", "'2026-01-01'", "", "YYYY-MM-DD"]
)
def test_dates_and_unfilled_dates_are_no_finding(value):
    assert told({"a.md": f"---\ncreated: {value}\n---\nx\n"}, "frontmatter") == []


@pytest.mark.parametrize("value", ["2026-04-30b", "yesterday", "2026-13-01"])
def test_what_is_no_date_is_a_finding(value):
    found = told({"a.md": f"---\ntitle: x\ncreated: {value}\n---\nx\n"}, "frontmatter")
    assert f"a.md:3 created: {value} is no date" in found


def test_the_rules_of_the_vault_say_which_fields_are_required():
    rules = "# Rules\n\n## Frontmatter\n\n```yaml\ntitle: X\nsources: []\n```\n"
    files = {"SCHEMA.md": rules, "a.md": "---\ntitle: A\n---\nx\n", "b.md": "x\n", "templates/t.md": "x\n"}
    assert told(files, "frontmatter") == [
        "a.md:1 the frontmatter lacks sources",
        "b.md:1 it has no frontmatter; the rules ask for sources, title",
    ]
    assert told({"b.md": "x\n"}, "frontmatter") == []
    assert told({"s.md": "---\ntitle: S\ntype: source\n---\nx\n", "SCHEMA.md": rules}, "frontmatter") == []


def test_templates_and_rules_are_not_checked():
    files = {
        "_templates/page.md": "---\ncreated: {{date}}\na: [\n---\n[[slug]]\n",
        "SCHEMA.md": "[[slug]]\n",
        "TEMPLATE.md": "[[x]]\n",
    }
    assert findings(files) == []


def test_the_sample_vault_gives_exactly_what_was_put_into_it(tmp_path):
    found = lint(from_folder(VAULT, 10**7), WikiLintSettings(), TODAY)
    warned = {
        (Path(f.where.rpartition(":")[0]).stem, f.code.partition(".")[2]) for f in found if f.severity == "warning"
    }
    assert warned == {
        ("chart-datum", "stale"),
        ("chart-datum", "gap"),
        ("quiet-hours", "orphan"),
        ("quiet-hours", "citation"),
        ("潮見表", "frontmatter"),
        ("물때", "frontmatter"),
        ("pier-signs", "citation"),
        ("pier-signs", "frontmatter"),
        ("2026-03-tongyeong-survey", "frontmatter"),
        ("2026-07-gauge-levelling", "contradiction"),
    }
    assert all(f.cure and ":" in f.where for f in found)


def test_the_pages_of_the_wiki_and_of_its_folder_give_the_same_findings(tmp_path):
    from memcore_plugins.wiki import WikiSettings
    from memcore_plugins.wiki.importing import import_vault
    from memcore_plugins.wiki_lint.view import from_engine

    with open_engine(tmp_path, "ingest", "wiki", "wiki_lint") as engine:
        assert engine.check("wiki_lint") == []
        import_vault(engine, WikiSettings(), VAULT)
        folder = lint(from_folder(VAULT, 10**7), WikiLintSettings(), TODAY)
        tables = lint(from_engine(engine), WikiLintSettings(), TODAY)
        assert [(f.code, f.message) for f in tables] == [(f.code, f.message) for f in folder]
        assert len(engine.check("wiki_lint")) == len(folder)
        assert healthy(engine)


def test_without_pages_nothing_is_wrong(tmp_path):
    done = memcore(tmp_path, "wiki-lint")
    assert (done.code, done.out.splitlines()[0]) == (0, "0 pages checked")
    assert memcore(tmp_path, "wiki-lint", "--strict").code == 3
    (tmp_path / "empty").mkdir()
    assert memcore(tmp_path, "wiki-lint", tmp_path / "empty").out == "0 pages checked\n"
    assert memcore(tmp_path, "wiki-lint", tmp_path / "nothing").code == 2


def test_warnings_exit_with_one_and_notes_only_when_strict(tmp_path):
    vault = tmp_path / "vault"
    vault.mkdir()
    for name, other in (("A", "b"), ("B", "A"), ("C", "A")):
        (vault / f"{name}.md").write_text(f"# {name}\n\n[[{other}]] [[C]]\n")
    assert memcore(tmp_path, "wiki-lint", vault).code == 0
    assert memcore(tmp_path, "wiki-lint", vault, "--strict").code == 1
    (vault / "A.md").write_text("[[nowhere]] [[b]] [[c]]\n")
    done = memcore(tmp_path, "wiki-lint", vault, "--json")
    assert done.code == 1
    assert list(done.json["checks"]) == list(CHECKS)
    assert done.json["findings"][0]["where"].startswith(str(vault))


TEXT = st.text(alphabet=st.sampled_from(list("[]()|\\#`~-:>!% \n\r\tab물\"'{}<>^.md/\ufeff0")), max_size=150)


@settings(max_examples=100, deadline=None)
@given(TEXT, st.sampled_from(["---\n", "", "---\nsources: [[", "```\n"]))
def test_lint_never_raises_and_names_only_targets_that_are_written(text, start):
    files = {"a.md": start + text, "b.md": "x\n", "log.md": text, "index.md": text, "SCHEMA.md": text}
    for found in findings(files):
        path, _, line = found.where.rpartition(":")
        assert 1 <= int(line) <= max(files[path].replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1, 1)
        if found.message.startswith("there is no page "):
            assert found.message.removeprefix("there is no page ").split(" (also")[0].split("/")[-1] in files[path]


@pytest.mark.parametrize(
    ("target", "path", "rule"),
    [
        ("a/tide", "a/tide.md", "path"),
        ("b/tide", "x/b/tide.md", "suffix"),
        ("moon", "c/moon.md", "basename"),
        ("ebb", "c/moon.md", "alias"),
        ("the lunar month", "c/moon.md", "title"),
        ("flood", "flood.md", "path"),
    ],
)
def test_links_are_resolved_in_the_documented_order(target, path, rule):
    files = {
        "a/tide.md": "# moon\n",
        "x/b/tide.md": "# x\n",
        "x/a/tide.md": "# x\n",
        "c/moon.md": "---\ntitle: The Lunar Month\naliases: [ebb, flood]\n---\n",
        "flood.md": "# ebb\n",
        "d/other.md": "# the lunar month of others\n",
    }
    resolver = Resolver([Page(path=name, text=text) for name, text in files.items()])
    found = resolver.resolve("a/tide.md", Link(target=target, line=1, form="wiki"))
    assert (found.state, found.paths, found.by) == ("page", (path,), rule)


WORDS = st.lists(st.sampled_from(["a", "B", "가", "..", "x.md", "%20"]), min_size=1, max_size=3).map("/".join)


@settings(max_examples=100, deadline=None)
@given(st.sets(WORDS, max_size=5), WORDS, st.sampled_from(["wiki", "markdown", "frontmatter"]), WORDS)
def test_resolution_finds_only_what_is_there(paths, target, form, origin):
    pages = [Page(path=path, text="# T\n") for path in paths]
    found = Resolver(pages).resolve(origin, Link(target=target, line=1, form=form))
    assert set(found.paths) <= paths
    assert (found.state in ("page", "ambiguous")) == bool(found.paths)


def test_archived_pages_are_targets_but_not_checked():
    files = {
        "_archive/old.md": "---\ncreated: once\n---\n[[nowhere]]\n",
        "a.md": "[[old]] [[b]]\n",
        "b.md": "[[a]] [[old]]\n",
    }
    assert findings(files) == []
