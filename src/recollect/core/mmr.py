"""Maximal marginal relevance: results that are near the query and far from each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def candidates(limit: int) -> int:
    """Return how many of the most similar rows to choose from."""
    return max(2 * limit, 10)


def choose(query: NDArray[np.float32], rows: Sequence[NDArray[np.float32]], *, balance: float, limit: int) -> list[int]:
    """Return the places of the chosen rows, in the order they were chosen.

    `query` and each row have shape (width,), and any length but zero. The first choice is the most similar
    row; each next one maximises balance * cos(query, row) - (1 - balance) * max(cos(row, chosen)).
    Source: Carbonell and Goldstein, The use of MMR, SIGIR 1998.
    """
    if not rows:
        return []
    matrix = np.stack(rows)
    unit = matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)
    relevance = np.vecdot(unit, query / max(float(np.linalg.norm(query)), 1e-12))
    chosen: list[int] = []
    nearest = np.full(len(rows), -np.inf, dtype=np.float32)
    while len(chosen) < min(limit, len(rows)):
        gain = relevance if not chosen else balance * relevance - (1 - balance) * nearest
        best = int(np.argmax(np.where(np.isin(np.arange(len(rows)), chosen), -np.inf, gain)))
        chosen.append(best)
        nearest = np.maximum(nearest, np.vecdot(unit, unit[best]))
    return chosen
