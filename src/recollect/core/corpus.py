"""The messages of one user as arrays, kept in the process so that a search reads no row."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from recollect.core import text
from recollect.core.postings import Postings

USER_ROLES = frozenset({"user", "human"})
GENERIC_ROLES = USER_ROLES | {"assistant", "ai", "system", "tool", "function", "agent", "bot", "model", "norole", ""}
"""Roles that say what somebody does, not who they are."""

NONE = -1

_ROW = np.dtype(
    [
        ("seq", np.int64),
        ("session", np.int32),
        ("speaker", np.int32),
        ("previous", np.int32),  # row of the message before it in its session, or NONE
        ("next", np.int32),
        ("created", np.float64),  # seconds since 1970, UTC
        ("words", np.int32),
        ("by_user", np.bool_),  # of an assistant's user, whose role is no name
        ("question", np.bool_),
        ("timed", np.bool_),
        ("alive", np.bool_),
        ("embedded", np.bool_),
    ]
)


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
    `crowded` says that a new corpus is due. Rows without a vector are found by their words. Not safe to change in one
    thread while another ranks.
    """

    def __init__(self, width: int, *, user: Sequence[str] = (), language: str = "english") -> None:
        """Take the vectors' width and the user's names; ValueError if there is no stemmer for the language."""
        text.stemmer(language)
        self.language = language
        self.user = frozenset(name.lower() for name in user if name.strip())
        self.postings = Postings()
        self.speakers: dict[str, int] = {}
        self.alive = 0
        self.rows: NDArray[Any] = np.empty(0, _ROW)
        self.vectors = np.empty((0, width), np.float32)
        self.session_sizes = np.empty(0, np.int64)  # living messages
        self.session_stems = np.empty(0, np.int64)  # stems of the living messages
        self._sessions: dict[Hashable, int] = {}
        self._session_keys: list[Hashable] = []
        self._last: list[int] = []
        self._row_of: dict[tuple[int, int], int] = {}
        self._capacity = np.empty(0, _ROW)
        self._vector_capacity = self.vectors

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def crowded(self) -> bool:
        """Whether so many rows are dead that building anew pays."""
        return len(self.rows) > 2 * self.alive + 1_000

    @property
    def size(self) -> int:
        """Bytes held, roughly."""
        names = 200 * (len(self._row_of) + len(self._sessions))
        return self._capacity.nbytes + self._vector_capacity.nbytes + self.postings.size + names

    def key(self, row: int) -> tuple[Hashable, int]:
        """Return the session and the seq of a row."""
        return self._session_keys[self.rows["session"][row]], int(self.rows["seq"][row])

    def find(self, keys: Iterable[tuple[Hashable, int]]) -> NDArray[np.int64]:
        """Return the rows of those keys (session, seq) that are here."""
        known = ((self._sessions.get(session, NONE), seq) for session, seq in keys)
        return np.array([row for key in known if (row := self._row_of.get(key, NONE)) != NONE], np.int64)

    def rows_of(self, sessions: Iterable[Hashable]) -> NDArray[np.int64]:
        """Return the living rows of the sessions."""
        wanted = [number for session in sessions if (number := self._sessions.get(session, NONE)) != NONE]
        return np.flatnonzero(self.rows["alive"] & np.isin(self.rows["session"], wanted))

    def add(self, entries: Sequence[Entry], vectors: NDArray[np.floating[Any]] | None = None) -> None:
        """Append messages that are not here yet, with their vectors (len(entries), width) if they are known."""
        start = len(self.rows)
        self._reserve(start + len(entries))
        self.rows = self._capacity[: start + len(entries)]
        self.vectors = self._vector_capacity[: start + len(entries)]
        found = [text.words(entry.content) for entry in entries]
        self.postings.append([text.stems(words, self.language) for words in found])
        for row, (entry, words) in enumerate(zip(entries, found, strict=True), start):
            self._append(row, entry, max(1, len(words)))
        self._count(np.arange(start, len(self.rows)), 1)
        self.vectors[start:] = 0 if vectors is None else vectors
        self.rows["embedded"][start:] = vectors is not None

    def put_vectors(self, keys: Sequence[tuple[Hashable, int]], vectors: NDArray[np.floating[Any]]) -> None:
        """Store the vectors (len(keys), width) of messages by (session, seq), as far as they are here."""
        for key, vector in zip(keys, vectors, strict=True):
            row = self.find([key])
            self.vectors[row] = vector
            self.rows["embedded"][row] = True

    def remove(self, rows: NDArray[np.int64]) -> None:
        """Make the rows dead and join their neighbours."""
        rows = np.unique(rows[self.rows["alive"][rows]])
        self._count(rows, -1)
        for row in rows.tolist():
            record = self.rows[row]
            before, after, session = int(record["previous"]), int(record["next"]), int(record["session"])
            if before != NONE:
                self.rows["next"][before] = after
            if after != NONE:
                self.rows["previous"][after] = before
            else:
                self._last[session] = before
            record["alive"] = False
            del self._row_of[session, int(record["seq"])]

    def _append(self, row: int, entry: Entry, words: int) -> None:
        session = self._number(entry.session)
        before = self._last[session]
        speaker = (entry.name or entry.role).lower()
        by_user = entry.role.lower() in USER_ROLES
        if not entry.name and (by_user or speaker in self.user):
            speaker = ""  # the user under any of their names
        self.rows[row] = (
            entry.seq,
            session,
            self.speakers.setdefault(speaker, len(self.speakers)),
            before,
            NONE,
            entry.created,
            words,
            by_user,
            text.is_question(entry.content),
            text.tells_time(entry.content),
            True,
            False,
        )
        if before != NONE:
            self.rows["next"][before] = row
        self._last[session] = row
        self._row_of[session, entry.seq] = row

    def _number(self, session: Hashable) -> int:
        number = self._sessions.setdefault(session, len(self._sessions))
        if number == len(self._last):
            self._last.append(NONE)
            self._session_keys.append(session)
        return number

    def _count(self, rows: NDArray[np.int64], sign: int) -> None:
        """Add the rows to, or take them from, the sums that BM25 needs."""
        new = np.zeros(len(self._last) - len(self.session_sizes), np.int64)
        self.session_sizes = np.concatenate([self.session_sizes, new])
        self.session_stems = np.concatenate([self.session_stems, new])
        sessions = self.rows["session"][rows]
        np.add.at(self.session_sizes, sessions, sign)
        np.add.at(self.session_stems, sessions, sign * self.postings.lengths[rows].astype(np.int64))
        self.alive += sign * len(rows)

    def _reserve(self, rows: int) -> None:
        if rows <= len(self._capacity):
            return
        capacity = max(rows, len(self._capacity) * 3 // 2)
        self._capacity = np.concatenate([self.rows, np.zeros(capacity - len(self.rows), _ROW)])
        wider = np.zeros((capacity, self.vectors.shape[1]), np.float32)
        wider[: len(self.vectors)] = self.vectors
        self._vector_capacity = wider
