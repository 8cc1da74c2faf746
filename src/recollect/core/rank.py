"""The order of a hybrid search: one linear score over features of words, meaning, context, people and time."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from recollect.core import dates
from recollect.core.corpus import NONE, Corpus
from recollect.core.query import Query

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

K1, B = 1.2, 0.75
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
    "user": 0.26,  # a user, not the model, is the source of what is asked later
    "speaker": 0.14,  # the one person named said it; others did not. Soft: a question may name the wrong one
    "date": 0.55,  # near to a date that the question names
    "window": 0.32,  # BM25 of the message with its neighbours: the subject is often named only once
    "session": 0.5,  # BM25 of its session
    "answer": 0.46,  # BM25 of the question that it follows
    "question": -0.09,  # it asks rather than tells
    "time": 0.085,  # it holds a number or a word of time: facts do
    "when": 0.2,  # it does, and that is what the question is after
}
"""Fitted to marked questions over chats of both shapes, in units of a cosine. From `window` on, times _shortness."""


class Ranking(msgspec.Struct, frozen=True):
    """The best rows, best first, with their scores and, (rows, features), what each feature was."""

    rows: Rows
    scores: Floats
    features: Floats

    def explain(self, place: int) -> dict[str, dict[str, float]]:
        """Return of the result at a place each feature's value and its share of the score."""
        values = self.features[place]
        return {
            name: {"value": float(value), "share": float(value * weight)}
            for (name, weight), value in zip(WEIGHTS.items(), values, strict=True)
        }


class _Words(msgspec.Struct, frozen=True):
    """Living rows that hold each stem of the question, how often, and how telling the stem is."""

    rows: list[NDArray[np.int32]]
    counts: list[NDArray[np.float32]]
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
) -> Ranking:
    """Return the `limit` best living rows of the corpus, among those allowed (one flag per row; None: all).

    `vector` is the embedding of `query.text`, of unit length; None where no model is at hand. Of equal scores the newer
    row comes first. Statistics (document frequencies, lengths) are those of the whole corpus.
    """
    open_ = corpus.rows["alive"] if allowed is None else corpus.rows["alive"] & allowed
    words = _words(corpus, query.stems)
    lexical = _bm25_of_rows(corpus, words)
    dense = _dense(corpus, vector)
    rows = _candidates(corpus, query, WEIGHTS["meaning"] * dense + WEIGHTS["words"] * lexical, open_)
    features = _features(corpus, query, words, rows, lexical, dense)
    scores = features @ np.array(list(WEIGHTS.values()))
    order = np.lexsort((-rows, -scores))[:limit]
    return Ranking(rows[order], scores[order], features[order])


def _idf(total: float, holding: Floats) -> Floats:
    return np.log1p((total - holding + 0.5) / (holding + 0.5))


def _bm25(counts: NDArray[Any], lengths: NDArray[Any], mean: float, idf: Floats) -> Floats:
    """Return BM25 of documents: `counts` (stems, documents), `lengths` (documents), `idf` (stems)."""
    norm = K1 * (1 - B + B * lengths / max(mean, 1e-9))
    score: Floats = idf @ (counts * (K1 + 1) / (counts + norm))
    return score


def _words(corpus: Corpus, stems: list[str]) -> _Words:
    alive = corpus.rows["alive"]
    found = [corpus.postings.of(stem) for stem in dict.fromkeys(stems)]
    kept = [(rows[mask], counts[mask]) for rows, counts in found for mask in [alive[rows]]]
    idf = _idf(corpus.alive, np.array([len(rows) for rows, _ in kept], float))
    rarest = [i for i in np.argsort(-idf, kind="stable")[:MOST_STEMS] if len(kept[i][0])]
    total = float(np.sort(idf)[::-1][:MOST_STEMS].sum())
    return _Words([kept[i][0] for i in rarest], [kept[i][1] for i in rarest], idf[rarest], total or 1.0)


def _bm25_of_rows(corpus: Corpus, words: _Words) -> Floats:
    scores = np.zeros(len(corpus))
    mean = corpus.session_stems.sum() / max(corpus.alive, 1)
    for rows, counts, idf in zip(words.rows, words.counts, words.idf, strict=True):
        lengths = corpus.postings.lengths[rows]
        scores[rows] += _bm25(counts[None], lengths, mean, np.array([idf]))
    return scores / words.total


def _dense(corpus: Corpus, vector: NDArray[np.floating[Any]] | None) -> Floats:
    """Return the cosine of every row; of rows not yet embedded, the mean."""
    if vector is None or not len(corpus):
        return np.zeros(len(corpus))
    cosine = (corpus.vectors @ vector.astype(np.float32)).astype(float)
    embedded = corpus.rows["embedded"]
    if not embedded.all():
        cosine[~embedded] = cosine[embedded].mean() if embedded.any() else 0.0
    return cosine


def _candidates(corpus: Corpus, query: Query, first: Floats, open_: NDArray[np.bool_]) -> Rows:
    """Return the rows worth a closer look, ascending."""
    rough = first + WEIGHTS["user"] * corpus.rows["by_user"]
    rough += WEIGHTS["speaker"] * _speaker(corpus, query, slice(None))
    if query.dates or query.spans:
        rough += WEIGHTS["date"] * dates.nearness(corpus.rows["created"], query.dates, query.spans)
    rows = np.flatnonzero(open_)
    if len(rows) <= CANDIDATES:
        return rows
    scores = rough[rows]
    best = rows[np.argpartition(-scores, CANDIDATES)[:CANDIDATES]]
    leaders = best[np.argsort(-rough[best])[:LEADERS]]
    around = _around(corpus, leaders).ravel()
    around = around[around != NONE]
    return np.unique(np.concatenate([best, around[open_[around]]]))


def _around(corpus: Corpus, rows: Rows) -> Rows:
    """Return the windows of the rows, (rows, 2 AROUND + 1), each row in the middle, NONE where the session ends."""
    window = np.full((len(rows), 2 * AROUND + 1), NONE, np.int64)
    window[:, AROUND] = rows
    for step in range(1, AROUND + 1):
        for side, link in ((-1, "previous"), (1, "next")):
            inner = window[:, AROUND + side * (step - 1)]
            window[:, AROUND + side * step] = np.where(inner == NONE, NONE, corpus.rows[link][inner])
    return window


def _speaker(corpus: Corpus, query: Query, rows: Rows | slice) -> Floats:
    """Return 1 for what the one person named said, -1 for what others said, 0 if nobody or several are named."""
    speakers = corpus.rows["speaker"][rows]
    if len(query.speakers) != 1:
        return np.zeros(len(speakers))
    return np.where(speakers == next(iter(query.speakers)), 1.0, -1.0)


def _features(corpus: Corpus, query: Query, words: _Words, rows: Rows, lexical: Floats, dense: Floats) -> Floats:
    """Return the features of the rows, (rows, len(WEIGHTS)), in the order of WEIGHTS."""
    record = corpus.rows[rows]
    window = _around(corpus, rows)
    known = window != NONE
    short = _shortness(corpus, window, known)
    before = window[:, AROUND - 1]
    answers = (before != NONE) & corpus.rows["question"][before]
    pairs = list(zip(query.stems, query.stems[1:MOST_STEMS], strict=False))
    columns = {
        "meaning": dense[rows],
        "words": lexical[rows],
        "phrase": corpus.postings.pairs(rows, pairs),
        "user": record["by_user"],
        "speaker": _speaker(corpus, query, rows),
        "date": dates.nearness(record["created"], query.dates, query.spans),
        "window": short * _bm25_of_windows(corpus, words, window, known),
        "session": short * _bm25_of_sessions(corpus, query, words)[record["session"]],
        "answer": short * np.where(answers, lexical[before], 0.0),
        "question": short * record["question"],
        "time": short * record["timed"],
        "when": short * record["timed"] * query.asks_when,
    }
    return np.stack([columns[name] for name in WEIGHTS], axis=1).astype(float)


def _shortness(corpus: Corpus, window: Rows, known: NDArray[np.bool_]) -> Floats:
    """Return 1 where messages are short and lean on each other, falling to 0 where each is long and stands alone."""
    words = np.where(known, corpus.rows["words"][window], 0).sum(1)
    return np.asarray(1 / (1 + (words / np.maximum(known.sum(1), 1) / SHORT) ** 2), float)


def _bm25_of_windows(corpus: Corpus, words: _Words, window: Rows, known: NDArray[np.bool_]) -> Floats:
    """Return BM25 of each window taken as one document; how telling a stem is, is counted over messages."""
    needed = np.unique(window[known])
    slot = np.full(len(corpus), NONE, np.int32)
    slot[needed] = np.arange(len(needed))
    place = np.where(known, slot[window], len(needed))  # one column more, of zeros, for what is not there
    counts = np.zeros((len(words.rows), len(window)))
    for i, (rows, often) in enumerate(zip(words.rows, words.counts, strict=True)):
        held = slot[rows]
        column = np.zeros(len(needed) + 1)
        column[held[held != NONE]] = often[held != NONE]
        counts[i] = column[place].sum(1)
    lengths = np.where(known, corpus.postings.lengths[window], 0).sum(1)
    sizes = corpus.session_sizes
    in_windows = sizes + 2 * sum(np.maximum(sizes - step, 0) for step in range(1, AROUND + 1))
    mean = corpus.session_stems @ (in_windows / np.maximum(sizes, 1)) / max(corpus.alive, 1)
    return _bm25(counts, lengths, float(mean), words.idf) / words.total


def _bm25_of_sessions(corpus: Corpus, query: Query, words: _Words) -> Floats:
    """Return BM25 of every session taken as one document, names included: a session may be about somebody."""
    extra = _words(corpus, sorted(query.all_stems - set(query.stems)))
    sizes = corpus.session_sizes
    living = max(int((sizes > 0).sum()), 1)
    scores = np.zeros(len(sizes))
    for rows, often in zip([*words.rows, *extra.rows], [*words.counts, *extra.counts], strict=True):
        counts = np.bincount(corpus.rows["session"][rows], often, len(sizes))
        idf = _idf(living, np.array([np.count_nonzero(counts)], float))
        scores += _bm25(counts[None], corpus.session_stems, corpus.session_stems.sum() / living, idf)
    return scores / words.total
