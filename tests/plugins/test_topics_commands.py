"""`memcore topics`: looking, and changing with and without a dry run."""

from __future__ import annotations

import json

import pytest
from memcore import Draft
from memcore.errors import InvalidInputError
from memcore_plugins.topics import schema
from memcore_plugins.topics.commands import topics
from upkeep_engine import open_engine, rows, run


@pytest.fixture
def engine(tmp_path):
    with open_engine(tmp_path, "topics") as opened:
        yield opened


def names(engine):
    return {topic.name: topic for topic in schema.load_topics(engine.workspace.connection())}


def state(engine):
    return rows(engine, "topics"), rows(engine, "topic_curated")


def test_an_empty_registry_says_where_topics_come_from(engine):
    assert run(topics, engine, "list").output.startswith("no topics yet")
    assert json.loads(run(topics, engine, "list", "--json").output) == []


def test_adding_a_topic_links_the_records_that_mention_it(engine):
    engine.remember([Draft(content="kubernetes runs here"), Draft(content="Apples are red")])
    assert run(topics, engine, "add", "Deployment", "--cue", "kubernetes", "--description", "How we ship.").output == (
        "'Deployment' is added; 1 records mention it\n"
    )
    shown = run(topics, engine, "show", "deployment").output
    assert "Deployment: How we ship." in shown
    assert "cues: kubernetes" in shown
    assert "cue: kubernetes" in shown
    told = json.loads(run(topics, engine, "show", "deployment", "--json").output)
    assert [record["content"] for record in told["records"]] == ["kubernetes runs here"]


def test_adding_again_extends_the_topic(engine):
    run(topics, engine, "add", "Deployment", "--cue", "kubernetes")
    done = run(topics, engine, "add", "deployment", "--alias", "rollout", "--cue", "helm")
    assert "is changed" in done.output
    topic = names(engine)["Deployment"]
    assert (topic.aliases, topic.cues) == (("rollout",), ("kubernetes", "helm"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["add", "Deployment", "--cue", "kubernetes"],
        ["rename", "Old", "New"],
        ["merge", "Old", "Other"],
        ["link", "Other", "RECORD"],
        ["unlink", "Old", "RECORD"],
    ],
)
def test_a_dry_run_changes_nothing_and_the_real_run_something(engine, arguments):
    record = engine.remember(Draft(content="kubernetes runs here"))[0].record
    run(topics, engine, "add", "Old", "--cue", "kubernetes")
    run(topics, engine, "add", "Other")
    arguments = [record.id if each == "RECORD" else each for each in arguments]
    before = state(engine)
    assert run(topics, engine, *arguments, "--dry-run").exit_code == 0
    assert state(engine) == before
    assert run(topics, engine, *arguments).exit_code == 0
    assert state(engine) != before


def test_a_renamed_topic_is_still_found_by_its_old_name(engine):
    run(topics, engine, "add", "deploys")
    run(topics, engine, "rename", "deploys", "Deployment")
    assert names(engine)["Deployment"].aliases == ("deploys",)
    assert run(topics, engine, "show", "deploys").output.startswith("Deployment")


def test_merging_moves_links_names_and_cues_and_drops_the_rest(engine):
    engine.remember([Draft(content="kubernetes runs here"), Draft(content="helm charts too")])
    run(topics, engine, "add", "one", "--cue", "kubernetes")
    run(topics, engine, "add", "two", "--cue", "helm")
    run(topics, engine, "add", "Deployment")
    assert (
        run(topics, engine, "merge", "one", "two", "Deployment").output
        == "moved 2 links of 2 topics into 'Deployment'\n"
    )
    (topic,) = names(engine).values()
    assert (topic.aliases, topic.cues) == (("one", "two"), ("kubernetes", "helm"))
    assert schema.counts(engine.workspace.connection()) == {topic.id: 2}


def test_linking_by_hand_undoes_an_unlink(engine):
    record = engine.remember(Draft(content="kubernetes runs here"))[0].record
    run(topics, engine, "add", "Deployment", "--cue", "kubernetes")
    assert run(topics, engine, "unlink", "Deployment", record.id).output == "1 records are taken out of 'Deployment'\n"
    assert schema.counts(engine.workspace.connection()) == {}
    run(topics, engine, "link", "Deployment", record.id)
    assert list(schema.counts(engine.workspace.connection()).values()) == [1]


def test_the_list_is_sorted_by_size_and_shows_where_topics_come_from(engine):
    engine.remember([Draft(content=f"Gauge {n}.", tags=("gauge",)) for n in range(3)])
    run(topics, engine, "add", "Deployment", "--cue", "helm")
    lines = run(topics, engine, "list").output.splitlines()
    assert lines[0].split() == ["NAME", "RECORDS", "FROM", "ALIASES", "AND", "CUES"]
    assert lines[1].split() == ["gauge", "3", "tag"]
    assert lines[2].split() == ["Deployment", "0", "hand", "helm"]
    assert [each["name"] for each in json.loads(run(topics, engine, "list", "--json").output)] == [
        "gauge",
        "Deployment",
    ]


def test_a_long_topic_says_how_much_is_left(engine):
    engine.remember([Draft(content=f"Gauge {n}.", tags=("gauge",)) for n in range(5)])
    assert run(topics, engine, "show", "gauge", "-n", "2").output.splitlines()[-1] == "3 more; -n shows them"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "Deploiment"], "did you mean 'Deployment'?"),
        (["link", "Deployment", "m-unknown"], "there is no record 'm-unknown'"),
        (["rename", "Deployment", "Other"], "'Other' already names a topic"),
        (["rename", "Deployment", "?!"], "names nothing"),
        (["add", "?!"], "names nothing"),
        (["add", "Third", "--alias", "Other"], "'Other' already names 'Other'"),
        (["merge", "Deployment"], "merging takes two topics or more"),
    ],
)
def test_a_mistake_is_explained_and_changes_nothing(engine, arguments, message):
    run(topics, engine, "add", "Deployment")
    run(topics, engine, "add", "Other")
    before = state(engine)
    done = run(topics, engine, *arguments)
    assert isinstance(done.exception, InvalidInputError)
    assert message in str(done.exception)
    assert state(engine) == before
