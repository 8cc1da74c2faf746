from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recollect.core.mmr import candidates, choose

Rows = NDArray[np.float32]


def cosine(left: Rows, right: Rows) -> float:
    return float(left @ right / (np.linalg.norm(left) * np.linalg.norm(right)))


def gain(query: Rows, rows: Rows, chosen: list[int], place: int, balance: float) -> float:
    """Return what a row is worth next, by the definition alone."""
    nearest = max(cosine(rows[place], rows[other]) for other in chosen) if chosen else 0.0
    return (balance if chosen else 1.0) * cosine(query, rows[place]) - (1 - balance if chosen else 0.0) * nearest


@given(st.integers(0, 2**32), st.integers(1, 25), st.integers(2, 8), st.floats(0, 1), st.integers(1, 30), st.booleans())
def test_each_choice_is_the_best_left(
    seed: int,
    count: int,
    width: int,
    balance: float,
    limit: int,
    doubled: bool,  # noqa: FBT001 -- hypothesis gives it
) -> None:
    """Every row chosen is worth the most of those left, by brute force; each is chosen once, whatever its length."""
    draw = np.random.default_rng(seed)
    rows = draw.standard_normal((count, width)).astype(np.float32) * draw.uniform(0.1, 9, (count, 1)).astype(np.float32)
    if doubled:
        rows = np.concatenate([rows, rows])
    query = draw.standard_normal(width).astype(np.float32)
    chosen = choose(query, list(rows), balance=balance, limit=limit)
    assert len(chosen) == len(set(chosen)) == min(limit, len(rows))
    for turn, place in enumerate(chosen):
        before = chosen[:turn]
        best = max(gain(query, rows, before, other, balance) for other in range(len(rows)) if other not in before)
        assert abs(gain(query, rows, before, place, balance) - best) < 1e-4


def test_diversity() -> None:
    """Of two equal rows the second waits until something else was chosen."""
    query = np.array([1, 0], np.float32)
    rows = [np.array(row, np.float32) for row in ([1, 0.1], [1, 0.1], [0.6, -0.8])]
    assert choose(query, rows, balance=0.5, limit=3) == [0, 2, 1]
    assert choose(query, rows, balance=1.0, limit=2) == [0, 1]


def test_nothing() -> None:
    """Nothing to choose from, or nothing wanted, chooses nothing."""
    assert choose(np.ones(2, np.float32), [], balance=0.5, limit=5) == []
    assert choose(np.ones(2, np.float32), [np.ones(2, np.float32)], balance=0.5, limit=0) == []


def test_enough_candidates() -> None:
    """There is always more to choose from than is wanted."""
    assert [candidates(limit) for limit in (1, 5, 6, 100)] == [10, 10, 12, 200]
