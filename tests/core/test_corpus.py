"""The corpus that grows and shrinks is the one that would be built of what is left."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recollect.core import postings, query, text
from recollect.core.corpus import Corpus, Entry
from recollect.core.rank import rank

WORDS = ["kayak", "lake", "rowing", "rowed", "night", "the", "2024", "\u732b\u304c\u597d\u304d", "\U0001f600", "?"]
CONTENT = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
ENTRY = st.tuples(st.sampled_from("abc"), st.sampled_from(["Nora", "Felix", "user", "assistant"]), CONTENT)
STEP = st.one_of(
    st.tuples(st.just("add"), st.lists(ENTRY, min_size=1, max_size=5)),
    st.tuples(st.just("remove"), st.sets(st.integers(0, 30), max_size=4)),
    st.tuples(st.just("embed"), st.sets(st.integers(0, 30), max_size=4)),
)


def vector_of(seq: int) -> np.ndarray:
    """Return some vector of unit length that belongs to a seq."""
    vector = np.random.default_rng(seq).standard_normal(8).astype(np.float32)
    return vector / np.linalg.norm(vector)


def replay(steps: list[tuple[str, list[tuple[str, str, str]] | set[int]]]) -> tuple[Corpus, list[Entry], set[int]]:
    """Take the steps on a corpus; return it, the entries that are left, and which of them have a vector."""
    corpus, left, embedded, seq = Corpus(8, user=["Nora"]), dict[int, Entry](), set[int](), 0
    for kind, what in steps:
        if kind == "add":
            new = [Entry(s, seq + i, r, c, 1e9 + seq + i) for i, (s, r, c) in enumerate(what)]
            corpus.add(new)
            seq += len(new)
            left |= {entry.seq: entry for entry in new}
            continue
        chosen = [left[number] for number in what if number in left]
        keys = [(entry.session, entry.seq) for entry in chosen]
        if kind == "remove":
            corpus.remove(corpus.find(keys))
            for entry in chosen:
                del left[entry.seq]
        else:
            corpus.put_vectors(keys, np.array([vector_of(number) for _, number in keys]).reshape(len(keys), 8))
            embedded |= {entry.seq for entry in chosen}
    return corpus, list(left.values()), embedded & set(left)


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEP, max_size=12), question=CONTENT, tail=st.sampled_from([0, 5, 1_000]))
def test_a_changed_corpus_ranks_like_one_built_of_what_is_left(
    steps: list[tuple[str, list[tuple[str, str, str]] | set[int]]], question: str, tail: int
) -> None:
    """After any adds, removals and late vectors every score and feature is that of a corpus made anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postings, "TAIL", tail)
        corpus, left, embedded = replay(steps)
    fresh = Corpus(8, user=["Nora"])
    fresh.add(left)
    fresh.put_vectors(
        [(entry.session, entry.seq) for entry in left if entry.seq in embedded],
        np.array([vector_of(entry.seq) for entry in left if entry.seq in embedded]).reshape(-1, 8),
    )
    asked = [query.read(f"Felix, {question} yesterday", made, now=1e9) for made in (corpus, fresh)]
    changed, expected = (rank(made, q, vector_of(99), limit=50) for made, q in zip((corpus, fresh), asked, strict=True))
    assert [corpus.key(row) for row in changed.rows] == [fresh.key(row) for row in expected.rows]
    np.testing.assert_allclose(changed.features, expected.features, atol=1e-6)


def brute_force_bm25(documents: list[str], question: str) -> list[float]:
    """Return BM25 (k1 1.2, b 0.75) of each document, by the book, over the sum of the question's idf."""
    bags = [Counter(text.stems(text.words(document))) for document in documents]
    mean = sum(bag.total() for bag in bags) / len(bags)
    asked = set(text.stems(text.words(question)))
    holding = {stem: sum(stem in bag for bag in bags) for stem in asked}
    idf = {stem: math.log(1 + (len(bags) - n + 0.5) / (n + 0.5)) for stem, n in holding.items()}
    return [
        sum(idf[s] * bag[s] * 2.2 / (bag[s] + 1.2 * (0.25 + 0.75 * bag.total() / mean)) for s in asked if bag[s])
        / sum(idf.values())
        for bag in bags
    ]


@settings(deadline=None)
@given(
    documents=st.lists(CONTENT.map(lambda c: f"{c} lake"), min_size=1, max_size=30),
    question=CONTENT.map(lambda c: f"{c} kayak rowed"),
)
def test_words_are_bm25(documents: list[str], question: str) -> None:
    """The feature of words is BM25 as the book has it, of the messages and, each being alone, of their windows."""
    corpus = Corpus(8)
    corpus.add([Entry(seq, seq, "Felix", document, 0.0) for seq, document in enumerate(documents)])
    ranking = rank(corpus, query.read(question, corpus, now=0.0), None, limit=50)
    expected = dict(enumerate(brute_force_bm25(documents, question)))
    for place, row in enumerate(ranking.rows.tolist()):
        explained = ranking.explain(place)
        assert explained["words"]["value"] == pytest.approx(expected[row])
        assert explained["window"]["value"] == pytest.approx(expected[row], rel=0.1)  # shortness takes its share


def test_an_inverted_index_and_its_tail_are_one() -> None:
    """A stem's rows are found across the inverted index and what came after it."""
    made = postings.Postings()
    made.append([["lake"] * (postings.TAIL + 1), ["kayak"]])
    made.append([[], ["lake", "kayak", "lake"], []])
    rows, counts = made.of("lake")
    assert rows.tolist() == [0, 3]
    assert counts.tolist() == [postings.TAIL + 1, 2]
    assert made.of("kayak")[0].tolist() == [1, 3]
    assert made.of("boat")[0].tolist() == []


def test_pairs_do_not_reach_across_rows() -> None:
    """A pair of stems counts only where both stand in one row, next to each other and in order."""
    made = postings.Postings()
    made.append([["old", "town"], ["old"], ["town"], ["town", "old"], ["old", "grey", "town"], []])
    assert made.pairs(np.arange(6), [("old", "town")]).tolist() == [1, 0, 0, 0, 0, 0]


def test_a_corpus_says_when_most_of_it_is_dead() -> None:
    """When removed rows prevail by far, building anew is due."""
    corpus = Corpus(8)
    corpus.add([Entry("s", seq, "Felix", "", 0.0) for seq in range(2_000)])
    corpus.remove(np.arange(400))
    assert not corpus.crowded
    corpus.remove(np.arange(1_600))
    assert corpus.crowded


def test_a_language_without_a_stemmer_is_refused() -> None:
    """A corpus in an unknown language is a ValueError that names the known ones."""
    with pytest.raises(ValueError, match="simple"):
        Corpus(8, language="klingon")
