from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recollect.core.key_messages import centrality, choose

LENGTHS = st.lists(st.integers(0, 3000), max_size=40)


def unit(*rows: tuple[float, ...]) -> NDArray[np.float32]:
    matrix = np.array(rows, dtype=np.float32)
    return matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)


@given(LENGTHS, st.integers(0, 50), st.integers(0, 2**32 - 1))
def test_what_is_chosen(lengths: list[int], number: int, seed: int) -> None:
    """Of any turns, some of them without vectors, so many with content are chosen, once each and in their order."""
    draw = np.random.default_rng(seed)
    vectors = unit(*draw.normal(size=(len(lengths), 4)).tolist()) if lengths else np.zeros((0, 4), np.float32)
    vectors[draw.random(len(lengths)) < 0.3] = 0
    chosen = choose(lengths, vectors, number)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(number, sum(length > 0 for length in lengths))
    assert all(lengths[place] > 0 for place in chosen)
    assert choose(lengths, vectors, number) == chosen


def test_without_vectors_length_decides() -> None:
    """Without vectors the longest are chosen; of equally long ones the newest."""
    assert choose([5, 40, 7, 30, 30], np.zeros((5, 1), np.float32), 2) == [1, 4]


def test_what_others_are_about() -> None:
    """Of turns of one length those that others resemble are chosen."""
    vectors = unit((1, 0.1, 0), (1, 0, 0.1), (0, 0, 1), (1, 0.05, 0.05), (0, -1, 0))
    assert choose([50] * 5, vectors, 3) == [0, 1, 3]


def test_length_outweighs_centrality() -> None:
    """A short turn that others resemble gives way to a long one about something else."""
    vectors = unit((1, 0), (1, 0.1), (0.1, 1))
    assert choose([8, 9, 200], vectors, 1) == [2]


def test_a_pasted_page() -> None:
    """Beyond a thousand characters length counts no more."""
    vectors = unit((1, 0), (1, 0.02), (0.3, 1))
    assert choose([1000, 1000, 500_000], vectors, 2) == [0, 1]


def test_centrality_is_that_of_the_paper() -> None:
    """The centralities are the stationary distribution of the walk that the paper describes."""
    vectors = unit((1, 0), (1, 1), (0, 1))
    alike = vectors.astype(np.float64) @ vectors.T
    walk = 0.15 / 3 + 0.85 * alike / alike.sum(axis=1, keepdims=True)
    values, left = np.linalg.eig(walk.T)
    stationary = np.real(left[:, np.argmax(np.real(values))])
    assert centrality(vectors) == pytest.approx(stationary / stationary.sum() * 3, abs=1e-4)
