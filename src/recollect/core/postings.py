"""Which rows hold which stem, and how often: a forward index that grows, and an inverted one made from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

TAIL = 20_000
"""Stems that may stand behind the inverted index, or a 32nd of all: scanning them takes some hundredths of a ms."""


class Postings:
    """Stems by row and rows by stem. Rows are numbered from 0 as they come.

    The inverted index covers the rows up to some point; those behind it, few, are scanned. It is made anew when they
    have become too many, so that appending costs little and reading stays quick.
    """

    def __init__(self) -> None:
        self.vocabulary: dict[str, int] = {}
        self.lengths: NDArray[np.int32] = np.empty(0, np.int32)  # stems of each row
        self._ids: NDArray[np.int32] = np.empty(0, np.int32)  # of the stems of all rows, one row after the other
        self._starts: NDArray[np.int64] = np.empty(0, np.int64)
        self._room = {name: getattr(self, name) for name in ("lengths", "_ids", "_starts")}
        self._indexed = 0  # stems that the inverted index covers
        self._offsets = np.zeros(1, np.int64)
        self._rows = np.empty(0, np.int32)
        self._counts = np.empty(0, np.uint16)

    @property
    def size(self) -> int:
        """Bytes held, roughly."""
        arrays = (*self._room.values(), self._offsets, self._rows, self._counts)
        return sum(int(array.nbytes) for array in arrays) + 120 * len(self.vocabulary)

    def append(self, rows: Sequence[Sequence[str]]) -> None:
        """Add the stems of the next rows."""
        known = self.vocabulary
        ids = np.array([known.setdefault(stem, len(known)) for row in rows for stem in row], np.int32)
        lengths = np.array([len(row) for row in rows], np.int32)
        self._extend("_starts", len(self._ids) + np.cumsum(lengths) - lengths)
        self._extend("_ids", ids)
        self._extend("lengths", lengths)
        if len(self._ids) - self._indexed > max(TAIL, len(self._ids) // 32):
            self._invert()

    def _extend(self, name: str, values: NDArray[np.integer[Any]]) -> None:
        used = len(getattr(self, name))
        if used + len(values) > len(self._room[name]):
            room = np.empty(max(used + len(values), len(self._room[name]) * 3 // 2), self._room[name].dtype)
            room[:used] = self._room[name][:used]
            self._room[name] = room
        self._room[name][used : used + len(values)] = values
        setattr(self, name, self._room[name][: used + len(values)])

    def of(self, stem: str) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the rows that hold the stem, ascending, and how often each does."""
        number = self.vocabulary.get(stem)
        if number is None:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        places = np.flatnonzero(self._ids[self._indexed :] == number) + self._indexed
        behind, often = np.unique(np.searchsorted(self._starts, places, "right") - 1, return_counts=True)
        if number + 1 >= len(self._offsets):
            return behind.astype(np.int32), often.astype(np.float32)
        part = slice(self._offsets[number], self._offsets[number + 1])
        rows = np.concatenate([self._rows[part], behind.astype(np.int32)])
        return rows, np.concatenate([self._counts[part].astype(np.float32), often.astype(np.float32)])

    def pairs(self, rows: NDArray[np.int64], wanted: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Return for each row the share of the wanted pairs of stems that stand next to each other in it."""
        held = np.zeros(len(rows))
        lengths = self.lengths[rows].astype(np.int64)
        owner = np.repeat(np.arange(len(rows)), lengths)
        ends = np.cumsum(lengths)
        ids = self._ids[np.arange(lengths.sum()) + np.repeat(self._starts[rows] - (ends - lengths), lengths)]
        same = owner[1:] == owner[:-1]
        for pair in wanted:
            first, second = (self.vocabulary.get(stem, -1) for stem in pair)
            hits = owner[1:][same & (ids[:-1] == first) & (ids[1:] == second)]
            held[np.unique(hits)] += 1 / len(wanted)
        return held

    def _invert(self) -> None:
        owner = np.repeat(np.arange(len(self.lengths), dtype=np.int64), self.lengths)
        codes = np.sort(self._ids.astype(np.int64) * len(self.lengths) + owner)
        unique, often = np.unique(codes, return_counts=True)
        numbers, rows = np.divmod(unique, len(self.lengths))
        self._rows = rows.astype(np.int32)
        self._counts = np.minimum(often, 65_535).astype(np.uint16)
        self._offsets = np.searchsorted(numbers, np.arange(len(self.vocabulary) + 1)).astype(np.int64)
        self._indexed = len(self._ids)
