"""Vectors as bytes and bits: the order of cosines survives, and what has no direction is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memcore_plugins.vectors.quantise import bits, eight_bit

numbers = st.floats(min_value=-1, max_value=1, allow_nan=False, width=32)
vectors = st.lists(numbers, min_size=8, max_size=96).filter(lambda v: max(map(abs, v)) > 1e-3)


def signed(stored: bytes) -> list[int]:
    return [value - 256 if value > 127 else value for value in stored]


def cosine(one, other):
    dot = math.fsum(a * b for a, b in zip(one, other, strict=True))
    return dot / math.sqrt(math.fsum(a * a for a in one) * math.fsum(b * b for b in other))


@given(st.integers(8, 96).flatmap(lambda n: st.tuples(*[st.lists(numbers, min_size=n, max_size=n)] * 2)))
def test_the_cosine_of_two_stored_vectors_is_off_by_no_more_than_rounding_allows(pair):
    if min(max(map(abs, vector)) for vector in pair) <= 1e-3:
        return
    stored = [signed(eight_bit(vector)) for vector in pair]
    # rounding turns a vector by at most asin(sqrt(n) / 2 / its length): the longest step is half a unit in each dimension
    bound = sum(
        math.asin(min(1.0, math.sqrt(len(s)) / 2 / (127 * length(v) / max(map(abs, v))))) for s, v in zip(stored, pair)
    )
    assert abs(cosine(*stored) - cosine(*pair)) <= bound + 1e-9


def length(vector):
    return math.sqrt(math.fsum(value * value for value in vector))


@given(vectors)
def test_every_number_is_kept_to_half_a_step(vector):
    largest = max(map(abs, vector))
    for value, stored in zip(vector, signed(eight_bit(vector)), strict=True):
        assert abs(value / largest * 127 - stored) <= 0.5 + 1e-6


@given(vectors, st.floats(0.001, 1000))
def test_the_length_of_a_vector_does_not_matter(vector, factor):
    one, other = signed(eight_bit(vector)), signed(eight_bit([value * factor for value in vector]))
    assert all(abs(a - b) <= 1 for a, b in zip(one, other, strict=True))


@given(vectors)
def test_bits_are_the_signs_of_the_bytes_padded_to_whole_bytes(vector):
    stored = eight_bit(vector)
    text = "".join(f"{byte:08b}" for byte in bits(stored))
    assert len(text) == len(vector) + -len(vector) % 8
    assert [digit == "1" for digit in text[: len(vector)]] == [value > 0 for value in signed(stored)]


@pytest.mark.parametrize(
    "vector", [[], [0.0, 0.0], [math.nan, 1.0], [1.0, math.nan], [math.inf, 1.0], [1.0, -math.inf], [5e-324] * 8]
)
def test_a_vector_without_direction_is_refused(vector):
    with pytest.raises(ValueError, match="a vector needs"):
        eight_bit(vector)
