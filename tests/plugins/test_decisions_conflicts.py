"""CONFLICT_RESOLVE: which facts are asked about, what an answer does, and that no text is ever lost."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memcore import Draft, Scope
from memcore.errors import RefusedError
from memcore.records import Answer
from memcore_plugins.decisions import schema
from memcore_plugins.decisions.conflicts import KEEP
from memcore_plugins.decisions.contradiction import contradiction
from memcore_plugins.decisions.desk import resolve, the_item
from upkeep_engine import START, Clock, healthy, open_engine, rows

BERLIN, LISBON, OSLO = (f"Mina lives in {city}." for city in ("Berlin", "Lisbon", "Oslo"))


@pytest.fixture
def engine(tmp_path):
    with open_engine(tmp_path, "decisions") as engine:
        yield engine
        assert healthy(engine)


def write(engine, *texts, **more):
    drafts = [Draft(**{"content": text, "entities": ("Mina",), **more}) for text in texts]
    return [outcome.record for outcome in engine.remember(drafts)]


def queued(engine):
    return schema.items(engine.workspace.connection(), "queued")


def answer(engine, choice):
    (item,) = queued(engine)
    resolve(engine, item, Answer(choice=choice, by="test"))
    return item


def texts(engine, status="active"):
    return sorted(record.content for record in engine.scan(Scope(statuses=(status,))))


# --- the rule ---


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (BERLIN, LISBON),
        ("The API supports OAuth.", "The API does not support OAuth."),
        ("Mina can swim", "Mina can't swim"),
        ("The gate opens at 6:00.", "The gate opens at 7:00."),
        ("Rent is 900 euros", "Rent is 950 euros a month"),
        ("ebb-api > State: live", "ebb-api > State: retired"),
        ("ebb-api > Version: 2.6", "ebb-api > Version: 2.7"),
        ("@Mina: prefers short replies", "@Mina: prefers long replies (2026-02-01)"),
        ("林雨桐住在柏林", "林雨桐住在里斯本"),
        ("他喝咖啡", "他不喝咖啡"),
        ("그는 커피를 자주 마신다", "그는 커피를 자주 안 마신다"),
        ("미나는 베를린에 산다", "미나는 리스본에 산다"),
        ("ミナはベルリンに住んでいる", "ミナはリスボンに住んでいる"),
        ("Jonas arbeitet freitags im Büro", "Jonas arbeitet freitags nicht im Büro"),
    ],
)
def test_candidates_are_found_from_both_sides(first, second):
    assert contradiction(first, second, overlap=0.6)
    assert contradiction(second, first, overlap=0.6)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (BERLIN, BERLIN),
        (BERLIN, "**Mina lives in Berlin** (2026-02-01)"),
        (BERLIN, "Mina lives in Berlin with her sister Ana."),
        (BERLIN, "Bo repaired the gate."),
        ("Mina likes tea in the morning.", "Mina met Bo at the pier."),
        ("Yes.", "No."),
        ("ebb-api > Owner: Bo Lind", "ebb-api > State: live"),
        ("ebb-api > Version: 2.6", "ebb-api > 2026-02-09: Reads come from Bergen."),
        (
            "Closed on the first Monday of each month, to all boats",
            "Mina > No meeting on the first Monday of the month.",
        ),
        ("", "Mina"),
        ("Gate north side opens: six", "Gate north side closes: seven"),
        (
            " ".join(f"{a}{b}x" for a in "abcdefg" for b in "hijklmn"),
            " ".join(f"{a}{b}x" for a in "abcdefg" for b in "ijklmno"),
        ),
    ],
)
def test_other_pairs_are_not(first, second):
    assert contradiction(first, second, overlap=0.6) == ""
    assert contradiction(second, first, overlap=0.6) == ""


words = st.lists(
    st.sampled_from(["Mina", "Bo", "lives", "works", "in", "not", "Berlin", "Oslo", "5", "7", "pier", "gate"]),
    max_size=8,
).map(" ".join)


@given(words | st.text(max_size=40), words | st.text(max_size=40))
def test_the_rule_is_symmetric_and_never_raises(first, second):
    assert bool(contradiction(first, second, overlap=0.6)) == bool(contradiction(second, first, overlap=0.6))
    assert contradiction(first, first, overlap=0.6) == ""


# --- what is asked ---


def test_a_new_fact_that_contradicts_an_old_one_raises_one_question(engine):
    old, new = write(engine, BERLIN)[0], write(engine, LISBON)[0]
    (item,) = queued(engine)
    assert (item.kind, item.options, set(item.record_ids)) == ("CONFLICT_RESOLVE", KEEP, {old.id, new.id})
    assert (item.evidence["old"]["content"], item.evidence["new"]["content"]) == (BERLIN, LISBON)
    assert item.evidence["why"] == "berlin against lisbon"
    write(engine, LISBON)
    assert queued(engine) == [item]
    assert [finding.code for _, finding in engine.check("decisions")] == ["decisions.conflict"]


def test_the_newer_fact_is_the_one_that_speaks_of_a_later_day(engine):
    write(engine, BERLIN, occurred_at=START)
    write(engine, LISBON, occurred_at=START - timedelta(days=90))
    (item,) = queued(engine)
    assert item.evidence["new"]["content"] == BERLIN


@pytest.mark.parametrize(
    "more", [{"namespace": "work"}, {"entities": ("Bo",)}, {"kind": "episode"}, {"kind": "experience"}]
)
def test_facts_of_other_subjects_namespaces_and_events_do_not_conflict(engine, more):
    write(engine, BERLIN, **({"kind": more["kind"]} if "kind" in more else {}))
    write(engine, LISBON, **more)
    assert queued(engine) == []


def test_a_series_of_facts_is_no_conflict(engine):
    write(engine, *(f"Pier {number} is {number} metres long." for number in range(1, 30)))
    engine.maintain()
    assert queued(engine) == []


def test_a_large_batch_waits_for_upkeep_which_compares_all_of_it(tmp_path):
    with open_engine(tmp_path, "decisions", decisions__conflict_lookups=4) as engine:
        lookups, search = [], engine.backend.search
        engine.backend.search = lambda query: lookups.append(query.text) or search(query)
        pairs = [f"Depot {name} opens at {hour}." for name in "abcdefghijkl" for hour in ("six", "noon")]
        engine.remember([Draft(content=text, entities=(text[:7],)) for text in pairs])
        assert len(lookups) == 0
        assert engine.stats()["decisions"]["unchecked"] == 24
        found = {item.id for item in queued(engine)}
        engine.maintain(dry_run=True)
        assert {item.id for item in queued(engine)} == found
        report = engine.maintain()["decisions"]
        assert (report.counts["checked"], report.counts["unchecked"]) == (24, 0)
        asked = {frozenset((i.evidence["old"]["content"], i.evidence["new"]["content"])) for i in queued(engine)}
        assert asked == {frozenset(pairs[n : n + 2]) for n in range(0, 24, 2)}
        state = rows(engine, "decisions")
        engine.maintain()
        assert rows(engine, "decisions") == state


def test_a_backend_that_is_far_away_is_asked_in_upkeep_only(engine):
    search, lookups = engine.backend.search, []
    engine.backend.search = lambda query: lookups.append(query.text) or search(query)
    engine.backend.capabilities -= {"transactional"}
    write(engine, BERLIN)
    write(engine, LISBON)
    assert (lookups, queued(engine)) == ([], [])
    engine.maintain()
    assert len(queued(engine)) == 1


# --- what an answer does ---


@pytest.mark.parametrize(
    ("choice", "active", "superseded"),
    [("keep_new", [LISBON], [BERLIN]), ("keep_old", [BERLIN], [LISBON]), ("keep_both", [BERLIN, LISBON], [])],
)
def test_the_answer_supersedes_and_destroys_nothing(engine, choice, active, superseded):
    write(engine, BERLIN)
    write(engine, LISBON)
    answer(engine, choice)
    assert (texts(engine), texts(engine, "superseded")) == (active, superseded)
    engine.maintain()
    assert queued(engine) == []


def test_a_fact_that_returns_reopens_its_conflict_every_time(engine):
    write(engine, BERLIN)
    write(engine, LISBON)
    for returned, stays in ((BERLIN, LISBON), (LISBON, BERLIN), (BERLIN, LISBON)):
        item = answer(engine, "keep_new")
        write(engine, returned)
        (again,) = queued(engine)
        assert again.id == item.id
        assert (again.evidence["new"]["content"], again.evidence["old"]["content"]) == (returned, stays)
    assert [event["event"] for event in again.history] == ["answered", "reopened"] * 3


def test_a_fact_that_lost_as_the_newer_one_reopens_its_conflict_too(engine):
    write(engine, BERLIN)
    write(engine, LISBON)
    answer(engine, "keep_old")
    write(engine, LISBON)
    (item,) = queued(engine)
    assert item.evidence["new"]["content"] == LISBON


def test_the_side_that_is_said_again_becomes_the_newer_one(engine):
    write(engine, BERLIN)
    write(engine, LISBON)
    write(engine, BERLIN)
    (item,) = queued(engine)
    assert item.evidence["new"]["content"] == BERLIN
    answer(engine, "keep_new")
    assert texts(engine) == [BERLIN]


def test_facts_that_may_stand_beside_each_other_are_not_asked_about_again(engine):
    write(engine, BERLIN)
    write(engine, LISBON)
    answer(engine, "keep_both")
    write(engine, BERLIN)
    write(engine, LISBON)
    engine.maintain()
    assert queued(engine) == []


def test_an_explicit_replacement_leaves_no_question(engine):
    (old,) = write(engine, BERLIN)
    engine.supersede([old.id], Draft(content=LISBON, entities=("Mina",)))
    assert queued(engine) == []
    write(engine, BERLIN)
    assert len(queued(engine)) == 1


def test_a_question_is_withdrawn_when_one_side_is_removed(engine):
    write(engine, BERLIN)
    (new,) = write(engine, LISBON)
    (item,) = queued(engine)
    engine.retire([new.id], reason="removed by the host")
    assert the_item(engine, item.id).status == "moot"
    assert the_item(engine, item.id).history[-1]["reason"]


def test_an_answer_that_would_keep_what_has_gone_is_refused(engine):
    write(engine, BERLIN)
    (new,) = write(engine, LISBON)
    (item,) = queued(engine)
    engine.backend.retire([new.id], reason="behind the engine's back")
    with pytest.raises(RefusedError):
        resolve(engine, item, Answer(choice="keep_new"))
    assert texts(engine) == [BERLIN]
    resolve(engine, item, Answer(choice="keep_old"))
    assert texts(engine) == [BERLIN]


def test_forgetting_one_side_forgets_the_question_and_its_quotations(engine):
    (old,) = write(engine, BERLIN)
    write(engine, LISBON)
    engine.forget(Scope(ids=(old.id,)))
    assert rows(engine, "decisions") == []
    assert b"Berlin" not in engine.workspace.path.read_bytes()


# --- properties ---

steps = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from([BERLIN, LISBON, OSLO])),
        st.tuples(st.just("answer"), st.sampled_from(KEEP)),
        st.tuples(st.just("maintain"), st.just("")),
    ),
    min_size=2,
    max_size=10,
)


@settings(max_examples=25)
@given(steps)
def test_no_sequence_loses_a_text_or_leaves_a_contradiction_unasked(sequence):
    with tempfile.TemporaryDirectory() as home, open_engine(Path(home), "decisions", clock=Clock()) as engine:
        said = set()
        for number, (step, value) in enumerate(sequence):
            engine.now.move(minutes=1)
            if step == "say":
                write(engine, value, source=f"memory/{number}.md#L1")
                said.add(value)
            elif step == "maintain":
                engine.maintain()
            elif waiting := queued(engine):
                resolve(engine, waiting[0], Answer(choice=value))
        kept = {record.content: record for record in engine.scan(Scope(statuses=()))}
        assert set(kept) == said
        assert all(record.source for record in kept.values())
        active = {record.id for record in kept.values() if record.status == "active"}
        asked = {frozenset(item.record_ids): item for item in schema.items(engine.workspace.connection())}
        for one in active:
            for two in active - {one}:
                item = asked[frozenset((one, two))]
                assert item.status == "queued" or item.last_choice == "keep_both"
        assert bool(active) == bool(said)
        state = rows(engine, "decisions")
        engine.maintain()
        engine.maintain()
        assert rows(engine, "decisions") == state
        assert healthy(engine)
