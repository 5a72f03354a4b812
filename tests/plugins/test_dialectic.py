"""Dialectic: evidence from distinct sessions moves a pattern, contradictions are kept, and nothing feeds on itself."""

from __future__ import annotations

import json
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memcore import Draft, Scope, Session, Source, Turn
from memcore.errors import InvalidInputError
from memcore_plugins.dialectic import DialecticSettings
from memcore_plugins.dialectic.commands import patterns
from memcore_plugins.dialectic.phases import Evidence, assess
from upkeep_engine import START, Clock, healthy, open_engine, rows, run

TABLES = ("u_patterns", "u_observations", "u_hypotheses", "u_verifications")


@pytest.fixture
def engine(tmp_path):
    with open_engine(tmp_path, "dialectic") as engine:
        yield engine
        assert healthy(engine)


def say(engine, session, *lines, role="assistant", day=0):
    turn = Turn(role=role, content="\n".join(("Noted.", *lines)), occurred_at=START + timedelta(days=day))
    return engine.session_end(Session(id=session, turns=(turn,)))


def see(engine, count, tag="walks_to_work", start=0):
    for number in range(start, start + count):
        say(engine, f"s{number}", f"- U @Ines {tag}: came on foot, day {number}", day=number)


def phase(engine, tag="walks_to_work"):
    (row,) = [row for row in rows(engine, "u_patterns") if row[3] == tag]
    return row[4]


def test_a_tag_in_a_session_becomes_an_observation_record_and_evidence(engine):
    report = say(engine, "s1", "- U @Ines walks_to_work: came on foot")["dialectic"]
    assert report.counts == {"u_tags": 1, "new": 1, "malformed": 0}
    (record,) = engine.scan(Scope(kinds=("observation",)))
    assert record.content == "Ines, walks to work (observed): came on foot"
    assert record.entities == ("Ines",)
    assert record.provenance == "observed"
    assert record.metadata["u_tag"]["session"] == "s1"
    assert phase(engine) == "observation"


def test_a_tag_in_a_daily_file_is_evidence_of_that_day(engine):
    source = Source(text="# Log\n\n- U(declared) @Ines walks_to_work: says she does", path="memory/2026-02-11.md")
    (draft,) = engine.extract(source)
    assert (draft.kind, draft.provenance, draft.source) == ("observation", "declared", "memory/2026-02-11.md#L3")
    assert draft.occurred_at is not None
    assert draft.occurred_at.date().isoformat() == "2026-02-11"
    engine.remember([draft])
    assert [row[8:10] for row in rows(engine, "u_observations")] == [("says she does", "memory/2026-02-11.md")]


def test_phases_need_evidence_from_distinct_sessions(engine):
    for number in range(4):
        say(engine, "s0", f"- U @Ines walks_to_work: came on foot, hour {number}")
    engine.maintain()
    assert phase(engine) == "observation"
    see(engine, 1, start=1)
    engine.maintain()
    assert phase(engine) == "hypothesis"
    see(engine, 3, start=2)
    engine.maintain()
    assert phase(engine) == "verified"


def test_the_phase_moves_in_upkeep_only_and_a_dry_run_only_tells(engine):
    see(engine, 5)
    assert phase(engine) == "observation"
    report = engine.maintain(dry_run=True)["dialectic"]
    assert report.counts["moved"] == 1
    assert phase(engine) == "observation"
    assert engine.prompt_block() == ""
    engine.maintain()
    assert phase(engine) == "verified"
    assert "Ines: walks to work" in engine.prompt_block()


def test_the_same_session_delivered_again_adds_nothing(engine):
    see(engine, 2)
    before = rows(engine, "u_observations")
    see(engine, 2)
    see(engine, 1)
    assert rows(engine, "u_observations") == before


def test_what_is_only_declared_is_never_verified(engine):
    for number in range(9):
        say(engine, f"s{number}", f"- U(declared) @Ines walks_to_work: said it, time {number}", role="user", day=number)
    engine.maintain()
    assert phase(engine) == "hypothesis"
    see(engine, 2, start=20)
    engine.maintain()
    assert phase(engine) == "verified"


def test_contradictions_lower_the_phase_and_stay_for_ever(engine):
    see(engine, 5)
    engine.maintain()
    for number in range(3):
        say(engine, f"n{number}", f"- U- @Ines walks_to_work: took the tram, time {number}", day=10 + number)
    engine.maintain()
    assert phase(engine) == "hypothesis"
    assert engine.prompt_block() == ""
    see(engine, 20, start=20)
    engine.maintain()
    assert phase(engine) == "verified"
    assert sum(row[6] == "contradict" for row in rows(engine, "u_observations")) == 3
    assert [row[2] for row in rows(engine, "u_verifications")] == ["verified", "withdrawn", "verified"]


def test_declared_against_enacted_is_reported(engine):
    say(engine, "s0", "- U(declared) @Ines walks_to_work: 'I always walk.'", role="user")
    assert engine.check("dialectic") == []
    say(engine, "s1", "- U- @Ines walks_to_work: took the tram", day=1)
    codes = {finding.code: finding for _, finding in engine.check("dialectic")}
    assert codes["dialectic.declared-not-enacted"].severity == "warning"
    assert "Ines walks_to_work" in codes["dialectic.declared-not-enacted"].message
    assert len(codes["dialectic.contradiction"].record_ids) == 1
    assert engine.stats()["dialectic"]["declared_not_enacted"] == 1


def test_a_contradiction_is_answered_by_newer_support(engine):
    see(engine, 2)
    say(engine, "n", "- U- @Ines walks_to_work: took the tram", day=5)
    assert [f.code for _, f in engine.check("dialectic")] == ["dialectic.contradiction"]
    see(engine, 1, start=8)
    assert engine.check("dialectic") == []


def test_conclusions_and_untrusted_text_are_kept_but_never_counted(engine):
    metadata = {"u_tag": {"tag": "walks_to_work", "subject": "Ines", "text": "as known", "session": "x"}}
    see(engine, 1)
    (origin,) = engine.scan(Scope(kinds=("observation",)))
    for number, change in enumerate(
        (
            {"provenance": "inferred"},
            {"provenance": "untrusted"},
            {"upstream_ids": (origin.id,)},
            {"kind": "reflection"},
        )
    ):
        tag = {**metadata["u_tag"], "session": f"x{number}"}
        engine.remember(
            Draft(**{"content": f"note {number}", "kind": "observation", "metadata": {"u_tag": tag}, **change})
        )
    for number in range(4):
        say(engine, f"w{number}", "- U @Ines walks_to_work: walks to work")
    engine.maintain()
    assert phase(engine) == "observation"
    reasons = sorted({row[11] for row in rows(engine, "u_observations")})
    assert reasons == ["", "derived from memory", "says nothing but the tag", "untrusted"]


def test_evidence_that_a_session_was_shown_does_not_count_when_it_is_said_again(tmp_path):
    with open_engine(tmp_path, "dialectic") as engine:
        line = "- U @Ines walks_to_work: came on foot"
        say(engine, "s0", line)
        recall = engine.prefetch("how does Ines come to work on foot", session_id="s1")
        assert recall.hits
        say(engine, "s1", line)
        engine.maintain()
        assert phase(engine) == "observation"
        say(engine, "s2", line)
        engine.maintain()
        assert phase(engine) == "hypothesis"


def test_tools_and_recalled_memory_are_nobodys_word(engine):
    say(engine, "s0", "- U @Ines walks_to_work: printed by a tool", role="tool")
    say(engine, "s1", "<memory-context>", "- U @Ines walks_to_work: shown before", "</memory-context>")
    dump = "user: hello\n- U @Ines walks_to_work: typed\ntool: x\n- U @Ines walks_to_work: printed\nassistant: ok"
    assert [
        d.metadata["u_tag"]["text"] for d in engine.extract(Source(text=dump, path="memory/2026-02-01-1000.md"))
    ] == ["typed"]
    assert rows(engine, "u_observations") == []


def test_a_verified_pattern_is_told_by_a_record_that_is_no_evidence(engine):
    see(engine, 5)
    engine.maintain()
    (told,) = engine.scan(Scope(kinds=("pattern",)))
    assert told.content == "Ines walks to work"
    assert told.provenance == "inferred"
    assert len(told.upstream_ids) == 5
    say(engine, "n", "- U(declared)- @Ines walks_to_work: 'No, I cycle.'", role="user", day=9)
    engine.maintain()
    (told,) = engine.get([told.id])
    assert told.status == "retired"
    assert told.content == "Ines walks to work"


def test_the_prompt_block_is_stable_and_never_reads_as_a_tag(engine):
    see(engine, 5)
    engine.maintain()
    block = engine.prompt_block()
    say(engine, "later", "- U @Ines answers_at_night: wrote at 23:40")
    assert engine.prompt_block() == block
    assert engine.extract(Source(text=block)) == []


def test_the_prompt_block_keeps_to_its_budget(tmp_path):
    with open_engine(tmp_path, "dialectic", dialectic__prompt_chars=60) as engine:
        for tag in ("walks_to_work", "answers_at_night", "reads_the_manual"):
            see(engine, 5, tag=tag)
        engine.maintain()
        assert len(engine.prompt_block()) <= 60 + len("## Verified patterns\n")
        assert engine.prompt_block().count("\n") == 2


def test_forgetting_removes_evidence_patterns_and_what_was_concluded(engine):
    see(engine, 5)
    engine.maintain()
    ids = [record.id for record in engine.scan(Scope(kinds=("observation",)))]
    engine.forget(Scope(ids=tuple(ids[:1])))
    assert len(rows(engine, "u_observations")) == 4
    engine.forget(Scope(ids=tuple(ids)))
    assert all(rows(engine, table) == [] for table in TABLES)
    assert list(engine.scan(Scope(statuses=()))) == []
    engine.workspace.scrub()
    assert b"came on foot" not in engine.workspace.path.read_bytes()


def test_evidence_written_while_the_plugin_was_off_is_caught_up_with(tmp_path):
    with open_engine(tmp_path, "dialectic") as engine:
        drafts = [
            draft
            for number in range(2)
            for draft in engine.extract(Source(text=f"- U @Ines walks_to_work: day {number}", path=f"log-{number}.md"))
        ]
    with open_engine(tmp_path) as engine:
        engine.remember(drafts)
    with open_engine(tmp_path, "dialectic") as engine:
        assert rows(engine, "u_observations") == []
        engine.maintain()
        assert phase(engine) == "hypothesis"


def test_namespaces_and_people_have_patterns_of_their_own(engine):
    for namespace in ("home", "work"):
        turn = Turn(
            role="user",
            content="- U @ines walks_to_work: on foot\n- U @Ines walks_to_work: again\n- U @Bo walks_to_work: on foot",
        )
        engine.session_end(Session(id="s", turns=(turn,), namespace=namespace))
    assert [(row[1], row[2]) for row in rows(engine, "u_patterns")].count(("home", "Ines")) == 1
    assert len(rows(engine, "u_patterns")) == 4


def test_the_command_shows_the_schema_of_the_author_and_why(engine):
    see(engine, 2)
    say(engine, "n", "- U- @Ines walks_to_work: took the tram", day=5)
    engine.maintain()
    (shown,) = json.loads(run(patterns, engine, "--json").stdout)
    assert list(shown)[:7] == ["tag", "status", "source", "evidence", "contradictions", "verified_at", "last_updated"]
    assert (shown["tag"], shown["status"], shown["source"]) == ("walks_to_work", "hypothesis", "observed")
    assert [len(shown["evidence"]), len(shown["contradictions"])] == [2, 1]
    text = run(patterns, engine, "walks-to-work").stdout
    assert "why: 2 for and 1 against, by sessions; confidence 0.49; verification needs confidence 0.60" in text
    assert "against 2026-03-07 observed in n: took the tram" in text
    assert "hypothesis" in run(patterns, engine).stdout
    error = run(patterns, engine, "walks_to_wrok").exception
    assert isinstance(error, InvalidInputError)
    assert "walks_to_work" in error.cure


def test_the_command_tells_what_upkeep_will_do_and_how_it_came_about(engine):
    see(engine, 5)
    say(engine, "d", "- U(declared)- @Ines walks_to_work: 'No, I cycle.'", role="user", day=9)
    say(engine, "e", "- U @Ines walks_to_work: walks to work", day=10)
    see(engine, 9, start=20)
    text = run(patterns, engine, "walks_to_work").stdout
    assert "the evidence now says hypothesis; memcore maintain moves it" in text
    assert "said and done differ: denied, but done in 14 sessions and done against in 0" in text
    assert "[not counted: says nothing but the tag]" in text
    assert "2026-03-06 verified at 0.60 after 5 sessions" in text
    assert "2026-03-11 withdrawn at 0.40 after 5 sessions" in text
    assert "denied, but done" in run(patterns, engine).stdout


def test_the_command_has_something_to_say_of_nothing(engine):
    assert run(patterns, engine).stdout == "0 patterns\n"
    assert json.loads(run(patterns, engine, "--json").stdout) == []


# --- properties ---

DEFAULTS = DialecticSettings()

items = st.builds(
    lambda number, stance, source, session, day, excluded: Evidence(
        id=f"{number:03}", record_id=f"r{number}", subject="Ines", stance=stance, source=source, text=str(number),
        session=f"s{session}", at=START + timedelta(days=day), excluded=excluded,
    ),
    number=st.integers(0, 999), stance=st.sampled_from(["support", "contradict"]),
    source=st.sampled_from(["observed", "declared"]), session=st.integers(0, 7), day=st.integers(0, 5),
    excluded=st.sampled_from(["", "", "", "derived from memory"]),
)  # fmt: skip
histories = st.lists(items, min_size=1, max_size=14, unique_by=lambda item: item.id)


@given(histories, st.randoms(use_true_random=False))
def test_the_phase_does_not_depend_on_the_order_of_the_evidence(evidence, random):
    shuffled = list(evidence)
    random.shuffle(shuffled)
    assert assess(shuffled, DEFAULTS) == assess(evidence, DEFAULTS)


@given(histories)
def test_no_contradiction_is_dropped_and_the_steps_lead_to_the_phase(evidence):
    state = assess(evidence, DEFAULTS)
    assert {item.id for item in (*state.evidence, *state.contradictions)} == {item.id for item in evidence}
    rank = 0
    for step in state.steps:
        expected = {"formed": (0, 1), "verified": (1, 2), "withdrawn": (2, 1), "dropped": (1, 0)}[step.event]
        assert rank == expected[0]
        rank = expected[1]
    assert ("observation", "hypothesis", "verified")[rank] == state.status
    assert (state.verified_at is not None) == (state.status == "verified")


@given(histories)
def test_evidence_that_does_not_count_changes_no_phase(evidence):
    counted = [item for item in evidence if not item.excluded]
    if counted:
        left, right = assess(evidence, DEFAULTS), assess(counted, DEFAULTS)
        assert (left.status, left.confidence, left.steps, left.why) == (
            right.status,
            right.confidence,
            right.steps,
            right.why,
        )


@given(histories, st.integers(8, 20))
def test_one_more_session_for_a_pattern_never_lowers_it(evidence, session):
    more = Evidence(
        id="zzz", record_id="z", subject="Ines", stance="support", source="observed", text="again",
        session=f"s{session}", at=START + timedelta(days=9),
    )  # fmt: skip
    ladder = ("observation", "hypothesis", "verified")
    assert ladder.index(assess([*evidence, more], DEFAULTS).status) >= ladder.index(assess(evidence, DEFAULTS).status)


statements = st.lists(
    st.tuples(st.integers(0, 4), st.booleans(), st.booleans(), st.sampled_from(["a_b", "c_d"]), st.integers(0, 2)),
    min_size=1, max_size=8,
)  # fmt: skip


@settings(max_examples=15)
@given(statements, st.randoms(use_true_random=False))
def test_upkeep_is_idempotent_and_blind_to_order_and_repetition(said, random):
    def told(order, upkeep_between):
        with tempfile.TemporaryDirectory() as home, open_engine(Path(home), "dialectic", clock=Clock()) as engine:
            for session, against, declared, tag, number in order:
                head = f"U{'-' if against else ''}{'(declared)' if declared else ''}"
                say(engine, f"s{session}", f"- {head} @Ines {tag}: words {number}", day=session)
                if upkeep_between:
                    engine.maintain()
            engine.maintain()
            state = [rows(engine, table) for table in TABLES]
            records = sorted((r.content, r.status) for r in engine.scan(Scope()))
            assert engine.maintain()["dialectic"].counts["moved"] == 0
            assert [rows(engine, table) for table in TABLES] == state
            assert healthy(engine)
            without_records = [
                [row[:10] if name == "u_patterns" else row for row in found]
                for name, found in zip(TABLES, state, strict=True)
            ]
            return without_records, records

    shuffled = [*said, *said[:2]]
    random.shuffle(shuffled)
    assert told(said, upkeep_between=False) == told(shuffled, upkeep_between=True)
