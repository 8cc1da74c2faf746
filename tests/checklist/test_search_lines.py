from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from talk import NIL, say

MARCH = datetime(2024, 3, 1, 12, tzinfo=UTC)
TALK = [
    ("I adopted a puppy and named him Biscuit.", {"topic": "pets", "n": 1}),
    ("My sister moved to Iceland to study volcanoes.", {"topic": "travel", "n": 2, "who": {"name": "Ann"}}),
    ("The espresso machine at the office is broken again.", {"topic": "work", "n": 3}),
    ("Our little dog has learned to fetch the newspaper.", {"topic": "pets", "n": 4}),
    ("We fly to Reykjavik in June to see the midnight sun.", {"topic": "travel", "n": 5}),
    ("Google has an office in Zurich.", {"system": {"entities": [{"Name": "Google", "Label": "ORG", "Matches": []}]}}),
    *((f"The invoice number {n} was paid on time.", None) for n in range(8)),
]

PATHS = {
    '$.topic ? (@ == "pets")': [1, 4],
    "$.topic ? (@ == 'pets')": [1, 4],
    '$[*] ? (@.topic == "pets")': [1, 4],
    "$[*] ? (@.topic == 'pets' && @.n > 1)": [4],
    "$.n ? (@ >= 3)": [3, 4, 5],
    '$.who ? (@.name starts with "A")': [2],
    '$.topic ? (@ like_regex "^t.*l$")': [2, 5],
    "$.who.name": [2],
    "$ ? (exists(@.who))": [2],
    '$.nothing ? (@ == "pets")': [],
}
"""Paths, and the `n` of the messages that they match."""


@pytest_asyncio.fixture
async def talk(working_api: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of a server that holds the talk in session `one`, embedded, a message a day from the first of March."""
    bodies = [
        {
            "role": "human",
            "content": text,
            "metadata": metadata,
            "created_at": (MARCH + timedelta(days=day)).isoformat(),
        }
        for day, (text, metadata) in enumerate(TALK)
    ]
    answer = await working_api.post("sessions/one/memory?wait=30", json={"messages": bodies})
    assert (answer.status_code, answer.text) == (200, "OK")
    return working_api


async def found(api: httpx.AsyncClient, session_id: str = "one", query: str = "limit=20", **body: Any) -> Any:
    answer = await api.post(f"sessions/{session_id}/search?{query}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def texts(api: httpx.AsyncClient, session_id: str = "one", query: str = "limit=20", **body: Any) -> list[str]:
    return [result["message"]["content"] for result in await found(api, session_id, query, **body)]


async def numbers(api: httpx.AsyncClient, where: Any, **metadata: str) -> list[int]:
    """Return the `n` of the messages that a filter lets through, ascending."""
    results = await found(api, metadata={"where": where, **metadata})
    return sorted(result["message"]["metadata"]["n"] for result in results)


async def test_088_a_search_for_nothing(api: httpx.AsyncClient) -> None:
    """A search with neither a text nor a filter is a bad request."""
    for body in ({}, {"text": ""}, {"text": None, "metadata": None}, {"text": "", "metadata": {}}):
        answer = await api.post("sessions/one/search", json=body)
        assert answer.status_code == 400
        assert "empty query" in answer.text


async def test_089_090_nulls_and_limits(talk: httpx.AsyncClient) -> None:
    """Null means absent, as the Python client sends it; without a limit there are ten results."""
    nulls = {"metadata": None, "search_scope": "messages", "search_type": "similarity", "mmr_lambda": None}
    assert len(await found(talk, query="limit=3", text="dogs", **nulls)) == 3
    for query in ("", "limit=", "limit=0", "limit=-1"):
        assert len(await found(talk, query=query, text="dogs", search_scope=None, search_type=None)) == 10, query
        assert len(await found(talk, query=query, text="dogs", search_type="mmr")) == 10, query
    where = {"where": {"jsonpath": '$.topic ? (@ == "pets")'}}
    assert len(await found(talk, text=None, metadata=where, mmr_lambda=None)) == 2
    assert (await talk.post("sessions/one/search?limit=abc", json={"text": "dogs"})).status_code == 400


async def test_091_092_what_a_result_holds(talk: httpx.AsyncClient) -> None:
    """A result has the whole message and its similarity, the nearest first; the same text has nearly 1."""
    results = await found(talk, text=TALK[0][0])
    stored = (await talk.get("sessions/one/messages")).json()["messages"]
    assert all(set(result) == {"message", "summary", "dist", "embedding"} for result in results)
    assert [result["summary"] for result in results] == [result["embedding"] for result in results] == [None] * 14
    assert results[0]["message"] == stored[0]
    assert results[0]["dist"] == pytest.approx(1, abs=0.002)
    distances = [result["dist"] for result in results]
    assert distances == sorted(distances, reverse=True)
    assert results[1]["message"]["content"] == TALK[3][0]
    assert -1 <= distances[-1] < distances[1] < 0.9
    assert await found(talk, text="dogs", search_scope="summary") == []


async def test_093_metadata_alone(talk: httpx.AsyncClient) -> None:
    """A search by metadata alone compares nothing and gives the newest first, embedded or not."""
    await say(talk, "two", {"role": "ai", "content": "", "metadata": {"topic": "pets"}})
    where = {"where": {"jsonpath": '$.topic ? (@ == "pets")'}}
    results = await found(talk, metadata=where)
    assert [result["message"]["metadata"]["n"] for result in results] == [4, 1]
    assert [result["dist"] for result in results] == [0, 0]
    assert len(await found(talk, "two", metadata=where)) == 1


async def test_094_filters_in_jsonpath(api: httpx.AsyncClient) -> None:
    """A row matches when the path finds something in its metadata, in either kind of quotes."""
    await say(api, "one", *({"role": "human", "content": text, "metadata": metadata} for text, metadata in TALK))
    for path, matching in PATHS.items():
        assert await numbers(api, {"jsonpath": path}) == matching, path


async def test_094_095_filters_that_are_none(api: httpx.AsyncClient) -> None:
    """A filter that PostgreSQL or nobody understands is a bad request."""
    await say(api, "one", {"role": "human", "content": "hi", "metadata": {"k": 1}})
    for where in ({"jsonpath": "$.["}, {"jsonpath": 1}, "text", [], {"and": {}}, {"or": [1]}, {"jsonpath": ""}):
        answer = await api.post("sessions/one/search", json={"metadata": {"where": where}})
        assert answer.status_code == 400, where


async def test_095_and_and_or_are_boolean(api: httpx.AsyncClient) -> None:
    """Filters nest as logic says, wherever a group stands in its list."""
    await say(api, "one", *({"role": "human", "content": text, "metadata": metadata} for text, metadata in TALK[:5]))
    pets, travel = ({"jsonpath": f"$.topic ? (@ == '{topic}')"} for topic in ("pets", "travel"))
    late, early = {"jsonpath": "$.n ? (@ > 3)"}, {"jsonpath": "$.n ? (@ < 2)"}
    late_travel = {"and": [travel, late]}
    assert await numbers(api, {"or": [pets, late_travel]}) == [1, 4, 5]
    assert await numbers(api, {"or": [late_travel, pets]}) == [1, 4, 5]
    assert await numbers(api, {"and": [{"or": [pets, travel]}, {"or": [late, early]}]}) == [1, 4, 5]
    assert await numbers(api, {"or": [early, {"or": [late, {"and": [pets, late]}]}]}) == [1, 4, 5]
    assert await numbers(api, {"and": [pets, travel]}) == []
    assert await numbers(api, {"jsonpath": "$.n ? (@ < 5)", "or": [late, travel]}) == [2, 4]


async def test_096_dates(talk: httpx.AsyncClient) -> None:
    """The bounds on the time of a message are inclusive; either may be absent, and a bare date means its midnight."""
    noon = [(MARCH + timedelta(days=day)).isoformat() for day in range(5)]
    numbered = {"jsonpath": "$.n"}
    assert await numbers(talk, numbered, start_date=noon[1], end_date=noon[3]) == [2, 3, 4]
    assert await numbers(talk, numbered, start_date=noon[3]) == [4, 5]
    assert await numbers(talk, numbered, end_date=noon[1]) == [1, 2]
    assert await numbers(talk, numbered, start_date="2024-03-02", end_date="2024-03-04") == [2, 3]
    assert len(await texts(talk, metadata={"end_date": noon[1]})) == 2
    assert await texts(talk, text=TALK[4][0], metadata={"end_date": noon[1]}, query="limit=1") == [TALK[1][0]]
    for metadata in ({"start_date": "soon"}, {"end_date": 17}):
        assert (await talk.post("sessions/one/search", json={"metadata": metadata})).status_code == 400


async def test_097_diverse_results(talk: httpx.AsyncClient) -> None:
    """With a lambda of 1 mmr is similarity; the less, the more it avoids what it has; absent and 0 mean 0.5."""
    query = "The invoice was paid on time."
    nearest = await texts(talk, text=query, query="limit=5")
    assert await texts(talk, text=query, query="limit=5", search_type="mmr", mmr_lambda=1) == nearest
    half = await found(talk, text=query, query="limit=5", search_type="mmr", mmr_lambda=0.5)
    for unsaid in ({}, {"mmr_lambda": None}, {"mmr_lambda": 0}):
        assert await found(talk, text=query, query="limit=5", search_type="mmr", **unsaid) == half
    assert half[0]["message"]["content"] == nearest[0]
    assert {result["message"]["content"] for result in half} != set(nearest)
    assert {len(result["embedding"]) for result in half} == {384}


async def test_098_unknown_scopes_and_types(talk: httpx.AsyncClient) -> None:
    """An unknown scope is refused; an unknown type is similarity."""
    answer = await talk.post("sessions/one/search", json={"text": "dogs", "search_scope": "facts"})
    assert answer.status_code == 400
    assert await found(talk, text="dogs", search_type="magic") == await found(talk, text="dogs")


async def test_099_100_nothing_found_and_nobody_elses(talk: httpx.AsyncClient) -> None:
    """A search finds messages of its own session only; where there are none the array is empty, in every way."""
    answer = await talk.post("sessions/two/memory?wait=30", json={"messages": [{"role": "ai", "content": "A dog."}]})
    assert answer.status_code == 200
    assert await texts(talk, "two", text=TALK[0][0]) == ["A dog."]
    assert "A dog." not in await texts(talk, text="A dog.")
    assert await found(talk, "two", metadata={"where": {"jsonpath": "$.n"}}) == []
    for search_type in ("similarity", "mmr"):
        for scope in ("messages", "summary"):
            assert await found(talk, "unknown", text="dogs", search_type=search_type, search_scope=scope) == []
    nothing = {"where": {"jsonpath": "$.nothing"}}
    assert await found(talk, text="dogs", metadata=nothing, search_type="mmr") == []


async def test_101_entities_can_be_searched(talk: httpx.AsyncClient) -> None:
    """A filter reaches the entities in `system`, by their capitalised keys."""
    where = {"where": {"jsonpath": '$.system.entities[*] ? (@.Label == "ORG")'}}
    assert await texts(talk, text="companies", metadata=where) == ["Google has an office in Zurich."]
    assert NIL not in {result["message"]["uuid"] for result in await found(talk, metadata=where)}
