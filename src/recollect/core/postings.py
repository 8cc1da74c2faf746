"""Which rows hold which stem, and how often: a forward index that grows, and an inverted one made from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recollect.core.columns import Columns

TAIL = 20_000
"""Stems that may stand behind the inverted index, or a 32nd of all: scanning them takes some hundredths of a ms."""


class Postings:
    """Stems by row and rows by stem. Rows are numbered from 0 as they come.

    The inverted index covers the rows up to some point; those behind it, few, are scanned. It is made anew when they
    have become too many, so that appending costs little and reading stays quick.
    """

    def __init__(self) -> None:
        self.vocabulary: dict[str, int] = {}
        self._forward = Columns(id=(np.int32, ()))  # the stems of all rows, one row after the other
        self._extents = Columns(start=(np.int64, ()), length=(np.int32, ()))
        self._indexed = 0  # stems that the inverted index covers
        self._offsets = np.zeros(1, np.int64)
        self._rows = np.empty(0, np.int32)
        self._counts = np.empty(0, np.uint16)

    @property
    def lengths(self) -> NDArray[np.int32]:
        """Number of stems of each row."""
        return self._extents["length"]

    @property
    def size(self) -> int:
        """Bytes held, roughly."""
        inverted = int(self._rows.nbytes + self._counts.nbytes + self._offsets.nbytes)
        return self._forward.size + self._extents.size + inverted + 120 * len(self.vocabulary)

    def append(self, rows: Sequence[Sequence[str]]) -> None:
        """Add the stems of the next rows."""
        known = self.vocabulary
        lengths = np.array([len(row) for row in rows], np.int64)
        self._extents.extend(start=len(self._forward) + np.cumsum(lengths) - lengths, length=lengths)
        self._forward.extend(id=[known.setdefault(stem, len(known)) for row in rows for stem in row])
        if len(self._forward) - self._indexed > max(TAIL, len(self._forward) // 32):
            self._invert()

    def of(self, stem: str) -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
        """Return the rows that hold the stem, ascending, and how often each does (65,535 at the most)."""
        number = self.vocabulary.get(stem, -1)
        places = np.flatnonzero(self._forward["id"][self._indexed :] == number) + self._indexed
        behind, often = _tally(np.searchsorted(self._extents["start"], places, "right") - 1)
        if not 0 <= number < len(self._offsets) - 1:
            return behind.astype(np.int32), often
        part = slice(self._offsets[number], self._offsets[number + 1])
        if not len(behind):
            return self._rows[part], self._counts[part]
        return np.concatenate([self._rows[part], behind.astype(np.int32)]), np.concatenate([self._counts[part], often])

    def pairs(self, rows: NDArray[np.int64], wanted: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Return for each row the share of the wanted pairs of stems that stand next to each other in it."""
        held = np.zeros(len(rows))
        lengths = self.lengths[rows].astype(np.int64)
        owner = np.repeat(np.arange(len(rows)), lengths)
        firsts = self._extents["start"][rows] - (np.cumsum(lengths) - lengths)
        ids = self._forward["id"][np.arange(len(owner)) + np.repeat(firsts, lengths)]
        for pair in wanted:
            first, second = (self.vocabulary.get(stem, -1) for stem in pair)
            place = np.flatnonzero(ids[1:] == second)
            place = place[(ids[place] == first) & (owner[place] == owner[place + 1])]
            held[np.unique(owner[place])] += 1 / len(wanted)
        return held

    def _invert(self) -> None:
        count = len(self.lengths)
        owner = np.repeat(np.arange(count, dtype=np.int64), self.lengths)
        codes, self._counts = _tally(np.sort(self._forward["id"].astype(np.int64) * count + owner))
        numbers, rows = np.divmod(codes, count)
        self._rows = rows.astype(np.int32)
        self._offsets = np.searchsorted(numbers, np.arange(len(self.vocabulary) + 1)).astype(np.int64)
        self._indexed = len(self._forward)


def _tally(ordered: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.uint16]]:
    """Return the distinct values of an ordered array and how often each occurs."""
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if len(ordered) else np.empty(0, np.int64)
    often = np.diff(np.append(starts, len(ordered)))
    return ordered[starts], np.minimum(often, 65_535).astype(np.uint16)
