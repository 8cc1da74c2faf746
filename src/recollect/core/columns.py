"""Arrays of equal length that grow together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Columns:
    """Named arrays of one row per thing; `columns[name]` is a view of the rows there are."""

    def __init__(self, **kinds: tuple[DTypeLike, tuple[int, ...]]) -> None:
        """Take each column's type and the shape of one of its rows, () for a number."""
        self._room: dict[str, NDArray[Any]] = {
            name: np.zeros((0, *shape), kind) for name, (kind, shape) in kinds.items()
        }
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._room[name][: self._used]

    @property
    def size(self) -> int:
        """Bytes held."""
        return sum(int(room.nbytes) for room in self._room.values())

    def extend(self, **values: Any) -> int:
        """Append rows, every column's values given and of one length; return the number of the first new row."""
        start = self._used
        self._used += max(len(column) for column in values.values())
        for name, room in self._room.items():
            if self._used > len(room):
                wider = np.zeros((max(self._used, len(room) * 5 // 4), *room.shape[1:]), room.dtype)
                wider[:start] = room[:start]
                self._room[name] = wider
            self._room[name][start : self._used] = values[name]
        return start
