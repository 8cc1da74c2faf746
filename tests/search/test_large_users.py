"""Users with more messages than the server holds in memory: PostgreSQL draws the candidates."""

from __future__ import annotations

import haystack
from haystack import PROJECT

from recollect.core.embeddings import Models
from recollect.core.recall import Recall
from recollect.settings import load
from recollect.store import Store, indexes, jobs, recall
from recollect.store.recall import Scope
from recollect.work.documents import index_messages

SAID = [
    *(f"The weather on day {day} was mild." for day in range(30)),
    "Our boat is called Zebulon.",
    "I sail on Sundays.",
]
KEY = (PROJECT, "user", "ann")


async def talked(store: Store, models: Models) -> Scope:
    """Return the scope of a user who has said all of SAID."""
    await haystack.store_user(store, PROJECT, "ann")
    await haystack.store_talk(store, PROJECT, "talk", "ann", SAID, models.active)
    scope = await recall.user_scope(store, PROJECT, "ann")
    assert scope is not None
    return scope


async def contents(searcher: Recall, scope: Scope, text: str, kind: str = "hybrid") -> list[str]:
    return [hit.message.content for hit in await searcher.search(KEY, scope, haystack.wanted(text, kind))]


async def test_candidates_are_ranked_as_ever(store: Store, models: Models) -> None:
    """What PostgreSQL draws by meaning and by words has the same best result as what is held in memory."""
    scope = await talked(store, models)
    await indexes.build_words(store)
    held, drawn = Recall(store, models, "english"), Recall(store, models, "english", most=len(SAID) - 1)
    for question in ("What is the name of the boat?", "Zebulon", "sailing"):
        for kind in ("hybrid", "similarity", "mmr"):
            assert (await contents(drawn, scope, question, kind))[0] == (await contents(held, scope, question, kind))[0]


async def test_the_index_of_words_comes_when_it_is_needed(store: Store, models: Models) -> None:
    """The first search by a large user finds by meaning and leaves one job; with that done, words are indexed."""
    scope = await talked(store, models)
    drawn = Recall(store, models, "english", most=5)
    assert not await indexes.has_words(store)
    for _ in range(2):
        assert "Our boat is called Zebulon." in await contents(drawn, scope, "our boat")
    (waiting,) = await jobs.overview(store)
    assert (waiting.kind, waiting.waiting) == ("index_messages", 1)
    await index_messages(store, [])
    await index_messages(store, [])
    assert await indexes.has_words(store)
    assert (await contents(drawn, scope, "zebulon"))[0] == "Our boat is called Zebulon."


async def test_without_a_model_words_are_all_there_is(store: Store) -> None:
    """A large user's messages are found by words without a model, and without the index."""
    unembedded = Models(store, load({}, None, {"embedding_provider": "none"}))
    scope = await talked(store, unembedded)
    drawn = Recall(store, unembedded, "english", most=5)
    assert await contents(drawn, scope, "zebulon") == ["Our boat is called Zebulon."]
