"""The messages of one user as arrays, kept in the process so that a search reads no row."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from recollect.core import text
from recollect.core.columns import Columns
from recollect.core.postings import Postings

USER_ROLES = frozenset({"user", "human"})
MODEL_ROLES = frozenset({"assistant", "ai", "system", "tool", "function", "agent", "bot", "model"})
GENERIC_ROLES = USER_ROLES | MODEL_ROLES | {"norole", ""}
"""Roles that say what somebody does, not who they are."""

NONE = -1
_BITS = 64


class Entry(msgspec.Struct, frozen=True):
    """What search needs of one message. `name` (metadata.name) outranks the role in saying who speaks."""

    session: Hashable
    seq: int
    role: str
    content: str
    created: float
    """Seconds since 1970, UTC."""
    name: str = ""


class Corpus:
    """Messages of one user, or of one session without a user, as arrays that grow and shrink with them.

    Entries of a session come in the order of their `seq`; sessions may be interleaved. A removed row stays, dead, until
    `crowded` says that a new corpus is due. Rows without a vector are found by their words. Vectors are of unit length;
    the signs of their numbers are kept beside them for a first, rough look at many. Not safe to change in one thread
    while another ranks.
    """

    def __init__(self, width: int, *, user: Sequence[str] = (), language: str = "english") -> None:
        """Take the vectors' width and the user's names; ValueError if there is no stemmer for the language."""
        text.stemmer(language)
        self.language = language
        self.user = frozenset(name.lower() for name in user if name.strip())
        self.postings = Postings()
        self.speakers: dict[str, int] = {}
        """Number of each participant by lower-case name, "" for the user."""
        self.spoken = Columns(size=(np.int64, ()))
        """Of each participant: their living messages."""
        self.alive = 0
        self.width = width
        self.signs = [f"signs{i}" for i in range(-(-width // _BITS))]
        self.rows = Columns(
            seq=(np.int64, ()),
            session=(np.int32, ()),
            speaker=(np.int32, ()),
            previous=(np.int32, ()),  # row of the message before it in its session, or NONE
            next=(np.int32, ()),
            created=(np.float64, ()),  # seconds since 1970, UTC
            words=(np.int32, ()),
            by_person=(np.bool_, ()),
            question=(np.bool_, ()),
            timed=(np.bool_, ()),
            alive=(np.bool_, ()),
            embedded=(np.bool_, ()),
            vector=(np.float32, (width,)),
            **dict.fromkeys(self.signs, (np.uint64, ())),
        )
        self.sessions = Columns(size=(np.int64, ()), stems=(np.int64, ()), last=(np.int32, ()))
        """Of each session: its living messages, their stems, its last row or NONE."""
        self._numbers: dict[Hashable, int] = {}
        self._keys: list[Hashable] = []
        self._row_of: dict[tuple[int, int], int] = {}

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def vectors(self) -> NDArray[np.float32]:
        """One vector per row, (rows, width), zeros where it is not known."""
        return self.rows["vector"]

    @property
    def crowded(self) -> bool:
        """Whether so many rows are dead that building anew pays."""
        return len(self.rows) > 2 * self.alive + 1_000

    @property
    def size(self) -> int:
        """Bytes held, roughly."""
        return self.rows.size + self.sessions.size + self.postings.size + 200 * (len(self._row_of) + len(self._keys))

    def key(self, row: int) -> tuple[Hashable, int]:
        """Return the session and the seq of a row."""
        return self._keys[self.rows["session"][row]], int(self.rows["seq"][row])

    def find(self, keys: Iterable[tuple[Hashable, int]]) -> NDArray[np.int64]:
        """Return the living rows of those keys (session, seq) that are here."""
        known = ((self._numbers.get(session, NONE), seq) for session, seq in keys)
        return np.array([row for key in known if (row := self._row_of.get(key, NONE)) != NONE], np.int64)

    def rows_of(self, sessions: Iterable[Hashable]) -> NDArray[np.int64]:
        """Return the living rows of the sessions."""
        wanted = [number for session in sessions if (number := self._numbers.get(session, NONE)) != NONE]
        return np.flatnonzero(self.rows["alive"] & np.isin(self.rows["session"], wanted))

    def add(self, entries: Sequence[Entry], vectors: NDArray[np.floating[Any]] | None = None) -> None:
        """Append messages that are not here yet, with their vectors (len(entries), width) if they are known."""
        if not entries:
            return
        found = [text.words(entry.content) for entry in entries]
        self.postings.append([text.stems(words, self.language) for words in found])
        vectors = np.zeros((len(entries), self.width)) if vectors is None else vectors
        start = self.rows.extend(
            seq=[entry.seq for entry in entries],
            session=[self._number(entry.session) for entry in entries],
            speaker=[self._speaker(entry) for entry in entries],
            previous=[NONE] * len(entries),
            next=[NONE] * len(entries),
            created=[entry.created for entry in entries],
            words=[max(1, len(words)) for words in found],
            by_person=[entry.role.lower() not in MODEL_ROLES for entry in entries],
            question=[text.is_question(entry.content) for entry in entries],
            timed=[text.tells_time(entry.content, words) for entry, words in zip(entries, found, strict=True)],
            alive=[True] * len(entries),
            embedded=vectors.any(1),
            vector=vectors,
            **dict(zip(self.signs, self.signs_of(vectors), strict=True)),
        )
        rows = np.arange(start, len(self.rows))
        for row in rows.tolist():
            self._link(row)
        self._count(rows, 1)

    def put_vectors(self, keys: Sequence[tuple[Hashable, int]], vectors: NDArray[np.floating[Any]]) -> None:
        """Store the vectors (len(keys), width) of messages by (session, seq), as far as they are here."""
        for key, vector in zip(keys, vectors, strict=True):
            row = self.find([key])
            self.rows["vector"][row] = vector
            self.rows["embedded"][row] = True
            for name, signs in zip(self.signs, self.signs_of(vector[None]), strict=True):
                self.rows[name][row] = signs

    def remove(self, rows: NDArray[np.int64]) -> None:
        """Make the rows dead and join their neighbours."""
        rows = np.unique(rows[self.rows["alive"][rows]])
        self._count(rows, -1)
        previous, following = self.rows["previous"], self.rows["next"]
        for row in rows.tolist():
            before, after, session = int(previous[row]), int(following[row]), int(self.rows["session"][row])
            if before != NONE:
                following[before] = after
            if after != NONE:
                previous[after] = before
            else:
                self.sessions["last"][session] = before
            self.rows["alive"][row] = False
            del self._row_of[session, int(self.rows["seq"][row])]

    @staticmethod
    def signs_of(vectors: NDArray[np.floating[Any]]) -> NDArray[np.uint64]:
        """Return the signs of vectors (n, width) as bits, 64 to a number: (numbers, n)."""
        packed = np.packbits(vectors > 0, axis=1)
        padded = np.zeros((len(packed), -(-packed.shape[1] // 8) * 8), np.uint8)
        padded[:, : packed.shape[1]] = packed
        return padded.view(np.uint64).T

    def _number(self, session: Hashable) -> int:
        number = self._numbers.setdefault(session, len(self._numbers))
        if number == len(self._keys):
            self._keys.append(session)
            self.sessions.extend(size=[0], stems=[0], last=[NONE])
        return number

    def _speaker(self, entry: Entry) -> int:
        name = (entry.name.strip() or entry.role.strip() or "norole").lower()
        if name in self.user or name in USER_ROLES:
            name = ""
        number = self.speakers.setdefault(name, len(self.speakers))
        if number == len(self.spoken):
            self.spoken.extend(size=[0])
        return number

    def _link(self, row: int) -> None:
        session = int(self.rows["session"][row])
        before = int(self.sessions["last"][session])
        self.rows["previous"][row] = before
        if before != NONE:
            self.rows["next"][before] = row
        self.sessions["last"][session] = row
        self._row_of[session, int(self.rows["seq"][row])] = row

    def _count(self, rows: NDArray[np.int64], sign: int) -> None:
        """Add the rows to, or take them from, the sums that BM25 needs."""
        sessions = self.rows["session"][rows]
        np.add.at(self.spoken["size"], self.rows["speaker"][rows], sign)
        np.add.at(self.sessions["size"], sessions, sign)
        np.add.at(self.sessions["stems"], sessions, sign * self.postings.lengths[rows].astype(np.int64))
        self.alive += sign * len(rows)
