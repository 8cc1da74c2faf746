"""Search across a user's sessions, and hybrid search of one session, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import haystack
import httpx
import numpy as np
import pytest
import pytest_asyncio
from haystack import add_session, add_user, contents, find, say

from recollect.core.embeddings import InUse
from recollect.core.rank import WEIGHTS
from recollect.http.app import App
from recollect.settings import load
from recollect.store import Store, recall, sessions

MARCH = datetime(2024, 3, 1, 12, tzinfo=UTC)
PETS = [
    "I adopted a puppy and named him Biscuit.",
    "My sister moved to Iceland to study volcanoes.",
    "The espresso machine at the office is broken again.",
    "Our little dog has learned to fetch the newspaper.",
]
WORK = ["The invoice for the conference was paid.", "Who repairs espresso machines?", "The plumber does."]
ANN = "user/ann"


def model_of(app: App) -> InUse:
    assert app.services is not None
    assert app.services.models.active is not None
    return app.services.models.active


@pytest_asyncio.fixture
async def ann(working_api: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of a server where Ann has talked in two sessions, a message a day from the first of March."""
    await add_user(working_api, "ann", first_name="Ann", last_name="Lee")
    for name, texts, start in (("home", PETS, 0), ("work", WORK, 10)):
        await add_session(working_api, name, "ann")
        bodies: list[dict[str, Any]] = [
            {
                "role": "user" if day % 2 == 0 else "assistant",
                "content": text,
                "metadata": {"place": name, "day": start + day},
                "created_at": (MARCH + timedelta(days=start + day)).isoformat(),
            }
            for day, text in enumerate(texts)
        ]
        await say(working_api, name, *bodies)
    return working_api


async def test_what_a_result_holds(ann: httpx.AsyncClient) -> None:
    """A result has what memory search gives, and its session and score; the best come first, from all sessions."""
    results = await find(ann, ANN, "Who repairs espresso machines?")
    keys = {"message", "summary", "dist", "embedding", "session_id", "score"}
    assert all(set(result) == keys for result in results)
    assert len(results) == len(PETS) + len(WORK)
    stored = (await ann.get("sessions/work/messages")).json()["messages"]
    assert (results[0]["message"], results[0]["session_id"]) == (stored[1], "work")
    assert results[0]["dist"] == pytest.approx(1, abs=0.002)
    scores = [result["score"] for result in results]
    assert scores == sorted(scores, reverse=True)
    assert {result["session_id"] for result in results[:3]} == {"home", "work"}


async def test_limits_and_kinds(ann: httpx.AsyncClient) -> None:
    """Hybrid is the default, nulls mean absent, ten is the limit unless said otherwise; all else is refused."""
    nulls = {"search_type": None, "session_ids": None, "start_date": None, "end_date": None, "metadata": None}
    hybrid = await find(ann, ANN, "our dog", search_type="hybrid")
    assert await find(ann, ANN, "our dog", **nulls, search_scope=None, mmr_lambda=None) == hybrid
    best = [result["message"] for result in hybrid]
    assert [result["message"] for result in await find(ann, ANN, "our dog", query="limit=2")] == best[:2]
    await say(ann, "work", *(f"Filler number {n}." for n in range(8)))
    for query in ("", "limit=0", "limit=-1"):
        assert len(await find(ann, ANN, "our dog", query)) == 10
    assert await find(ann, ANN, "our dog", search_scope="summary") == []
    for body in ({"search_type": "best"}, {"search_scope": "facts"}, {"session_ids": "home"}, {"start_date": "soon"}):
        assert (await ann.post("user/ann/search", json={"text": "dog", **body})).status_code == 400, body
    assert (await ann.post("user/ann/search?limit=many", json={"text": "dog"})).status_code == 400


async def test_nothing_to_search(api: httpx.AsyncClient) -> None:
    """An unknown user is not found; an empty query is a bad request; a user without messages has no results."""
    answer = await api.post("user/nobody/search", json={"text": "dog"})
    assert answer.status_code == 404
    await add_user(api, "ann")
    for body in ({}, {"text": ""}, {"text": None, "metadata": {}}, {"session_ids": ["home"]}):
        answer = await api.post("user/ann/search", json=body)
        assert (answer.status_code, "empty query" in answer.text) == (400, True), body
    assert await find(api, ANN, "dog") == []
    await add_session(api, "home", "ann")
    assert await find(api, ANN, "dog") == []


async def test_filters(ann: httpx.AsyncClient) -> None:
    """Sessions, dates and metadata narrow what is searched, alone and together; dates are inclusive."""
    everything = "limit=100"
    assert set(await contents(ann, ANN, "espresso", everything, session_ids=["work"])) == set(WORK)
    assert await contents(ann, ANN, "espresso", everything, session_ids=["nowhere"]) == []
    assert await contents(ann, ANN, "espresso", everything, session_ids=[]) == []
    days = [(MARCH + timedelta(days=day)).isoformat() for day in range(12)]
    assert set(await contents(ann, ANN, "x", everything, start_date=days[2], end_date=days[10])) == {*PETS[2:], WORK[0]}
    where = {"where": {"jsonpath": "$ ? (@.day > 2)"}, "end_date": days[10]}
    assert set(await contents(ann, ANN, "x", everything, metadata=where)) == {PETS[3], WORK[0]}
    both = {"session_ids": ["home"], "start_date": days[1], "metadata": where}
    for kind in ("hybrid", "similarity", "mmr"):
        assert await contents(ann, ANN, "dog", everything, search_type=kind, **both) == [PETS[3]]


async def test_filters_alone(ann: httpx.AsyncClient) -> None:
    """Without a text the newest that fulfil the filter come first, from all sessions, with no score."""
    results = await find(ann, ANN, query="limit=5", metadata={"where": {"jsonpath": "$ ? (@.day != 11)"}})
    assert [result["message"]["metadata"]["day"] for result in results] == [12, 10, 3, 2, 1]
    assert [(result["dist"], result["score"]) for result in results] == [(0, 0)] * 5
    since = (MARCH + timedelta(days=11)).isoformat()
    assert await contents(ann, ANN, start_date=since) == [WORK[2], WORK[1]]


async def test_similarity_and_diversity(ann: httpx.AsyncClient, working_app: App) -> None:
    """`similarity` scores by the cosine, to 0.002 of float32's; `mmr` begins with the same and then spreads out."""
    question = "Who looks after the little dog?"
    embedder = model_of(working_app).embedder
    asked, *rows = await embedder.embed([question, *PETS, *WORK])
    expected = dict(zip([*PETS, *WORK], (float(row @ asked) for row in rows), strict=True))
    nearest = await find(ann, ANN, question, search_type="similarity")
    assert [result["message"]["content"] for result in nearest] == sorted(expected, key=lambda text: -expected[text])
    for result in nearest:
        assert result["dist"] == result["score"] == pytest.approx(expected[result["message"]["content"]], abs=0.002)
        assert result["embedding"] is None
    await say(ann, "work", *[PETS[3]] * 3)
    twins = await contents(ann, ANN, question, "limit=4", search_type="similarity")
    assert twins == [PETS[3]] * 4
    spread = await find(ann, ANN, question, "limit=4", search_type="mmr", mmr_lambda=0.3)
    assert len({result["message"]["content"] for result in spread}) == 4
    assert spread[0]["message"]["content"] == PETS[3]
    for result in spread:
        assert result["dist"] == pytest.approx(float(np.asarray(result["embedding"]) @ asked), abs=0.002)


async def test_explanation(ann: httpx.AsyncClient) -> None:
    """On request each feature's value and share are told; the shares add up to the score."""
    results = await find(ann, ANN, "When did Ann adopt a puppy?", "explain=true")
    for result in results:
        assert set(result["features"]) == set(WEIGHTS)
        for name, feature in result["features"].items():
            assert feature["share"] == pytest.approx(feature["value"] * WEIGHTS[name])
        assert sum(feature["share"] for feature in result["features"].values()) == pytest.approx(result["score"])
        assert result["features"]["meaning"]["value"] == pytest.approx(result["dist"], abs=1e-5)
    best = results[0]["features"]
    assert results[0]["message"]["content"] == PETS[0]
    assert best["words"]["value"] > 0
    assert best["speaker"]["value"] == 1
    assert not any("features" in result for result in await find(ann, ANN, "puppy", "explain=false"))
    of_session = await find(ann, "sessions/home", "puppy", "explain=1", search_type="hybrid")
    assert sum(share["share"] for share in of_session[0]["features"].values()) == pytest.approx(of_session[0]["score"])


async def test_a_user_with_another_name(ann: httpx.AsyncClient) -> None:
    """When a user's name changes, the next search knows the new one and no longer the old."""

    async def named(question: str) -> float:
        results = await find(ann, ANN, question, "explain=true&limit=1")
        value: float = results[0]["features"]["speaker"]["value"]
        return value

    assert (await named("Ann adopted a puppy"), await named("Bea adopted a puppy")) == (1, 0)
    assert (await ann.patch(ANN, json={"first_name": "Bea"})).status_code == 200
    assert (await named("Ann adopted a puppy"), await named("Bea adopted a puppy")) == (0, 1)


async def test_a_speaker_with_another_name(ann: httpx.AsyncClient) -> None:
    """When the metadata of a message gets another `name`, the next search knows who said it."""
    puppy = (await find(ann, ANN, "puppy", "limit=1"))[0]["message"]

    async def speaker(question: str) -> float:
        results = await find(ann, ANN, question, "explain=true")
        return next(r["features"]["speaker"]["value"] for r in results if r["message"]["uuid"] == puppy["uuid"])

    assert (await speaker("What did Ann adopt?"), await speaker("What did Cleo adopt?")) == (1, 0)
    patched = await ann.patch(f"sessions/home/messages/{puppy['uuid']}", json={"metadata": {"name": "Cleo"}})
    assert patched.json()["metadata"] == puppy["metadata"] | {"name": "Cleo"}
    assert (await speaker("What did Ann adopt?"), await speaker("What did Cleo adopt?")) == (-1, 1)
    await say(ann, "home", "Cleo feeds it.")
    assert len(await find(ann, ANN, "puppy")) == 8


async def test_odd_questions(ann: httpx.AsyncClient) -> None:
    """A question of any length, with or without a word to look for, is answered with finite scores."""
    empty = ["who are they and what is it", "   \n\t ", "?!", "\x01", "\N{ZERO WIDTH SPACE}"]
    huge = ["espresso " * 11_000, "a" * 100_000, "猫" * 34_000, "Ann May 5 " * 10_000, "last week " * 10_000]
    for question in empty + huge:
        for kind in ("hybrid", "similarity", "mmr"):
            results = await find(ann, ANN, question, search_type=kind)
            assert len(results) == 7, question[:20]
            assert np.isfinite([result["score"] for result in results]).all(), question[:20]


async def test_one_message(working_api: httpx.AsyncClient) -> None:
    """A user with a single message finds it, whatever the question."""
    await add_user(working_api, "ann")
    await add_session(working_api, "home", "ann")
    await say(working_api, "home", PETS[0])
    for question in ("puppy", "Biscuit?", "quantum physics", "the"):
        for kind in ("hybrid", "similarity", "mmr"):
            assert await contents(working_api, ANN, question, search_type=kind) == PETS[:1]


async def test_ten_thousand_identical_messages(working_api: httpx.AsyncClient, working_app: App, store: Store) -> None:
    """Equal messages are equal results, each of them once, and one that differs is still found among them."""
    await add_user(working_api, "ann")
    await add_session(working_api, "same", "ann")
    model = model_of(working_app)
    same, other = await model.embedder.embed(["The kettle is on.", PETS[1]])
    vectors = np.vstack([np.tile(same, (9_999, 1)), other])
    await haystack.fill(store, "same", ["The kettle is on."] * 9_999 + [PETS[1]], vectors, model.id)
    for question in ("The kettle is on.", "kettle", "volcanoes"):
        for kind in ("hybrid", "similarity"):
            results = await find(working_api, ANN, question, "limit=300", search_type=kind)
            assert len({result["message"]["uuid"] for result in results}) == 300
            assert (results[0]["message"]["content"] == PETS[1]) == (question == "volcanoes")
            for result in results[10:]:
                assert result["score"] == pytest.approx(results[10]["score"], abs=0.05)


async def test_deleted_messages_never_return(ann: httpx.AsyncClient, store: Store) -> None:
    """What a deleted session held is gone from the next search on, also when the session comes back."""
    everything = "limit=100"
    assert PETS[0] in await contents(ann, ANN, "puppy", everything)
    assert (await ann.delete("sessions/home/memory")).status_code == 200
    assert set(await contents(ann, ANN, "puppy", everything)) == set(WORK)
    await say(ann, "home", "A parrot came instead.")
    assert set(await contents(ann, ANN, "puppy", everything)) == {*WORK, "A parrot came instead."}
    assert await sessions.purge(store) == (0, 1)
    assert (await ann.delete("sessions/work/memory")).status_code == 200
    assert await contents(ann, ANN, "puppy", everything) == ["A parrot came instead."]
    assert (await ann.patch("sessions/work", json={"metadata": {}})).status_code == 200
    for kind in ("hybrid", "similarity"):
        assert await contents(ann, ANN, "puppy", everything, search_type=kind) == ["A parrot came instead."]
    assert await contents(ann, ANN, metadata={"where": {"jsonpath": "$.day"}}) == []
    assert (await ann.delete(ANN)).status_code == 200
    assert (await ann.post("user/ann/search", json={"text": "parrot"})).status_code == 404
    await add_user(ann, "ann")
    assert await contents(ann, ANN, "parrot") == []


async def test_rewritten_messages(ann: httpx.AsyncClient) -> None:
    """A message rewritten under its uuid is found by its new words and meaning, and by the old ones no longer."""
    before = (await find(ann, ANN, "puppy", "limit=1&explain=true"))[0]
    assert before["features"]["words"]["value"] > 0
    new = {"uuid": before["message"]["uuid"], "role": "user", "content": "The orchestra played Mahler."}
    await say(ann, "home", new)
    assert await contents(ann, ANN, "orchestra", "limit=1") == [new["content"]]
    assert await contents(ann, ANN, "classical music", "limit=1", search_type="similarity") == [new["content"]]
    for result in await find(ann, ANN, "puppy", "explain=true"):
        assert result["features"]["words"]["value"] == 0
        assert result["message"]["content"] != PETS[0]
    nearest = await find(ann, ANN, PETS[0], search_type="similarity")
    assert nearest[0]["dist"] < 0.9


async def test_late_vectors(working_api: httpx.AsyncClient, working_app: App, store: Store) -> None:
    """A message without a vector is found by its words at once, and by its meaning as soon as the vector is made."""
    await haystack.store_user(store, "default", "ann")
    await haystack.store_talk(store, "default", "home", "ann", PETS)
    assert await contents(working_api, ANN, "volcanoes", "limit=1") == [PETS[1]]
    assert await contents(working_api, ANN, "canine", search_type="similarity") == []
    place = await store.directory.look_up("default", "home")
    assert place is not None
    page = (await working_api.get("sessions/home/messages")).json()["messages"]
    await haystack.embed(store, model_of(working_app), [(*place, page[3]["uuid"])])
    assert await contents(working_api, ANN, "canine", search_type="similarity") == [PETS[3]]
    assert await contents(working_api, ANN, "canine", "limit=1") == [PETS[3]]


async def test_other_languages(ann: httpx.AsyncClient) -> None:
    """Words of any script, with or without spaces between them and however composed, are found as words."""
    for said, asked in (
        ("我姐姐搬到冰岛研究火山", "火山"),
        ("انتقلت أختي إلى لشبونة", "لشبونة"),
        ("누나는 아이슬란드로 이사했다", "아이슬란드"),
        ("Das Café in Zürich", "ZU\N{COMBINING DIAERESIS}RICH"),
    ):
        await say(ann, "home", said)
        best = (await find(ann, ANN, asked, "limit=1&explain=true"))[0]
        assert (best["message"]["content"], best["features"]["words"]["value"] > 0) == (said, True)


async def test_emoji(ann: httpx.AsyncClient) -> None:
    """Emoji break nothing, as a question or as a message."""
    await say(ann, "home", "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f600", "\U0001f355\U0001f355")
    for kind in ("hybrid", "similarity", "mmr"):
        assert len(await contents(ann, ANN, "\U0001f355?", search_type=kind)) == 9


async def test_isolation_of_users(ann: httpx.AsyncClient) -> None:
    """Nobody finds what others said, not by naming their session either."""
    await add_user(ann, "ben", first_name="Ben")
    await add_session(ann, "bens", "ben")
    await say(ann, "bens", PETS[0], "Ben has a secret.")
    await say(ann, "nobodys", "A session without a user has a secret, too.")
    for kind in ("hybrid", "similarity", "mmr"):
        assert set(await contents(ann, "user/ben", "puppy secret", search_type=kind)) == {PETS[0], "Ben has a secret."}
        assert set(await contents(ann, ANN, "secret", search_type=kind)) == {*PETS, *WORK}
        assert await contents(ann, ANN, "secret", search_type=kind, session_ids=["bens", "nobodys"]) == []
    assert await contents(ann, ANN, metadata={"where": {"jsonpath": "$"}}, session_ids=["bens"]) == []


async def test_isolation_of_projects(ann: httpx.AsyncClient, working_app: App, store: Store) -> None:
    """Users and sessions of the same names in another project are others."""
    await haystack.store_user(store, "other", "ann", "Ann")
    for name in ("home", "extra"):
        await haystack.store_talk(store, "other", name, "ann", ["The other Ann has a secret."], model_of(working_app))
    assert working_app.services is not None
    wanted = haystack.wanted("secret puppy")
    scope = await recall.user_scope(store, "other", "ann")
    assert scope is not None
    hits = await working_app.services.recall.search(("other", "user", "ann"), scope, wanted)
    assert [hit.message.content for hit in hits] == ["The other Ann has a secret."] * 2
    for path in (ANN, "sessions/home"):
        assert "The other Ann has a secret." not in await contents(ann, path, "secret", search_type="hybrid")
    assert await contents(ann, ANN, "secret", session_ids=["extra"]) == []
    assert (await ann.delete(ANN)).status_code == 200
    assert len(await working_app.services.recall.search(("other", "user", "ann"), scope, wanted)) == 2


async def test_hybrid_search_of_a_session(ann: httpx.AsyncClient) -> None:
    """A session's search takes `hybrid` too, with filters; an unknown session has no results."""
    home = await find(ann, "sessions/home", "espresso", search_type="hybrid")
    assert {result["session_id"] for result in home} == {"home"}
    assert home[0]["message"]["content"] == PETS[2]
    later = {"start_date": (MARCH + timedelta(days=3)).isoformat()}
    assert await contents(ann, "sessions/home", "espresso", search_type="hybrid", metadata=later) == [PETS[3]]
    assert await find(ann, "sessions/unknown", "espresso", search_type="hybrid") == []
    await say(ann, "loose", "A session without a user.", "It has an espresso.")
    assert (await contents(ann, "sessions/loose", "espresso", search_type="hybrid"))[0] == "It has an espresso."
    plain = await find(ann, "sessions/home", "espresso")
    assert all("score" not in result for result in plain)


@pytest.mark.parametrize("settings", [load({}, None, {"purge_every": 0, "serve_hybrid_for_similarity": True})])
async def test_hybrid_in_place_of_similarity(ann: httpx.AsyncClient) -> None:
    """With the setting, a session's search by similarity is hybrid; mmr and the user's search stay what they are."""
    hybrid = await find(ann, "sessions/work", "Who repairs it?", search_type="hybrid")
    for body in ({}, {"search_type": None}, {"search_type": "similarity"}):
        assert await find(ann, "sessions/work", "Who repairs it?", **body) == hybrid
    assert all("score" not in result for result in await find(ann, "sessions/work", "repairs", search_type="mmr"))
    for result in await find(ann, ANN, "Who repairs it?", search_type="similarity"):
        assert result["score"] == result["dist"]


@pytest.mark.parametrize("settings", [load({}, None, {"purge_every": 0, "embedding_provider": "none"})])
async def test_without_a_model(api: httpx.AsyncClient, settings: Any) -> None:
    """Without a model hybrid search finds by words, and a search by meaning answers 503 and what to do."""
    assert settings.embedding_provider == "none"
    await add_user(api, "ann")
    await add_session(api, "home", "ann")
    await say(api, "home", *PETS, wait=0)
    assert (await contents(api, ANN, "Who studies volcanoes?"))[0] == PETS[1]
    assert (await contents(api, "sessions/home", "Who studies volcanoes?", search_type="hybrid"))[0] == PETS[1]
    assert len(await contents(api, ANN, "the of and")) == 4
    for kind in ("similarity", "mmr"):
        answer = await api.post("user/ann/search", json={"text": "volcanoes", "search_type": kind})
        assert answer.status_code == 503
        assert "model" in answer.text
    assert len(await contents(api, ANN, start_date="2024-01-01")) == 4
