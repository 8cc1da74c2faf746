"""The order of a hybrid search: one linear score over features of words, meaning, context, people and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from recollect.core.corpus import NONE, Corpus
from recollect.core.dates import nearness
from recollect.core.query import Query

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

K1, B = 1.2, 0.75
SHORTLIST = 1_500
"""Rows whose cosine is computed, the best by a rough look: 98 of the 100 nearest of 100,000 are among them."""
CANDIDATES = 400
"""Rows whose features are computed: the best by words, meaning, speaker and date."""
LEADERS = 100
"""Best candidates whose neighbours become candidates too: an answer may share no word with the question."""
MOST_STEMS = 32
"""Stems of a question that count, the rarest first."""
SHORT = 80.0
"""Mean words of a message's window at which context counts half: 10 to 40 between people, 250 and more with a model."""
AROUND = 2
"""Messages before and after that make a message's window."""

WEIGHTS = {
    "meaning": 1.0,  # cosine of the question and the message
    "words": 0.27,  # BM25 of the message
    "phrase": 0.28,  # share of the question's pairs of adjacent words that stand side by side in the message
    "person": 0.26,  # a person said it, not a model: what is asked later is mostly what they told
    "speaker": 0.14,  # the one person named said it; others did not. Soft: a question may name the wrong one
    "date": 0.55,  # near to a date that the question names
    "window": 0.32,  # BM25 of the message with its neighbours: the subject is often named only once
    "session": 0.5,  # BM25 of its session
    "answer": 0.46,  # BM25 of the question that it follows
    "question": -0.09,  # it asks rather than tells
    "time": 0.085,  # it holds a number or a word of time: facts do
    "when": 0.2,  # it does, and that is what the question is after
}
"""Of a message in a chat, in units of a cosine; from `window` on, times _shortness. Fitted to questions with marked
answers over chats between two people and between a user and a model."""

DOCUMENT_WEIGHTS = {"meaning": 1.0, "words": 0.27, "phrase": 0.28}
"""Of a document, which stands alone."""


class Ranking(msgspec.Struct, frozen=True):
    """The best rows, best first, with their scores and, (rows, features), what each feature was."""

    rows: Rows
    scores: Floats
    features: Floats

    weights: Mapping[str, float]

    def explain(self, place: int) -> dict[str, dict[str, float]]:
        """Return of the result at a place each feature's value and its share of the score."""
        return {
            name: {"value": float(value), "share": float(value * weight)}
            for (name, weight), value in zip(self.weights.items(), self.features[place], strict=True)
        }


class _Words(msgspec.Struct, frozen=True):
    """Where the question's stems stand: `rows`, `counts` and `stem` (place in `idf`) run in parallel."""

    rows: NDArray[np.int32]
    counts: Floats
    stem: Rows
    idf: Floats
    total: float
    """Sum of the idf of all the question's stems, unknown ones too: the yardstick of every BM25 score."""


def rank(
    corpus: Corpus,
    query: Query,
    vector: NDArray[np.floating[Any]] | None,
    *,
    limit: int,
    allowed: NDArray[np.bool_] | None = None,
    weights: Mapping[str, float] = WEIGHTS,
) -> Ranking:
    """Return the `limit` best living rows of the corpus, among those allowed (one flag per row; None: all).

    `vector` is the embedding of `query.text`, of unit length; None where no model is at hand. Of equal scores the newer
    row comes first. Statistics (document frequencies, lengths) are those of the whole corpus.
    """
    alive = corpus.rows["alive"]
    open_ = alive if allowed is None else alive & allowed
    words = _words(corpus, query.stems)
    lexical = _bm25_of_rows(corpus, words)
    rows = _candidates(corpus, query, vector, lexical, open_, weights)
    columns = _features(corpus, query, words, rows, lexical, _cosine(corpus, vector, rows))
    features = np.stack([columns[name] for name in weights], axis=1)
    scores = features @ np.array(list(weights.values()))
    order = np.lexsort((-rows, -scores))[:limit]
    return Ranking(rows[order], scores[order], features[order], weights)


def _idf(total: float, holding: Floats) -> Floats:
    return np.log1p((total - holding + 0.5) / (holding + 0.5))


def _saturated(counts: Floats, lengths: NDArray[Any], mean: float) -> Floats:
    """Return BM25's part of a stem and a document but for the stem's idf; arrays of one shape, or that broadcast."""
    return counts * (K1 + 1) / (counts + K1 * (1 - B + B / max(mean, 1e-9) * lengths))


def _words(corpus: Corpus, stems: Sequence[str]) -> _Words:
    alive = corpus.rows["alive"]
    all_alive = corpus.alive == len(corpus)
    found = [corpus.postings.of(stem) for stem in dict.fromkeys(stems)]
    if not all_alive:
        found = [(rows[mask], counts[mask]) for rows, counts in found for mask in [alive[rows]]]
    idf = _idf(corpus.alive, np.array([len(rows) for rows, _ in found], float))
    rarest = np.argsort(-idf, kind="stable")[:MOST_STEMS]
    sizes = [len(found[i][0]) for i in rarest]
    return _Words(
        np.concatenate([np.empty(0, np.int32), *(found[i][0] for i in rarest)]),
        np.concatenate([np.empty(0), *(found[i][1] for i in rarest)]),
        np.repeat(np.arange(len(rarest)), sizes),
        idf[rarest],
        float(idf[rarest].sum()) or 1.0,
    )


def _bm25_of_rows(corpus: Corpus, words: _Words) -> Floats:
    mean = corpus.sessions["stems"].sum() / max(corpus.alive, 1)
    parts = words.idf[words.stem] * _saturated(words.counts, corpus.postings.lengths[words.rows], mean)
    return np.bincount(words.rows, parts, len(corpus)) / words.total


def _candidates(
    corpus: Corpus,
    query: Query,
    vector: NDArray[np.floating[Any]] | None,
    lexical: Floats,
    open_: NDArray[np.bool_],
    weights: Mapping[str, float],
) -> Rows:
    """Return the rows worth a closer look: the best by words, meaning, speaker and date, and their neighbours."""
    rows = np.flatnonzero(open_)
    if len(rows) <= CANDIDATES:
        return rows
    meaning, date = weights.get("meaning", 0.0), weights.get("date", 0.0)
    rough = weights.get("words", 0.0) * lexical[rows] + weights.get("person", 0.0) * corpus.rows["by_person"][rows]
    rough += weights.get("speaker", 0.0) * _speaker(corpus, query, rows)
    if date and (query.dates or query.spans):
        rough += date * nearness(corpus.rows["created"][rows], query.dates, query.spans)
    if len(rows) > SHORTLIST:
        place = _best(rough + meaning * _rough_cosine(corpus, vector, rows), SHORTLIST)
        rows, rough = rows[place], rough[place]
    rough += meaning * _cosine(corpus, vector, rows)
    leaders = rows[_best(rough, LEADERS)]
    around = _around(corpus, leaders)
    return np.union1d(rows[_best(rough, CANDIDATES)], around[(around != NONE) & open_[around]])


def _best(scores: Floats, count: int) -> Rows:
    """Return the places of the `count` largest scores, in no order."""
    return np.argpartition(-scores, count)[:count] if count < len(scores) else np.arange(len(scores))


def _cosine(corpus: Corpus, vector: NDArray[np.floating[Any]] | None, rows: Rows) -> Floats:
    """Return the cosine of the rows; of those not yet embedded, the mean of the others."""
    if vector is None:
        return np.zeros(len(rows))
    # Not @: BLAS would wake a thread per processor, which costs more than the product, and round by the row's place.
    cosine = np.vecdot(corpus.vectors[rows], vector.astype(np.float32)).astype(float)
    return _filled(cosine, corpus.rows["embedded"][rows])


def _rough_cosine(corpus: Corpus, vector: NDArray[np.floating[Any]] | None, rows: Rows) -> Floats:
    """Return the cosine as the signs of the numbers tell it: the share of equal signs is 1 - angle / pi.

    Random projections of two vectors fall on the same side so often (Charikar, 2002); the numbers of an embedding do
    nearly as well: standard deviation of the error 0.06 at 384.
    """
    if vector is None:
        return np.zeros(len(rows))
    unequal = np.zeros(len(corpus), np.uint16)
    for name, signs in zip(corpus.signs, corpus.signs_of(vector[None])[:, 0], strict=True):
        unequal += np.bitwise_count(corpus.rows[name] ^ signs)
    cosines = np.cos(np.pi / corpus.width * np.arange(corpus.width + 1))
    return _filled(cosines[unequal[rows]], corpus.rows["embedded"][rows])


def _filled(cosine: Floats, embedded: NDArray[np.bool_]) -> Floats:
    if embedded.any() and not embedded.all():
        cosine[~embedded] = cosine[embedded].mean()
    return cosine


def _around(corpus: Corpus, rows: Rows) -> Rows:
    """Return the windows of the rows, (rows, 2 AROUND + 1), each row in the middle, NONE where the session ends."""
    window = np.full((len(rows), 2 * AROUND + 1), NONE, np.int64)
    window[:, AROUND] = rows
    for step in range(1, AROUND + 1):
        for side, link in ((-1, "previous"), (1, "next")):
            inner = window[:, AROUND + side * (step - 1)]
            window[:, AROUND + side * step] = np.where(inner == NONE, NONE, corpus.rows[link][inner])
    return window


def _speaker(corpus: Corpus, query: Query, rows: Rows) -> Floats:
    """Return 1 for what the one person named said, -1 for what others said, 0 if nobody or several are named."""
    if len(query.speakers) != 1:
        return np.zeros(len(rows))
    return np.where(corpus.rows["speaker"][rows] == next(iter(query.speakers)), 1.0, -1.0)


def _features(
    corpus: Corpus, query: Query, words: _Words, rows: Rows, lexical: Floats, cosine: Floats
) -> dict[str, NDArray[Any]]:
    """Return the features of the rows by the names in WEIGHTS."""
    window = _around(corpus, rows)
    known = window != NONE
    short = _shortness(corpus, window, known)
    before = window[:, AROUND - 1]
    answers = (before != NONE) & corpus.rows["question"][before]
    pairs = list(zip(query.stems, query.stems[1:MOST_STEMS], strict=False))
    timed = short * corpus.rows["timed"][rows]
    return {
        "meaning": cosine,
        "words": lexical[rows],
        "phrase": corpus.postings.pairs(rows, pairs),
        "person": corpus.rows["by_person"][rows],
        "speaker": _speaker(corpus, query, rows),
        "date": nearness(corpus.rows["created"][rows], query.dates, query.spans),
        "window": short * _bm25_of_windows(corpus, words, window, known),
        "session": short * _bm25_of_sessions(corpus, query, words)[corpus.rows["session"][rows]],
        "answer": short * np.where(answers, lexical[before], 0.0),
        "question": short * corpus.rows["question"][rows],
        "time": timed,
        "when": timed * query.asks_when,
    }


def _shortness(corpus: Corpus, window: Rows, known: NDArray[np.bool_]) -> Floats:
    """Return 1 where messages are short and lean on each other, falling to 0 where each is long and stands alone."""
    words = np.where(known, corpus.rows["words"][window], 0).sum(1)
    return np.asarray(1 / (1 + (words / np.maximum(known.sum(1), 1) / SHORT) ** 2), float)


def _bm25_of_windows(corpus: Corpus, words: _Words, window: Rows, known: NDArray[np.bool_]) -> Floats:
    """Return BM25 of each window taken as one document; how telling a stem is, is counted over messages."""
    needed = np.unique(window[known])
    slot = np.full(len(corpus), NONE, np.int32)
    slot[needed] = np.arange(len(needed))
    held = slot[words.rows]
    mask = held != NONE
    table = np.zeros((len(words.idf), len(needed) + 1))  # one column more, of zeros, for what is not there
    table[words.stem[mask], held[mask]] = words.counts[mask]
    counts = table[:, np.where(known, slot[window], len(needed))].sum(2)
    lengths = np.where(known, corpus.postings.lengths[window], 0).sum(1)
    sizes = corpus.sessions["size"]
    in_windows = sizes + 2 * sum(np.maximum(sizes - step, 0) for step in range(1, AROUND + 1))
    mean = corpus.sessions["stems"] @ (in_windows / np.maximum(sizes, 1)) / max(corpus.alive, 1)
    return np.asarray(words.idf @ _saturated(counts, lengths, float(mean)) / words.total, float)


def _bm25_of_sessions(corpus: Corpus, query: Query, words: _Words) -> Floats:
    """Return BM25 of every session taken as one document, names included: a session may be about somebody."""
    scores = np.zeros(len(corpus.sessions))
    lengths = corpus.sessions["stems"]
    living = max(int(np.count_nonzero(corpus.sessions["size"])), 1)
    for part in (words, _words(corpus, sorted(query.all_stems.difference(query.stems)))):
        shape = (len(part.idf), len(scores))
        cells = part.stem * len(scores) + corpus.rows["session"][part.rows]
        counts = np.bincount(cells, part.counts, shape[0] * shape[1]).reshape(shape).astype(float)
        idf = _idf(living, (counts > 0).sum(1).astype(float))
        scores += np.asarray(idf @ _saturated(counts, lengths, lengths.sum() / living), float)
    return scores / words.total
