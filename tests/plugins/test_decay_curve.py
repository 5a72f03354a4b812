from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memcore.errors import ConfigError
from memcore_plugins.decay import DecaySettings
from memcore_plugins.decay.curve import adapted, days_between, days_left, decayed, rules

DAY = timedelta(days=1)
START = datetime(2026, 3, 1, 9, tzinfo=UTC)
confidences = st.integers(0, 100).map(lambda hundredths: hundredths / 100)
rates = st.integers(1, 200).map(lambda thousandths: thousandths / 1000)
moments = st.integers(-100_000, 10_000_000).map(lambda seconds: START + timedelta(seconds=seconds))


def test_an_opinion_loses_the_published_rate_per_day():
    assert decayed(0.90, START, START + 10 * DAY, 0.02) == 0.70


def test_a_day_counts_when_it_is_over():
    assert decayed(0.90, START, START + DAY - timedelta(seconds=1), 0.02) == 0.90
    assert decayed(0.90, START, START + DAY, 0.02) == 0.88


def test_exactly_the_floor_is_not_below_it():
    assert decayed(0.70, START, START + 20 * DAY, 0.02) == 0.30
    assert days_left(0.70, 0.30, 0.02) == 21


def test_a_clock_behind_the_confirmation_takes_nothing():
    assert decayed(0.90, START, START - 400 * DAY, 0.02) == 0.90
    assert days_between(START, START - DAY) == 0


def test_zones_do_not_move_the_day():
    seoul = datetime.fromisoformat("2026-03-01T18:00:00+09:00")
    assert days_between(seoul, START) == 0
    assert days_between(seoul, START + DAY) == 1


@given(confidences, moments, st.lists(moments, min_size=2), rates)
def test_confidence_only_falls_as_time_passes(confidence, confirmed, times, rate):
    left = [decayed(confidence, confirmed, now, rate) for now in sorted(times)]
    assert left == sorted(left, reverse=True)
    assert all(0.0 <= value <= confidence for value in left)


@given(confidences, moments, moments, rates)
def test_a_later_confirmation_never_leaves_less(confidence, confirmed, now, rate):
    assert decayed(confidence, confirmed + DAY, now, rate) >= decayed(confidence, confirmed, now, rate)


@given(confidences, confidences, rates)
@settings(max_examples=200)
def test_days_left_is_the_first_day_below_the_floor(confidence, floor, rate):
    days = days_left(confidence, floor, rate)
    if days is None:
        assert floor == 0
        return
    assert decayed(confidence, START, START + days * DAY, rate) < floor
    if days:
        assert decayed(confidence, START, START + (days - 1) * DAY, rate) >= floor


def test_what_does_not_fade_never_leaves():
    assert days_left(0.9, 0.3, 0.0) is None
    assert days_left(0.9, 0.0, 0.02) is None
    assert days_left(0.2, 0.3, 0.0) == 0


def test_each_kind_may_have_its_own_numbers():
    found = rules(DecaySettings(kinds=("opinion", "observation:0.01:0.2")))
    assert (found["opinion"].rate, found["opinion"].floor) == (0.02, 0.30)
    assert (found["observation"].rate, found["observation"].floor) == (0.01, 0.2)


@pytest.mark.parametrize("entry", ["opinion:0.02", "opinion:a:b", ":0.02:0.3", "opinion:0.02:0.3:1"])
def test_an_unreadable_kind_is_explained(entry):
    with pytest.raises(ConfigError, match=r"opinion:0\.02:0\.30"):
        rules(DecaySettings(kinds=(entry,)))


@pytest.mark.parametrize("settings", [{"rate": -0.1}, {"rate": 1.5}, {"floor": 2.0}])
def test_a_rate_or_floor_out_of_range_is_refused(settings):
    with pytest.raises(ConfigError, match="between 0 and 1"):
        rules(DecaySettings(**settings))


def test_adapting_is_off_by_default():
    assert rules(DecaySettings(), size=100_000)["opinion"].rate == 0.02


def test_an_adapted_rate_follows_the_size_within_bounds():
    assert adapted(0.02, 295, 295) == 0.02
    assert adapted(0.02, 295 * 4, 295) == 0.04
    assert adapted(0.02, 10_000_000, 295) == 0.04
    assert adapted(0.02, 1, 295) == 0.01
    assert adapted(0.02, 0, 295) == 0.02
    assert rules(DecaySettings(adapt=True), size=295 * 4)["opinion"].rate == 0.04


@given(st.integers(1, 10**7), st.integers(1, 10**7))
def test_a_larger_memory_never_fades_slower(one, other):
    small, large = sorted((one, other))
    assert adapted(0.02, small, 295) <= adapted(0.02, large, 295)
