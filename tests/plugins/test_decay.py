from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memcore import Draft, Engine, Query, Scope
from memcore.records import WriteEvent
from program import memcore

DAY = timedelta(days=1)
START = datetime(2026, 3, 1, 9, tzinfo=UTC)
TEXT = "Tea is better than coffee for night shifts"


class Clock:
    def __init__(self, now=START):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def opened(home, clock, **more):
    return Engine.open(home=home, environ={}, settings={"plugins": "sqlite,decay", **more}, clock=clock)


@pytest.fixture
def engine(tmp_path, clock):
    with opened(tmp_path, clock) as engine:
        yield engine


def opinion(text=TEXT, confidence=0.9, **more):
    return Draft(content=text, kind="opinion", confidence=confidence, **more)


def statuses(engine):
    return {record.content: record.status for record in engine.scan(Scope(statuses=()))}


def archived(engine, *, now=None, dry_run=False):
    if now:
        engine.now.now = now
    return engine.maintain(only="decay", dry_run=dry_run)["decay"].counts["archived"]


def test_an_opinion_leaves_curated_memory_below_the_floor(engine):
    engine.remember(opinion())
    assert archived(engine, now=START + 30 * DAY) == 0
    assert statuses(engine) == {TEXT: "active"}
    assert archived(engine, now=START + 31 * DAY) == 1
    assert statuses(engine) == {TEXT: "retired"}


def test_of_two_dates_in_one_batch_the_later_one_counts(tmp_path, clock):
    """A page of today and a log of long ago say the same: the log does not make the page's word older."""
    with opened(tmp_path, clock, plugins="sqlite,decay,ingest") as engine:
        today, old = START - DAY, START - 200 * DAY
        states = [o.state for o in engine.remember([opinion(occurred_at=today), opinion(f"{TEXT}.", occurred_at=old)])]
        assert states == ["new", "merged"]
        assert archived(engine, now=START + 28 * DAY) == 0
        assert archived(engine, now=START + 31 * DAY) == 1


def test_what_left_keeps_its_text_and_says_why(engine):
    record = engine.remember(opinion(source="bank/opinions.md#L3"))[0].record
    archived(engine, now=START + 40 * DAY)
    (gone,) = engine.get([record.id])
    assert (gone.content, gone.confidence, gone.source) == (TEXT, 0.9, "bank/opinions.md#L3")
    assert gone.metadata["retired_reason"] == "decayed below 0.30"


def test_what_is_confirmed_again_comes_back_and_stays(engine):
    engine.remember(opinion())
    archived(engine, now=START + 40 * DAY)
    (outcome,) = engine.remember(opinion())
    assert outcome.state == "revived"
    assert archived(engine) == 0
    assert archived(engine, now=START + 70 * DAY) == 0
    assert archived(engine, now=START + 71 * DAY) == 1


def test_saying_it_again_in_time_starts_the_days_anew(engine):
    engine.remember(opinion())
    engine.now.now = START + 20 * DAY
    engine.remember(opinion())
    assert archived(engine, now=START + 50 * DAY) == 0
    assert archived(engine, now=START + 51 * DAY) == 1


def test_the_day_it_was_said_counts_not_the_day_it_was_read(engine):
    engine.remember(opinion(occurred_at=START - 40 * DAY))
    assert archived(engine) == 1


def test_reading_the_same_old_file_again_confirms_nothing(engine):
    old = opinion(occurred_at=START - 20 * DAY)
    engine.remember(old)
    engine.now.now = START + 5 * DAY
    engine.remember(old)
    assert archived(engine, now=START + 10 * DAY) == 0
    assert archived(engine, now=START + 11 * DAY) == 1


def test_a_date_in_the_future_counts_as_now(engine):
    engine.remember(opinion(occurred_at=START + 400 * DAY))
    assert archived(engine, now=START + 31 * DAY) == 1


def test_running_twice_late_or_with_the_clock_set_back_changes_nothing_extra(engine):
    engine.remember([opinion(), opinion("Maps should face north", 0.5)])
    assert archived(engine, now=START + 11 * DAY) == 1
    before = {record.id: record for record in engine.scan(Scope(statuses=()))}
    for days in (11, 11, 3, 0, -400):
        assert archived(engine, now=START + days * DAY) == 0
        assert {record.id: record for record in engine.scan(Scope(statuses=()))} == before


def test_only_the_kinds_that_fade_do(engine):
    engine.remember([Draft(content="Water boils at 100 degrees", kind="world", confidence=0.31), opinion()])
    archived(engine, now=START + 400 * DAY)
    assert statuses(engine) == {"Water boils at 100 degrees": "active", TEXT: "retired"}


def test_a_confidence_that_was_never_stated_starts_in_the_middle(engine):
    engine.remember(opinion(confidence=None))
    assert archived(engine, now=START + 10 * DAY) == 0
    assert archived(engine, now=START + 11 * DAY) == 1


def test_rate_and_floor_are_settings_per_kind(tmp_path, clock):
    with opened(tmp_path, clock, **{"decay.kinds": "opinion,observation:0.1:0.5", "decay.rate": 0.01}) as engine:
        engine.remember([opinion(), Draft(content="The lamp flickers", kind="observation", confidence=0.9)])
        assert archived(engine, now=START + 5 * DAY) == 1
        assert statuses(engine) == {TEXT: "active", "The lamp flickers": "retired"}
        assert archived(engine, now=START + 60 * DAY) == 0
        assert archived(engine, now=START + 61 * DAY) == 1


def test_adapting_slows_the_fading_of_a_small_memory(tmp_path, clock):
    with opened(tmp_path, clock, **{"decay.adapt": True}) as engine:
        engine.remember(opinion())
        assert archived(engine, now=START + 60 * DAY, dry_run=True) == 0
        assert archived(engine, now=START + 60 * DAY) == 0
        assert archived(engine, now=START + 61 * DAY) == 1


def test_a_dry_run_says_the_same_and_changes_nothing(engine):
    engine.remember(opinion())
    assert archived(engine, now=START + 31 * DAY, dry_run=True) == 1
    assert statuses(engine) == {TEXT: "active"}
    assert archived(engine) == 1


def test_a_forgotten_opinion_leaves_no_confirmation(engine):
    record = engine.remember(opinion())[0].record
    assert engine.forget(Scope(ids=(record.id,)))["decay"] == 1
    assert engine.stats()["decay"]["confirmations"] == 0


# --- recall ---


def found(engine, scope=None, text="tea coffee"):
    return engine.search(Query(text=text, scope=scope or Scope(), now=engine.now()))


def test_a_faded_opinion_counts_for_less_and_says_so(engine):
    engine.remember(opinion())
    fresh = found(engine)[0]
    engine.now.now = START + 20 * DAY
    faded = found(engine)[0]
    assert faded.score == pytest.approx(fresh.score * 0.5 / 0.9)
    assert "confidence 0.90, now 0.50 after 20 days without confirmation" in faded.notes
    assert not fresh.notes


def test_recall_does_not_wait_for_upkeep(engine):
    engine.remember([opinion(), Draft(content="The tea kettle is red", kind="world")])
    engine.now.now = START + 31 * DAY
    assert [hit.record.kind for hit in found(engine)] == ["world"]


def test_who_asks_for_what_left_gets_it(engine):
    engine.remember(opinion())
    archived(engine, now=START + 31 * DAY)
    assert found(engine) == []
    assert [hit.record.content for hit in found(engine, Scope(statuses=("retired",)))] == [TEXT]


# --- check, figures, command ---


def test_what_is_near_its_end_is_reported(engine):
    engine.remember(opinion())
    engine.now.now = START + 25 * DAY
    ((_, finding),) = engine.check("decay")
    assert (finding.code, finding.severity) == ("decay.near", "info")
    assert "archived in 6 days" in finding.message


def test_upkeep_that_does_not_run_is_reported(engine):
    engine.remember(opinion())
    engine.now.now = START + 31 * DAY
    ((_, finding),) = engine.check("decay")
    assert (finding.code, finding.severity) == ("decay.overdue", "warning")


def test_the_forecast_counts_what_leaves_when(engine):
    engine.remember([opinion("a", 0.9), opinion("b", 0.4), opinion("c", 0.32)])
    figures = engine.stats()["decay"]
    assert figures["forecast"] == {"7 days": 2, "30 days": 2, "90 days": 3}
    assert figures["records"] == {"keep": 1, "near": 2, "archive": 0}
    assert figures["rules"] == {"opinion": {"rate": 0.02, "floor": 0.3}}


def test_the_command_prints_old_new_days_and_fate(tmp_path):
    now = datetime.now(UTC)
    with Engine.open(home=tmp_path, environ={}, settings={"plugins": "sqlite,decay"}) as engine:
        engine.remember([opinion(occurred_at=now - 31 * DAY), opinion("Maps face north", occurred_at=now - 10 * DAY)])
    only = {"MEMCORE_PLUGINS": "sqlite,decay"}
    dry = memcore(tmp_path, "decay", "--dry-run", env=only)
    assert dry.out.splitlines()[0].split() == ["OLD", "NEW", "DAYS", "FATE", "NAMESPACE", "TEXT"]
    assert dry.out.splitlines()[1].split()[:4] == ["0.90", "0.28", "31", "archive"]
    assert dry.out.splitlines()[2].split()[:4] == ["0.90", "0.70", "10", "keep"]
    assert "would be: 1 archived" in dry.out
    done = memcore(tmp_path, "decay", "--json", env=only).json
    assert (done["archived"], done["kept"]) == (1, 1)
    assert [each["fate"] for each in done["records"]] == ["archive", "keep"]
    assert memcore(tmp_path, "decay", "--json", env=only).json["archived"] == 0


def test_with_nothing_that_fades_it_says_so(tmp_path):
    done = memcore(tmp_path, "decay", env={"MEMCORE_PLUGINS": "sqlite,decay"})
    assert (done.code, done.out) == (0, "0 archived, 0 near the floor, 0 kept\n")


def test_a_wrong_setting_is_bad_usage(tmp_path):
    env = {"MEMCORE_PLUGINS": "sqlite,decay", "MEMCORE_DECAY__KINDS": "opinion:x:y"}
    done = memcore(tmp_path, "decay", env=env)
    assert done.code == 2
    assert "cannot read 'opinion:x:y'" in done.err


# --- any history ---

steps = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(0, 2), st.integers(-60, 0)),
        st.tuples(st.just("maintain"), st.integers(1, 3), st.integers(0, 40)),
        st.tuples(st.just("back"), st.just(0), st.integers(-40, 0)),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(history=steps)
def test_no_history_loses_an_opinion_and_the_number_of_runs_does_not_matter(tmp_path_factory, history):
    """Play a history on two memories; one runs upkeep once where the other runs it up to three times."""
    clock = Clock()
    homes = [tmp_path_factory.mktemp("once"), tmp_path_factory.mktemp("often")]
    said = set()
    with opened(homes[0], clock) as once, opened(homes[1], clock) as often:
        for word, number, days in history:
            if word == "say":
                said.add(f"opinion {number}")
                for engine in (once, often):
                    engine.remember(opinion(f"opinion {number}", occurred_at=clock.now + days * DAY))
            else:
                clock.now += days * DAY
                once.maintain(only="decay")
                for _ in range(number if word == "maintain" else 2):
                    often.maintain(only="decay")
            assert statuses(once) == statuses(often)
            assert set(statuses(once)) == said


def test_a_delivery_that_comes_late_counts_from_the_day_of_the_record(engine, clock):
    record = engine.remember(opinion())[0].record
    with engine.workspace.transaction() as connection:
        connection.execute("DELETE FROM confirmations")
    clock.now = START + 20 * DAY
    plugin = engine.catalog.plugins["decay"]
    event = WriteEvent(written=(record,), confirmed=(), at=clock.now)
    engine.catalog.caller(plugin, "memcore_written")(engine=engine, event=event)
    assert archived(engine, now=START + 31 * DAY) == 1


def test_what_came_back_counts_from_the_day_it_was_said(engine, clock):
    """A file that is read again says on which day; only the draft knows it."""
    record = engine.remember(opinion())[0].record
    clock.now = START + 40 * DAY
    plugin = engine.catalog.plugins["decay"]
    draft = opinion(occurred_at=START + 5 * DAY)
    event = WriteEvent(written=(record,), confirmed=((draft, record),), at=clock.now)
    engine.catalog.caller(plugin, "memcore_written")(engine=engine, event=event)
    assert archived(engine, now=START + 35 * DAY) == 0
    assert archived(engine, now=START + 36 * DAY) == 1


def test_many_opinions_fade_together(engine):
    engine.remember([opinion(f"opinion number {number}") for number in range(1203)])
    assert archived(engine, now=START + 31 * DAY) == 1203
