"""Hybrid search of documents: by words and by meaning."""

from __future__ import annotations

import asyncio

import httpx

DOCUMENTS = [
    {"document_id": "kale", "content": "Caldo verde, a soup of kale and potatoes", "metadata": {"course": 1}},
    {"document_id": "part", "content": "Order number QX-7731 was a bread knife", "metadata": {"course": 0}},
    {"document_id": "bread", "content": "Sourdough bread bakes at 250 degrees", "metadata": {"course": 2}},
    {"document_id": "river", "content": "The river rises in the spring", "metadata": {"course": 0}},
]


async def found(api: httpx.AsyncClient, text: str, *, kind: str = "hybrid", **body: object) -> list[str]:
    answer = await api.post("collection/notes/search?limit=4", json={"text": text, "search_type": kind, **body})
    assert answer.status_code == 200, answer.text
    assert answer.json()["result_count"] == len(answer.json()["results"])
    return [result["document_id"] for result in answer.json()["results"]]


async def stored(api: httpx.AsyncClient) -> None:
    await api.post("collection/notes", json={"name": "notes", "embedding_dimensions": 384, "is_auto_embedded": True})
    assert (await api.post("collection/notes/document", json=DOCUMENTS)).status_code == 200
    while (await api.get("collection/notes")).json()["document_embedded_count"] < len(DOCUMENTS):  # noqa: ASYNC110
        await asyncio.sleep(0.05)  # the server tells nobody when it is done


async def test_a_rare_word_outweighs_meaning(working_api: httpx.AsyncClient) -> None:
    """A number that stands in one document puts it first, where meaning alone prefers another."""
    await stored(working_api)
    question = "how do I bake the loaf I cut with QX-7731 at the right temperature in degrees"
    assert (await found(working_api, question, kind="similarity"))[0] == "bread"
    assert (await found(working_api, "QX-7731"))[0] == "part"


async def test_meaning_finds_without_a_common_word(working_api: httpx.AsyncClient) -> None:
    """A document that shares no word with the question is found by its vector."""
    await stored(working_api)
    assert (await found(working_api, "a hot starter with vegetables"))[0] == "kale"


async def test_a_filter_holds_for_words_and_meaning(working_api: httpx.AsyncClient) -> None:
    """Documents that do not fulfil the filter come neither by their words nor by their vectors."""
    await stored(working_api)
    where = {"where": {"jsonpath": "$[*] ? (@.course == 0)"}}
    assert sorted(await found(working_api, "sourdough bread knife", metadata=where)) == ["part", "river"]


async def test_words_find_before_there_are_vectors(api: httpx.AsyncClient, working_api: httpx.AsyncClient) -> None:
    """A document is found by its words as soon as it is stored, even if nothing embeds it."""
    await api.post("collection/notes", json={"name": "notes", "embedding_dimensions": 384, "is_auto_embedded": True})
    await api.post("collection/notes/document", json=DOCUMENTS)
    assert (await found(working_api, "kale"))[0] == "kale"


async def test_odd_questions_are_answered(working_api: httpx.AsyncClient) -> None:
    """Stop words, other scripts, operators of the full text search and long texts are questions like others."""
    await stored(working_api)
    for text in ("the of and", "???", "& | ! <-> :*", "漢字 العربية 🎉", "word " * 5000):
        assert len(await found(working_api, text)) == 4
