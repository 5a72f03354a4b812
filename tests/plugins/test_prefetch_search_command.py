"""The command `search`: lines, JSON, filters, explanations, and the sentence that says why there is nothing."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from memcore import Draft
from memcore.errors import InvalidInputError
from memcore_plugins.prefetch import commands
from memcore_plugins.prefetch.commands import search
from upkeep_engine import START, open_engine, run


@pytest.fixture
def engine(tmp_path):
    with open_engine(tmp_path, "prefetch") as opened:
        opened.remember(
            [
                Draft(
                    content="The heron server runs in Bergen.",
                    source="bank/world.md#L4",
                    kind="world",
                    occurred_at=START - timedelta(days=40),
                ),
                Draft(
                    content="The heron server was bought used.",
                    source="memory/2026-02-27.md#L9",
                    kind="daily",
                    entities=("heron",),
                    occurred_at=START - timedelta(days=3),
                ),
                Draft(content="Private: the heron password is in the vault.", namespace="secret"),
            ]
        )
        yield opened


def test_hits_are_lines_of_score_date_content_and_source(engine):
    done = run(search, engine, "heron", "Bergen")
    first = done.output.splitlines()[0]
    assert done.exit_code == 0
    assert first.endswith("2026-01-21  The heron server runs in Bergen.  bank/world.md#L4")
    assert float(first.split()[0]) > 0


def test_on_a_terminal_long_content_is_cut_so_that_the_source_stays_in_sight(engine, monkeypatch):
    engine.remember(Draft(content="塔" * 60 + " heron tower", source="memory/x.md#L1"))
    monkeypatch.setattr(commands, "_terminal_width", lambda: 80)
    for line in run(search, engine, "heron").output.splitlines():
        assert commands.display_width(line) <= 80
        assert line.endswith(("#L1", "#L4", "#L9"))


def test_json_holds_everything_about_a_hit(engine):
    told = json.loads(run(search, engine, "heron", "Bergen", "--json").output)
    assert told["query"] == "heron Bergen"
    assert told["hits"][0]["content"] == "The heron server runs in Bergen."
    assert told["hits"][0]["source"] == "bank/world.md#L4"
    assert told["hits"][0]["strategies"]["text"] > 0
    assert told["hits"][0]["date"].startswith("2026-01-21")


def test_explain_names_strategies_factors_and_the_id(engine):
    out = run(search, engine, "heron", "Bergen", "--explain").output
    assert "found by text" in out
    assert "of the question" in out
    key = next(line.rpartition(", ")[2] for line in out.splitlines() if "found by" in line)
    assert engine.get([key])[0].content == "The heron server runs in Bergen."


def test_explain_tells_what_was_left_out(engine):
    out = run(search, engine, "How", "tall", "is", "the", "heron", "tower", "of", "Kilimanjaro", "--explain").output
    assert out.startswith("Nothing relevant:")
    assert "note: nothing relevant" in out


def test_the_limit_is_kept(engine):
    assert len(run(search, engine, "heron", "-k", "1").output.splitlines()) == 1
    assert run(search, engine, "heron", "-k", "0").output == "Nothing shown: the limit is 0.\n"


def test_only_the_own_namespace_is_searched_unless_all_are_asked_for(engine):
    assert "password" not in run(search, engine, "heron").output
    assert "password" in run(search, engine, "heron", "--all-namespaces").output


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--kind", "world"], "Bergen"),
        (["--kind", "daily"], "used"),
        (["--entity", "heron"], "used"),
        (["--since", "2026-02-20"], "used"),
        (["--until", "2026-01-31"], "Bergen"),
        (["--since", "last month"], "used"),
    ],
)
def test_filters_narrow_the_search(engine, options, found):
    (line,) = run(search, engine, "heron", *options).output.splitlines()
    assert found in line


def test_until_includes_the_day_named(engine):
    assert "Bergen" in run(search, engine, "heron", "--until", "2026-01-21").output


def test_a_time_that_is_none_is_refused_with_a_cure(engine):
    done = run(search, engine, "heron", "--since", "whenever")
    assert isinstance(done.exception, InvalidInputError)
    assert "2026-03-01" in str(done.exception)


def test_a_session_is_shown_only_what_is_new(engine):
    engine.prefetch("where does the heron server run", session_id="s1")
    out = run(search, engine, "heron server", "--session", "s1").output
    assert out == "Nothing new: all that was found was already shown in session 's1'.\n"
    assert len(run(search, engine, "heron server", "--session", "s2").output.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["zeppelin"], "Nothing found: no record in namespace 'default' holds any of: zeppelin."),
        (["heron", "--kind", "opinion"], "Nothing found: no record meets these conditions."),
    ],
)
def test_nothing_found_says_why_and_is_no_error(engine, arguments, sentence):
    done = run(search, engine, *arguments)
    assert done.output == f"{sentence}\n"
    assert done.exit_code == 0


def test_an_empty_memory_says_so(tmp_path):
    with open_engine(tmp_path, "prefetch") as engine:
        assert run(search, engine, "heron").output == "Nothing found: namespace 'default' is empty.\n"
        assert run(search, engine, "heron", "--all-namespaces").output == "Nothing found: memory is empty.\n"


def test_control_characters_of_a_record_do_not_reach_the_terminal(engine):
    engine.remember(Draft(content="heron \x1b[31mred\x07 alert"))
    out = run(search, engine, "heron", "alert", "red").output
    assert "\x1b" not in out
    assert "\x07" not in out


def test_all_sources_of_a_merged_hit_are_counted_and_listed(engine):
    engine.remember(
        [
            Draft(content="Deploys happen on Thursdays.", source="a.md#L1"),
            Draft(content="- Deploys happen on Thursdays", source="b.md#L2"),
        ]
    )
    assert run(search, engine, "deploys").output.splitlines()[0].endswith("+1")
    assert "also " in run(search, engine, "deploys", "--explain").output
