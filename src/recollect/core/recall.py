"""Searching across sessions: the messages of a user as arrays in the process, kept true to the database.

A copy is never trusted: each search first asks which sessions live and how far each has grown, and reads what is new.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from recollect.core import mmr, query, rank, text
from recollect.core.corpus import Corpus, Entry
from recollect.core.embeddings import InUse, Models
from recollect.errors import ModelUnavailable
from recollect.models import Message
from recollect.store import Store, indexes, recall
from recollect.store.recall import Scope, SessionState, Turn
from recollect.store.search import Bounds
from recollect.store.vectors import from_halfvec, halfvec

BYTES_KEPT = 512 * 1024 * 1024
"""All copies together; the one used longest ago goes first."""

SECONDS_KEPT = 3600.0
"""A copy nobody searched for so long goes, too."""

TURNS_IN_LOOP = 64
ROWS_IN_LOOP = 20_000
"""More messages to add, or rows to rank, than these are dealt with in a thread, off the event loop."""

MESSAGES_KEPT = 250_000
"""Users with more are not copied: PostgreSQL draws the candidates, in a quarter of a second instead of 20 ms."""

DRAWN = 200
"""Candidates drawn by words, and as many by meaning."""

MOST_WORDS = 32
VECTORS_AT_ONCE = 4000
LATE = 256
"""Each search asks for the vectors of the last so many messages that lack one; for all others, once a second."""


class Wanted(NamedTuple):
    """What to search for. `kind` is hybrid, similarity or mmr; `sessions` restricts to these ids (None: all)."""

    text: str
    kind: str
    limit: int
    bounds: Bounds
    sessions: frozenset[str] | None = None
    balance: float = 0.5
    explain: bool = False


class Hit(NamedTuple):
    """A message found. `similarity` is the cosine with the question; `features` name each one's value and share."""

    message: Message
    session_id: str
    score: float
    similarity: float
    vector: NDArray[np.float32] | None = None
    features: dict[str, dict[str, float]] | None = None


class _Copy:
    """The messages of one scope as last read."""

    def __init__(self, corpus: Corpus, made_for: tuple[int, str, str]) -> None:
        self.corpus = corpus
        self.made_for = made_for
        self.model = made_for[0]
        self.sessions: dict[UUID, SessionState] = {}
        self.whole = True  # not so while it is brought up to date, nor after that was broken off
        self.asked = -1.0  # when the vectors of all messages without one were asked for
        self.lock = asyncio.Lock()
        self.used = time.monotonic()


class Recall:
    """Searches scopes (a user's sessions, or one session), holding copies of those searched lately."""

    def __init__(
        self,
        store: Store,
        models: Models,
        language: str,
        *,
        most: int = MESSAGES_KEPT,
        bytes_kept: int = BYTES_KEPT,
        seconds_kept: float = SECONDS_KEPT,
    ) -> None:
        self._store = store
        self._models = models
        self._most = most
        self._bytes_kept = bytes_kept
        self._seconds_kept = seconds_kept
        self._configuration = language
        self._language = language if _has_stemmer(language) else "simple"
        self._copies: OrderedDict[tuple[str, str, str], _Copy] = OrderedDict()
        self._words_indexed = False

    async def search(self, scope_key: tuple[str, str, str], scope: Scope, wanted: Wanted) -> list[Hit]:
        """Return the best messages of a scope, best first. Raises ModelUnavailable if only a vector could answer."""
        model = self._models.active
        if model is None and wanted.kind != "hybrid":
            raise ModelUnavailable("There is no embedding model to search by meaning with.")
        if not scope.sessions:
            return []
        if sum(state.last_seq - state.cleared_seq for state in scope.sessions) > self._most:
            chosen = await self._draw(scope_key[0], scope, wanted, model)
        else:
            copy = self._copy(scope_key, scope, model)
            async with copy.lock:
                if not copy.whole:
                    copy.corpus, copy.sessions = self._empty(scope, model), {}
                await self._update(copy, scope)
                allowed = await self._allowed(copy.corpus, scope, wanted)
                chosen = await self._choose(copy.corpus, allowed, wanted, model)
            self._evict()
        rows = await recall.messages(self._store, scope.bucket, [hit.key for hit in chosen])
        return [chosen[place].hit(message, session_id) for message, session_id, place in rows]

    def _copy(self, key: tuple[str, str, str], scope: Scope, model: InUse | None) -> _Copy:
        made_for = (model.id if model else 0, scope.first_name, scope.last_name)
        copy = self._copies.get(key)
        if copy is None or copy.made_for != made_for or copy.corpus.crowded:
            copy = self._copies[key] = _Copy(self._empty(scope, model), made_for)
        self._copies.move_to_end(key)
        copy.used = time.monotonic()
        return copy

    def _empty(self, scope: Scope, model: InUse | None) -> Corpus:
        width = model.embedder.model.width if model else 1
        return Corpus(width, user=(scope.first_name, scope.last_name), language=self._language)

    async def _update(self, copy: _Copy, scope: Scope) -> None:
        """Bring a copy up to date: drop what was deleted or rewritten, read what was added, fetch late vectors."""
        copy.whole = False
        unread = _forget(copy, scope.sessions)
        async for turns in recall.turns_between(self._store, scope.bucket, unread, copy.model):
            if len(turns) > TURNS_IN_LOOP:
                await asyncio.to_thread(_add, copy.corpus, turns)
            else:
                _add(copy.corpus, turns)
        for state in scope.sessions:
            before = copy.sessions.get(state.key, state)  # may be the newer of the two: searches overtake each other
            copy.sessions[state.key] = SessionState(state.key, state.session_id, *map(max, before[2:], state[2:]))
        copy.whole = True
        await self._fetch_vectors(copy, scope.bucket)

    async def _fetch_vectors(self, copy: _Copy, bucket: int) -> None:
        corpus = copy.corpus
        missing = np.flatnonzero(corpus.rows["alive"] & ~corpus.rows["embedded"])
        if not copy.model:
            return
        if time.monotonic() - copy.asked < 1:
            missing = missing[-LATE:]
        else:
            copy.asked = time.monotonic()
        for start in range(0, len(missing), VECTORS_AT_ONCE):
            keys = [corpus.key(row) for row in missing[start : start + VECTORS_AT_ONCE]]
            found = await recall.vectors(self._store, bucket, keys, copy.model)  # type: ignore[arg-type]  # they are
            if found:
                vectors = np.stack([from_halfvec(vector) for _, _, vector in found])
                corpus.put_vectors([(session, seq) for session, seq, _ in found], vectors)

    async def _draw(self, project: str, scope: Scope, wanted: Wanted, model: InUse | None) -> list[_Choice]:
        """Choose among what PostgreSQL finds by words and by meaning; statistics are those of what it found."""
        keys, number = _keys(scope, wanted), model.id if model else 0
        where = (self._store, scope.bucket, keys, wanted.bounds)
        if not wanted.text:
            found = (await recall.matching(*where))[: wanted.limit]
        else:
            words = list(dict.fromkeys(text.words(wanted.text)))[:MOST_WORDS]
            many = max(DRAWN, mmr.candidates(wanted.limit))
            vector = await _vector(wanted.text, wanted.kind, model)
            # Without their index, words are looked for in everything that was said: only if nothing else is left.
            found = []
            if await self._are_words_indexed(project, scope.bucket) or vector is None:
                found = await recall.lexical(*where, self._configuration, words, many)
            if vector is not None:
                found += await recall.nearest(*where, number, halfvec(vector), many)
        corpus = self._empty(scope, model)
        _add(corpus, await recall.around(self._store, scope.bucket, found, number))
        allowed = np.zeros(len(corpus), np.bool_)
        allowed[corpus.find(found)] = True
        return await self._choose(corpus, allowed, wanted, model)

    async def _are_words_indexed(self, project: str, bucket: int) -> bool:
        if not self._words_indexed:
            self._words_indexed = await indexes.has_words(self._store)
            if not self._words_indexed:
                await indexes.request_words(self._store, project, bucket)
        return self._words_indexed

    async def _choose(
        self, corpus: Corpus, allowed: NDArray[np.bool_] | None, wanted: Wanted, model: InUse | None
    ) -> list[_Choice]:
        if not wanted.text:
            return _newest(corpus, allowed, wanted.limit)
        asked = query.read(wanted.text, corpus, now=time.time())
        vector = await _vector(asked.text if wanted.kind == "hybrid" else wanted.text, wanted.kind, model)
        order = _by_rank if wanted.kind == "hybrid" else _by_similarity
        if len(corpus) > ROWS_IN_LOOP:
            return await asyncio.to_thread(order, corpus, asked, vector, allowed, wanted)
        return order(corpus, asked, vector, allowed, wanted)

    async def _allowed(self, corpus: Corpus, scope: Scope, wanted: Wanted) -> NDArray[np.bool_] | None:
        """Return one flag per row: whether the sessions and bounds asked for include it."""
        keys = _keys(scope, wanted)
        if any(wanted.bounds):
            rows = corpus.find(await recall.matching(self._store, scope.bucket, keys, wanted.bounds))
        elif wanted.sessions is not None:
            rows = corpus.rows_of(keys)
        else:
            return None
        allowed = np.zeros(len(corpus), np.bool_)
        allowed[rows] = True
        return allowed

    def _evict(self) -> None:
        """Let go of copies that are too old, and of the oldest while all together are too large."""
        now = time.monotonic()
        size = sum(copy.corpus.size for copy in self._copies.values())
        for key, copy in list(self._copies.items()):
            if size <= self._bytes_kept and now - copy.used < self._seconds_kept:
                return
            size -= copy.corpus.size
            del self._copies[key]


class _Choice(NamedTuple):
    """A row chosen, before its message is read."""

    key: tuple[UUID, int]
    score: float
    similarity: float
    vector: NDArray[np.float32] | None = None
    features: dict[str, dict[str, float]] | None = None

    def hit(self, message: Message, session_id: str) -> Hit:
        return Hit(message, session_id, self.score, self.similarity, self.vector, self.features)


def _keys(scope: Scope, wanted: Wanted) -> list[UUID]:
    return [state.key for state in scope.sessions if wanted.sessions is None or state.session_id in wanted.sessions]


async def _vector(question: str, kind: str, model: InUse | None) -> NDArray[np.float32] | None:
    """Embed a question; a hybrid search goes on without its vector when the model does not answer."""
    if model is None:
        return None
    try:
        return await model.queries.vector(question)
    except ModelUnavailable:
        if kind != "hybrid":
            raise
        return None


def _forget(copy: _Copy, sessions: list[SessionState]) -> dict[UUID, tuple[int, int]]:
    """Drop what is no longer true of a copy; return after and up to which seq to read each session that has more."""
    corpus = copy.corpus
    living = {state.key for state in sessions}
    gone = [key for key in copy.sessions if key not in living]
    unread = {}
    for state in sessions:
        before = copy.sessions.get(state.key)
        after = state.cleared_seq
        if before is not None and state.rewritten_seq > before.last_seq:
            gone.append(state.key)
        elif before is not None:
            after = max(before.last_seq, after)
            if state.cleared_seq > before.cleared_seq:
                rows = corpus.rows_of([state.key])
                corpus.remove(rows[corpus.rows["seq"][rows] <= state.cleared_seq])
        if state.last_seq > after:
            unread[state.key] = (after, state.last_seq)
    if gone:
        corpus.remove(corpus.rows_of(gone))
        for key in gone:
            del copy.sessions[key]
    return unread


def _add(corpus: Corpus, turns: list[Turn]) -> None:
    entries = [
        Entry(turn.session_key, turn.seq, turn.role, turn.content, turn.created_at, turn.name or "") for turn in turns
    ]
    vectors = np.zeros((len(turns), corpus.width), np.float32)
    for place, turn in enumerate(turns):
        if turn.vector is not None:
            vectors[place] = from_halfvec(turn.vector)
    corpus.add(entries, vectors)


def _newest(corpus: Corpus, allowed: NDArray[np.bool_] | None, limit: int) -> list[_Choice]:
    rows = np.flatnonzero(corpus.rows["alive"] if allowed is None else corpus.rows["alive"] & allowed)
    newest = rows[np.lexsort((-rows, -corpus.rows["created"][rows]))][:limit]
    return [_Choice(corpus.key(row), 0.0, 0.0) for row in newest]  # type: ignore[arg-type]  # keyed by UUID here


def _by_rank(
    corpus: Corpus,
    asked: query.Query,
    vector: NDArray[np.float32] | None,
    allowed: NDArray[np.bool_] | None,
    wanted: Wanted,
) -> list[_Choice]:
    ranking = rank.rank(corpus, asked, vector, limit=wanted.limit, allowed=allowed)
    similarity = _similarity(corpus, ranking.rows, vector)
    return [
        _Choice(
            corpus.key(row),  # type: ignore[arg-type]  # sessions are keyed by UUID here
            float(ranking.scores[place]),
            float(similarity[place]),
            features=ranking.explain(place) if wanted.explain else None,
        )
        for place, row in enumerate(ranking.rows)
    ]


def _by_similarity(
    corpus: Corpus,
    asked: query.Query,
    vector: NDArray[np.float32] | None,
    allowed: NDArray[np.bool_] | None,
    wanted: Wanted,
) -> list[_Choice]:
    del asked  # the question as it was put, names and all
    assert vector is not None
    open_ = corpus.rows["alive"] & corpus.rows["embedded"]
    rows = np.flatnonzero(open_ if allowed is None else open_ & allowed)
    gathered = len(rows) < len(corpus) // 2  # else to compute all takes less time than to copy the rows
    similarity = _similarity(corpus, rows, vector) if gathered else np.vecdot(corpus.vectors, vector)[rows]
    many = mmr.candidates(wanted.limit) if wanted.kind == "mmr" else wanted.limit
    if many < len(rows):
        near = similarity >= np.partition(similarity, -many)[-many]
        rows, similarity = rows[near], similarity[near]
    best = np.lexsort((-rows, -similarity))[:many]
    if wanted.kind == "mmr":
        best = best[mmr.choose(vector, list(corpus.vectors[rows[best]]), balance=wanted.balance, limit=wanted.limit)]
    return [
        _Choice(
            corpus.key(row),  # type: ignore[arg-type]  # as above
            float(score),
            float(score),
            vector=corpus.vectors[row].copy() if wanted.kind == "mmr" else None,
        )
        for row, score in zip(rows[best], similarity[best], strict=True)
    ]


def _similarity(corpus: Corpus, rows: NDArray[Any], vector: NDArray[np.float32] | None) -> NDArray[np.float32]:
    if vector is None:
        return np.zeros(len(rows), np.float32)
    similarity: NDArray[np.float32] = np.vecdot(corpus.vectors[rows], vector)
    return similarity


def _has_stemmer(language: str) -> bool:
    try:
        text.stemmer(language)
    except ValueError:
        return False
    return True
