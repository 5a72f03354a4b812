"""The decisions queue: asked once, answered by anybody, carried out or still queued, never decided by default."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from memcore import Draft, Scope, Verdict, hookimpl
from memcore.errors import InvalidInputError, PluginError, RefusedError
from memcore.records import Answer, DecisionRequest
from memcore_plugins.decisions import schema
from memcore_plugins.decisions.commands import decisions
from memcore_plugins.decisions.desk import resolve, the_item
from upkeep_engine import START, Clock, healthy, open_engine, rows, run


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def engine(tmp_path, clock):
    with open_engine(tmp_path, "decisions", clock=clock) as engine:
        yield engine


def request(key="t:1", evidence="first", **more):
    given = {"kind": "TOPIC_CLASSIFY", "question": "Which topic?", "options": ("tides", "maps"), **more}
    return DecisionRequest(key=key, evidence={"text": evidence}, **given)


def items(engine, status="", kind=""):
    return schema.items(engine.workspace.connection(), status, kind)


def answer(engine, key, choice, **more):
    return resolve(engine, the_item(engine, key), Answer(choice=choice, by="test", **more))


class Gate:
    """Hold every draft, as a gate does with what a person should see."""

    @hookimpl
    def memcore_gate(self, drafts):
        return [Verdict(word="hold", reason="looks odd")] * len(drafts)


class Replier:
    """Answer every decision with one choice and count the questions."""

    def __init__(self, choice):
        self.choice, self.asked = choice, []

    @hookimpl
    def memcore_answer(self, item):
        self.asked.append(item.id)
        return Answer(choice=self.choice) if self.choice else None


# --- queue ---


def test_a_question_is_queued_once_per_key(engine):
    key = engine.decide(request())
    assert engine.decide(request()) == key
    (item,) = items(engine)
    assert (item.status, item.options, item.evidence) == ("queued", ("tides", "maps"), {"text": "first"})
    assert item.deadline == START + timedelta(days=14)


def test_an_open_question_follows_its_evidence_and_keeps_its_deadline(engine, clock):
    key = engine.decide(request(deadline=START + timedelta(days=2)))
    clock.move(days=1)
    engine.decide(request(evidence="second"))
    item = the_item(engine, key)
    assert (item.evidence, item.deadline) == ({"text": "second"}, START + timedelta(days=2))


def test_an_answered_question_reopens_when_its_evidence_changes_and_back(engine):
    key = engine.decide(request())
    answer(engine, key, "tides")
    engine.decide(request())
    assert the_item(engine, key).status == "answered"
    engine.decide(request(evidence="second"))
    assert the_item(engine, key).status == "queued"
    answer(engine, key, "maps")
    engine.decide(request(evidence="first"))
    item = the_item(engine, key)
    assert item.status == "queued"
    assert [event.get("choice") or event["event"] for event in item.history] == [
        "tides",
        "reopened",
        "maps",
        "reopened",
    ]


def test_secrets_do_not_get_into_the_queue(engine):
    engine.decide(request(evidence="the key is ghp_x7Kd92LmQpRz4TvWbN81sYcEaUfGhJ03kLmn"))
    assert "ghp_x7Kd92" not in str(rows(engine, "decisions"))


# --- answers ---


def test_an_answer_must_be_an_option_and_may_be_spelled_in_any_case(engine):
    key = engine.decide(request())
    with pytest.raises(InvalidInputError, match="not an option"):
        answer(engine, key, "sounds")
    assert the_item(engine, key).status == "queued"
    assert answer(engine, key, " TIDES ").choice == "tides"


@pytest.mark.parametrize("text", ["", "   ", "x" * 20_001])
def test_a_free_answer_must_say_something_and_not_everything(engine, text):
    key = engine.decide(request(options=()))
    with pytest.raises(InvalidInputError):
        answer(engine, key, text)
    assert answer(engine, key, " The log is about tides. ").choice == "The log is about tides."


def test_a_decision_is_answered_once(engine):
    key = engine.decide(request())
    answer(engine, key, "tides")
    with pytest.raises(RefusedError, match="answered"):
        answer(engine, key, "maps")


def test_an_answer_reaches_the_plugin_that_asked(engine):
    class Asker:
        seen = None

        @hookimpl
        def memcore_decided(self, item, answer):
            self.seen = (item.request.key, answer.choice, answer.reason)

    asker = Asker()
    engine.register(asker, name="asker")
    answer(engine, engine.decide(request()), "maps", reason="obvious")
    assert asker.seen == ("t:1", "maps", "obvious")


@pytest.mark.parametrize(("error", "raised"), [(ValueError("boom"), PluginError), (RefusedError("no"), RefusedError)])
def test_what_cannot_be_carried_out_stays_queued_and_changes_nothing(engine, error, raised):
    class Failing:
        @hookimpl
        def memcore_decided(self, engine):
            engine.remember(Draft(content="half of the work"))
            raise error

    key = engine.decide(request())
    before = rows(engine, "decisions")
    engine.register(Failing(), name="failing")
    with pytest.raises(raised):
        answer(engine, key, "tides")
    assert rows(engine, "decisions") == before
    assert list(engine.scan(Scope())) == []


# --- who answers ---


def test_the_host_answers_in_upkeep(engine):
    key = engine.decide(request())
    engine.register(Replier("tides"), name="host")
    report = engine.maintain()["decisions"]
    assert report.counts["answered"] == 1
    item = the_item(engine, key)
    assert (item.status, item.last_choice, item.history[-1]["by"]) == ("answered", "tides", "host")


@pytest.mark.parametrize("choice", ["sounds", ""])
def test_a_wrong_answer_or_none_leaves_the_item_queued(engine, choice):
    key = engine.decide(request())
    engine.register(Replier(choice), name="host")
    engine.maintain()
    assert the_item(engine, key).status == "queued"


def test_two_who_disagree_leave_the_item_queued_in_any_order(engine):
    key = engine.decide(request())
    engine.register(Replier("tides"), name="one")
    engine.register(Replier("maps"), name="two")
    engine.maintain()
    assert the_item(engine, key).status == "queued"


def test_an_answer_that_cannot_be_carried_out_blames_the_plugin_that_failed(engine):
    class Failing:
        @hookimpl
        def memcore_decided(self):
            raise ValueError("boom")

    key = engine.decide(request())
    engine.register(Replier("tides"), name="host")
    engine.register(Failing(), name="failing")
    report = engine.maintain()["decisions"]
    assert report.counts["answered"] == 0
    assert "failing could not carry out" in report.lines[0]
    assert the_item(engine, key).status == "queued"
    assert engine.catalog.plugins["host"].status == "active"


def test_one_run_asks_a_limited_number_the_most_urgent_first(tmp_path):
    with open_engine(tmp_path, "decisions", decisions__answers_per_run=3) as engine:
        keys = [engine.decide(request(key=f"t:{n}", deadline=START + timedelta(days=9 - n))) for n in range(6)]
        host = Replier(None)
        engine.register(host, name="host")
        engine.maintain(dry_run=True)
        assert host.asked == []
        engine.maintain()
        assert host.asked == keys[:2:-1]


def test_without_anybody_to_answer_everything_stays_and_nothing_stops(engine, clock):
    key = engine.decide(request())
    clock.move(days=400)
    report = engine.maintain()["decisions"]
    assert report.counts["overdue"] == 1
    assert the_item(engine, key).status == "queued"
    assert engine.maintain()["decisions"] == report
    (finding,) = [finding for _, finding in engine.check("decisions")]
    assert (finding.code, finding.where) == ("decisions.overdue", key)
    assert healthy(engine)


def test_a_long_queue_is_reported(tmp_path):
    with open_engine(tmp_path, "decisions", decisions__long_queue=2) as engine:
        for number in range(3):
            engine.decide(request(key=f"t:{number}"))
        assert [finding.code for _, finding in engine.check("decisions")] == ["decisions.long-queue"]
        assert engine.stats()["decisions"]["queued"] == {"TOPIC_CLASSIFY": 3}


# --- reviews ---


def hold(engine, **more):
    engine.register(Gate(), name="gate")
    draft = Draft(**{"content": "The key is under the mat.", "source": "memory/a.md#L3", "occurred_at": START, **more})
    (outcome,) = engine.remember(draft)
    assert outcome.state == "held"
    (item,) = items(engine, "queued", "REVIEW")
    assert item.id in outcome.reason
    return draft, item


def test_a_held_draft_is_kept_as_it_was_when_a_person_accepts_it(engine):
    draft, item = hold(engine, tags=("home",), entities=("mat",), confidence=0.7, metadata={"a": [1]})
    answer(engine, item.id, "accept")
    (record,) = engine.scan(Scope())
    for name in ("content", "tags", "entities", "confidence", "source", "occurred_at", "provenance", "metadata"):
        assert getattr(record, name) == getattr(draft, name), name
    assert the_item(engine, item.id).record_ids == (record.id,)


def test_a_refused_draft_stays_refused_when_it_comes_again(engine):
    draft, item = hold(engine)
    answer(engine, item.id, "refuse")
    assert engine.remember(draft)[0].state == "held"
    assert the_item(engine, item.id).status == "answered"
    assert list(engine.scan(Scope())) == []


def test_an_accepted_draft_is_asked_again_only_after_its_record_has_gone(engine):
    draft, item = hold(engine)
    answer(engine, item.id, "accept")
    engine.remember(draft)
    assert the_item(engine, item.id).status == "answered"
    (record,) = engine.scan(Scope())
    engine.retire([record.id], reason="not any more")
    engine.remember(draft)
    assert the_item(engine, item.id).status == "queued"


def test_a_review_is_withdrawn_when_the_draft_was_stored_otherwise(engine):
    draft, item = hold(engine)
    engine.remember(draft, approved=True)
    assert the_item(engine, item.id).status == "moot"


def test_a_draft_that_another_gate_refuses_cannot_be_accepted(engine):
    class Wall:
        @hookimpl
        def memcore_gate(self, drafts):
            return [Verdict(word="refuse", reason="a secret")] * len(drafts)

    _, item = hold(engine)
    engine.register(Wall(), name="wall")
    with pytest.raises(RefusedError, match="refused"):
        answer(engine, item.id, "accept")
    assert the_item(engine, item.id).status == "queued"


# --- summaries ---


def write_log(engine, path="memory/2026-01-05.md", kind="daily", lines=300):
    drafts = [
        Draft(
            content=f"Line {n} about pier {n}.\nand more",
            kind=kind,
            source=f"{path}#L{n}",
            occurred_at=START - timedelta(days=40),
        )
        for n in range(lines // 2)
    ]
    return [outcome.record.id for outcome in engine.remember(drafts)]


def test_summaries_are_asked_for_only_where_they_are_wanted(tmp_path):
    with open_engine(tmp_path / "off", "decisions") as engine:
        write_log(engine)
        engine.maintain()
        assert items(engine) == []
    with open_engine(tmp_path / "on", "decisions", decisions__changelog=True) as engine:
        write_log(engine)
        write_log(engine, "memory/2026-01-06.md", lines=20)
        write_log(engine, "CHANGELOG.md", "knowledge")
        write_log(engine, "notes.md", "knowledge")
        engine.maintain()
        found = {item.evidence["source"]: item.evidence["lines"] for item in items(engine, kind="CHANGELOG_SUMMARIZE")}
        assert found == {"CHANGELOG.md": 300, "memory/2026-01-05.md": 300}


def test_a_summary_becomes_knowledge_that_names_what_it_rests_on(tmp_path):
    with open_engine(tmp_path, "decisions", decisions__changelog=True) as engine:
        ids = write_log(engine)
        engine.maintain()
        (item,) = items(engine)
        answer(engine, item.id, "The piers were counted.")
        (record,) = engine.scan(Scope(kinds=("knowledge",)))
        assert set(record.upstream_ids) == set(ids)
        assert (record.content, record.provenance, record.source) == (
            "The piers were counted.", "inferred", "memory/2026-01-05.md",
        )  # fmt: skip
        engine.maintain()
        assert the_item(engine, item.id).status == "answered"
        engine.remember(
            Draft(
                content="One pier more.",
                kind="daily",
                source="memory/2026-01-05.md#L900",
                occurred_at=START - timedelta(days=39),
            )
        )
        engine.maintain()
        answer(engine, item.id, "The piers were counted twice.")
        assert engine.get([record.id])[0].status == "superseded"
        assert len(list(engine.scan(Scope(kinds=("daily",))))) == len(ids) + 1


# --- forgetting and the program ---


def test_forgetting_takes_held_drafts_and_questions_with_it(engine):
    hold(engine, namespace="home")
    (record,) = [engine.remember(Draft(content="other", namespace="home"), approved=True)[0].record]
    engine.decide(request(key="about", record_ids=(record.id,)))
    engine.decide(request(key="elsewhere"))
    engine.forget(Scope(namespaces=("home",)))
    assert [each.key for each in items(engine)] == ["elsewhere"]
    assert rows(engine, "decisions_records") == []
    assert b"under the mat" not in engine.workspace.path.read_bytes()


def test_forgetting_one_record_leaves_other_held_drafts(engine):
    hold(engine)
    (outcome,) = engine.remember(Draft(content="other"), approved=True)
    engine.forget(Scope(ids=(outcome.record.id,)))
    assert [item.kind for item in items(engine)] == ["REVIEW"]


def test_the_command_lists_shows_and_answers(engine):
    key = engine.decide(request())
    listed = json.loads(run(decisions, engine, "list", "--json").stdout)
    assert [(item["id"], item["status"], item["overdue"]) for item in listed] == [(key, "queued", False)]
    assert "TOPIC_CLASSIFY" in run(decisions, engine, "list").stdout
    shown = run(decisions, engine, "show", key[:5]).stdout
    assert "Which topic?" in shown
    assert "text: first" in shown
    assert run(decisions, engine, "answer", key, "maps", "--dry-run").exit_code == 0
    assert the_item(engine, key).status == "queued"
    done = json.loads(run(decisions, engine, "answer", key, "maps", "--reason", "clear", "--json").stdout)
    assert done == {"id": key, "kind": "TOPIC_CLASSIFY", "choice": "maps", "dry_run": False}
    assert "answered maps person clear" in run(decisions, engine, "show", key).stdout
    assert run(decisions, engine, "list").stdout == "0 queued\n"
    assert "answered" in run(decisions, engine, "list", "--all").stdout


@pytest.mark.parametrize(
    ("arguments", "error", "code"),
    [
        (("show", "nothing"), InvalidInputError, 2),
        (("show", ""), InvalidInputError, 2),
        (("answer", "d", "sounds"), InvalidInputError, 2),
    ],
)
def test_wrong_usage_is_explained(engine, arguments, error, code):
    engine.decide(request())
    found = run(decisions, engine, *arguments).exception
    assert isinstance(found, error)
    assert found.exit_code == code
    assert found.cure


def test_answering_twice_is_refused_by_the_command(engine):
    key = engine.decide(request())
    run(decisions, engine, "answer", key, "maps")
    found = run(decisions, engine, "answer", key, "maps").exception
    assert isinstance(found, RefusedError)
    assert found.exit_code == 1


@pytest.mark.parametrize("arguments", [("--help",), ("list", "--help"), ("show", "--help"), ("answer", "--help")])
def test_the_help_ends_with_examples_one_per_line(engine, arguments):
    text = run(decisions, engine, *arguments).stdout
    assert "\n  Examples:\n    memcore decisions " in text


# --- a host that does not have the plugin ---


def test_without_the_queue_a_held_draft_is_refused_in_so_many_words_and_nothing_stops(tmp_path):
    with open_engine(tmp_path, "dialectic", "promotion") as engine:
        engine.register(Gate(), name="gate")
        (outcome,) = engine.remember(Draft(content="The key is under the mat."))
        assert outcome.state == "held"
        assert "nobody queues decisions" in outcome.reason
        engine.remember([Draft(content=f"Mina lives in {city}.") for city in ("Berlin", "Lisbon")], approved=True)
        assert len(list(engine.scan(Scope()))) == 2
        assert set(engine.maintain()) >= {"dialectic", "promotion"}
        assert healthy(engine)
