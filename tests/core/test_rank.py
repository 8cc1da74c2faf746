"""Golden rankings over a small conversation, and what must hold for any."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from recollect.core import query
from recollect.core.corpus import Corpus, Entry
from recollect.core.rank import DOCUMENT_WEIGHTS, WEIGHTS, Ranking, rank

NOW = datetime(2024, 9, 18, 12, tzinfo=UTC).timestamp()
FELIX, NORA, USER, MODEL = "Felix", "Nora", "user", "assistant"
LONG = "Here is a plan in many steps, each with its reasons, its costs and its risks, one after the other. " * 12

# Session, day, who, what; Nora is the user whom the corpus is of.
CONVERSATION = [
    ("spring", "2024-03-03", NORA, "Morning! We finally brought the kayak up from the cellar."),
    ("spring", "2024-03-03", FELIX, "Lovely. Is the kayak still tight, and which colour did you choose for the kayak?"),
    ("spring", "2024-03-03", NORA, "A bright orange, nobody will overlook us out there."),
    ("spring", "2024-03-03", FELIX, "Good choice. My own boat is an old canoe, inherited from an aunt."),
    ("spring", "2024-03-03", NORA, "You must show me some time."),
    ("sale", "2024-06-21", NORA, "I sold the motorbike. It had to be."),
    ("sale", "2024-06-21", FELIX, "I sold the motorbike. It had to be."),
    ("cake", "2024-09-10", FELIX, "We ate cheese cake, and then there was music."),
    ("cake", "2024-09-10", NORA, "We had cake, cheese too, and then there was music."),
    ("shop", "2024-05-06", FELIX, "The bicycle has a new saddle."),
    ("shop", "2024-05-06", NORA, "It was rather cheap."),
    ("shop", "2024-05-06", FELIX, "Good."),
    ("shop", "2024-05-06", NORA, "The tent is dry."),
    ("shop", "2024-05-06", FELIX, "Fine."),
    ("shop", "2024-05-06", NORA, "It was rather cheap."),
    ("garden", "2024-04-02", FELIX, "The beans are in, the beans climb."),
    ("garden", "2024-04-02", NORA, "Nice."),
    ("garden", "2024-04-02", FELIX, "Yes."),
    ("garden", "2024-04-02", NORA, "The neighbour waters everything."),
    ("balcony", "2024-04-03", FELIX, "The chairs are out."),
    ("balcony", "2024-04-03", NORA, "Nice."),
    ("balcony", "2024-04-03", FELIX, "Yes."),
    ("balcony", "2024-04-03", NORA, "The neighbour waters everything."),
    ("told", "2024-07-01", FELIX, "The piano teacher called back."),
    ("asked", "2024-07-02", FELIX, "The piano teacher called back?"),
    ("late", "2024-07-10", NORA, "We rowed over the lake at night."),
    ("slow", "2024-07-11", NORA, "We rowed over the lake at ease."),
    ("race", "2024-07-12", FELIX, "They swam across the bay in the last days of the cold season, all together."),
    ("swim", "2024-07-13", FELIX, "They swam across the bay, a cold affair."),
    ("model", "2024-08-01", USER, "My budget for the trip to Lisbon is small. " + LONG),
    ("model", "2024-08-01", MODEL, "A small budget for the trip to Lisbon is still a budget for the trip. " + LONG),
    ("model", "2024-08-01", USER, "Then we shall take the ferry? " + LONG),
    ("model", "2024-08-01", MODEL, "The ferry is a good choice. " + LONG),
]


def build(conversation: list[tuple[str, str, str, str]], *, user: str = NORA, width: int = 8) -> Corpus:
    """Return the conversation as a corpus without vectors; a message's seq is its place."""
    corpus = Corpus(width, user=[user])
    corpus.add(
        [
            Entry(session, seq, role, content, datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() + seq)
            for seq, (session, day, role, content) in enumerate(conversation)
        ]
    )
    return corpus


def ask(corpus: Corpus, question: str, *, without: str = "", vector: np.ndarray | None = None) -> Ranking:
    """Return the ten best, one feature switched off."""
    weights = {name: 0.0 if name == without else weight for name, weight in WEIGHTS.items()}
    return rank(corpus, query.read(question, corpus, now=NOW), vector, limit=10, weights=weights)


GOLDEN = {  # feature: question, what it lifts, what would stand above that without it
    "words": ("Is there a canoe?", 3, 4),
    "phrase": ("Who had the cheese cake?", 7, 8),
    "person": ("What is the budget for the trip to Lisbon?", 29, 30),
    "speaker": ("Why did Nora sell the motorbike?", 5, 6),
    "date": ("What did Felix say on 6 May 2024?", 13, 27),
    "window": ("Was the bicycle cheap?", 10, 14),
    "session": ("Does the neighbour water the beans?", 18, 22),
    "answer": ("Which colour did you choose for the kayak?", 2, 1),
    "question": ("Did the piano teacher call?", 23, 24),
    "time": ("rowed over the lake", 25, 26),
    "when": ("When did they swim across the bay in the cold?", 27, 28),
}


@pytest.mark.parametrize("feature", GOLDEN)
def test_each_feature_decides_a_ranking(feature: str) -> None:
    """A feature puts the message that answers above one that does not; without it, below."""
    question, answer, rival = GOLDEN[feature]
    corpus = build(CONVERSATION)
    with_it, without_it = ask(corpus, question).rows.tolist(), ask(corpus, question, without=feature).rows.tolist()
    assert answer in with_it[:2]
    assert rival not in with_it or with_it.index(answer) < with_it.index(rival)
    assert answer not in without_it or without_it.index(rival) < without_it.index(answer)


def test_meaning_decides_where_no_word_is_shared() -> None:
    """The vector nearest to the question's brings up a message that shares no word with it."""
    corpus = build(CONVERSATION)
    vectors = np.eye(8, dtype=np.float32)
    corpus.put_vectors([corpus.key(row) for row in range(8)], vectors)
    assert ask(corpus, "Where are the vessels kept?", vector=vectors[3]).rows[0] == 3
    assert ask(corpus, "Where are the vessels kept?", vector=vectors[3], without="meaning").rows[0] != 3


def test_every_feature_is_in_the_golden_rankings() -> None:
    """No feature is without a ranking that it decides."""
    assert {*GOLDEN, "meaning"} == set(WEIGHTS)


def test_long_messages_stand_alone() -> None:
    """Among long messages the context counts for less than a twentieth of what it does among short ones."""
    corpus = build(CONVERSATION)
    explained = ask(corpus, "What is the budget for the trip to Lisbon?").explain(0)
    short = ask(corpus, "Was the bicycle cheap?").explain(0)
    assert explained["window"]["value"] < short["window"]["value"] / 20


def test_shares_add_up_to_the_score() -> None:
    """The shares of the features of each result sum to its score."""
    ranking = ask(build(CONVERSATION), "When did Nora sell the motorbike, in June 2024?")
    for place, score in enumerate(ranking.scores):
        assert sum(part["share"] for part in ranking.explain(place).values()) == pytest.approx(score)


def test_only_allowed_and_living_rows_return() -> None:
    """What is removed, or not among the allowed, is never a result."""
    corpus = build(CONVERSATION)
    corpus.remove(corpus.rows_of(["sale"]))
    allowed = np.zeros(len(corpus), bool)
    allowed[corpus.rows_of(["spring", "cake"])] = True
    asked = query.read("Why did Nora sell the motorbike?", corpus, now=NOW)
    everything = rank(corpus, asked, None, limit=100)
    assert {"sale"}.isdisjoint(corpus.key(row)[0] for row in everything.rows)
    assert len(everything.rows) == len(CONVERSATION) - 2
    some = rank(corpus, asked, None, limit=100, allowed=allowed)
    assert {corpus.key(row)[0] for row in some.rows} == {"spring", "cake"}


def test_documents_rank_by_their_own_words_and_meaning() -> None:
    """Without the chat features neither speaker nor neighbours nor date move anything."""
    corpus = build(CONVERSATION)
    asked = query.read("Why did Nora sell the motorbike on 21 June 2024?", corpus, now=NOW)
    ranking = rank(corpus, asked, None, limit=3, weights=DOCUMENT_WEIGHTS)
    assert set(ranking.explain(0)) == {"meaning", "words", "phrase"}
    assert ranking.scores[0] == ranking.scores[1]


@pytest.mark.parametrize(
    "question", ["", "?", "who is it that was", "\U0001f600", "\u0000", "zzzz " * 100_000, "x" * 1_000_000]
)
@pytest.mark.parametrize("size", [0, 1, 33])
def test_any_question_to_any_corpus_is_answered(question: str, size: int) -> None:
    """Stop-words only, nothing, emoji, and huge questions rank what there is, with finite scores."""
    corpus = build(CONVERSATION[:size])
    vector = np.ones(8, np.float32) / np.sqrt(np.float32(8))
    for asked in (None, vector):
        ranking = rank(corpus, query.read(question, corpus, now=NOW), asked, limit=50)
        assert len(ranking.rows) == size
        assert np.isfinite(ranking.scores).all()


def test_identical_messages_come_newest_first() -> None:
    """Ten thousand identical messages all have finite scores, and the newest of equals leads."""
    corpus = build([("s", "2024-01-01", MODEL, "The same again.")] * 10_000)
    vectors = np.full((10_000, 8), 8**-0.5, np.float32)
    corpus.put_vectors([("s", seq) for seq in range(10_000)], vectors)
    ranking = rank(corpus, query.read("the same", corpus, now=NOW), vectors[0], limit=20)
    assert len(set(ranking.rows.tolist())) == 20
    assert np.isfinite(ranking.scores).all()
    assert (np.diff(ranking.scores) <= 0).all()
    assert (np.diff(ranking.rows[ranking.scores == ranking.scores[0]]) < 0).all()


def test_a_rough_look_at_many_vectors_finds_the_nearest() -> None:
    """Among 20,000 vectors of 384 numbers the ten that are near the question's are the ten results."""
    random = np.random.default_rng(7)
    vectors = random.standard_normal((20_000, 384), np.float32)
    near = np.arange(0, 20_000, 2_000)
    wanted = random.standard_normal(384, np.float32)
    vectors[near] += 0.8 * wanted
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    corpus = Corpus(384)
    corpus.add([Entry("s", seq, MODEL, "Nothing to see.", 0.0) for seq in range(20_000)], vectors)
    found = rank(corpus, query.read("else", corpus, now=NOW), wanted / np.linalg.norm(wanted), limit=10)
    assert sorted(found.rows.tolist()) == near.tolist()


def test_rows_without_a_vector_are_found_by_their_words() -> None:
    """A message that is not embedded yet leads when its words are those of the question."""
    corpus = build(CONVERSATION)
    corpus.put_vectors([corpus.key(row) for row in range(8)], np.eye(8, dtype=np.float32))
    assert ask(corpus, "The chairs, are they out?", vector=np.eye(8, dtype=np.float32)[0]).rows[0] == 19
