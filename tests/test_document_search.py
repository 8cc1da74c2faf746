"""Searching documents over HTTP, on a real database. The numbers are those of the compatibility checklist."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from recollect.http.app import App
from recollect.store import Store, indexes
from recollect.store.keys import bucket_in
from recollect.store.vectors import vector

WIDTH = 16


async def create(api: httpx.AsyncClient, name: str = "books", width: int = WIDTH) -> str:
    body = {"name": name, "embedding_dimensions": width, "is_auto_embedded": False}
    assert (await api.post(f"collection/{name}", json=body)).status_code == 200
    return f"collection/{name}"


async def fill(api: httpx.AsyncClient, collection: str, rows: NDArray[np.float32]) -> list[str]:
    batch = [
        {"content": f"{place}", "embedding": row.tolist(), "metadata": {"place": place, "even": place % 2 == 0}}
        for place, row in enumerate(rows)
    ]
    answer = await api.post(f"{collection}/document", json=batch)
    assert answer.status_code == 200, answer.text
    uuids: list[str] = answer.json()
    return uuids


async def search(api: httpx.AsyncClient, collection: str, limit: int = 0, **body: Any) -> dict[str, Any]:
    answer = await api.post(f"{collection}/search?limit={limit or ''}", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["result_count"] == len(answer.json()["results"])
    found: dict[str, Any] = answer.json()
    return found


def places(found: dict[str, Any]) -> list[int]:
    return [int(result["content"]) for result in found["results"]]


def vectors(count: int, width: int = WIDTH, seed: int = 7) -> NDArray[np.float32]:
    """Vectors of any length in clusters, as those of texts are."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((max(count // 50, 1), width))
    rows = centres[random.integers(len(centres), size=count)] + 0.4 * random.standard_normal((count, width))
    return (rows * random.uniform(0.1, 10, (count, 1))).astype(np.float32)


def cosines(rows: NDArray[np.float32], query: NDArray[np.float32]) -> NDArray[np.float64]:
    exact = rows.astype(np.float64)
    return exact @ query / np.linalg.norm(exact, axis=1) / np.linalg.norm(query)  # type: ignore[no-any-return]


async def test_the_nearest_come_first(api: httpx.AsyncClient) -> None:
    """125, 126: exact order by cosine, scores (1 + cosine) / 2, 20 unless said otherwise, vectors included."""
    books, rows = await create(api), vectors(200)
    await fill(api, books, rows)
    for query in vectors(5, seed=8):
        found = await search(api, books, embedding=query.tolist())
        cosine = cosines(rows, query)
        expected = np.argsort(-cosine)[:20]
        assert places(found) == expected.tolist()
        scores = [result["score"] for result in found["results"]]
        assert scores == pytest.approx(((1 + cosine[expected]) / 2).tolist(), abs=1e-6)
        assert scores == sorted(scores, reverse=True)
        assert np.array_equal(np.float32(found["results"][0]["embedding"]), rows[expected[0]])
    assert len((await search(api, books, 3, embedding=rows[0].tolist()))["results"]) == 3
    assert len((await search(api, books, 500, embedding=rows[0].tolist()))["results"]) == 200


async def test_identical_and_opposite(api: httpx.AsyncClient) -> None:
    """126: the same direction scores 1, the opposite one 0, whatever the lengths, even very large and small ones."""
    books, row = await create(api), vectors(1)[0]
    await fill(api, books, np.stack([row, -row, row * np.float32(1e-15)]))
    for scale in (1, 1e-30, 1e30):
        found = await search(api, books, embedding=(row.astype(np.float64) * scale).tolist())
        assert [result["score"] for result in found["results"]] == pytest.approx([1, 1, 0], abs=1e-6)


async def test_what_a_search_answers(api: httpx.AsyncClient) -> None:
    """127: the vector used comes back; an empty one, never null, when metadata alone was asked for."""
    books, rows = await create(api), vectors(10)
    await fill(api, books, rows)
    query = rows[0].tolist()
    found = await search(api, books, embedding=query)
    assert found["query_vector"] == query
    assert (found["total_pages"], found["current_page"]) == (0, 0)
    found = await search(api, books, metadata={"where": {"jsonpath": "$ ? (@.place > 6)"}})
    assert found["query_vector"] == []
    assert {*places(found)} == {7, 8, 9}
    assert all(result["score"] == 0 and result["is_embedded"] for result in found["results"])
    assert (await search(api, books, metadata={"where": {"jsonpath": "$.none"}}))["results"] == []


async def test_a_filter_narrows_exactly(api: httpx.AsyncClient) -> None:
    """125: with a filter, the nearest of those that fulfil it; a wrong path is refused."""
    books, rows = await create(api), vectors(300)
    await fill(api, books, rows)
    query = vectors(1, seed=8)[0]
    where = {"and": [{"jsonpath": "$ ? (@.even == true)"}, {"or": [{"jsonpath": "$ ? (@.place >= 100)"}]}]}
    found = await search(api, books, 10, embedding=query.tolist(), metadata={"where": where})
    cosine = cosines(rows, query)
    expected = [place for place in np.argsort(-cosine).tolist() if place % 2 == 0 and place >= 100][:10]
    assert places(found) == expected
    everything = await search(api, books, 10, embedding=query.tolist(), metadata={"ignored": 1})
    assert places(everything) == np.argsort(-cosine)[:10].tolist()
    refused = await api.post(f"{books}/search", json={"metadata": {"where": {"jsonpath": "$ ? (("}}})
    assert refused.status_code == 400


async def test_what_cannot_be_searched_for(api: httpx.AsyncClient) -> None:
    """125: nothing to look for, two things at once, a vector of another width, or one without a direction."""
    books = await create(api)
    await fill(api, books, vectors(3))
    for body, text in [
        ({}, "at least one of text, metadata, or embedding must be specified"),
        ({"text": "", "embedding": None, "metadata": {}}, "at least one of text, metadata, or embedding must be"),
        ({"text": "x", "embedding": [1] * WIDTH}, "cannot specify both text and embedding"),
        ({"embedding": [1] * 5}, "embedding width mismatch"),
        ({"embedding": [0] * WIDTH}, "a vector of zeros is near nothing"),
    ]:
        refused = await api.post(f"{books}/search", json=body)
        assert (refused.status_code, text in refused.text) == (400, True), refused.text
    assert (await api.post(f"{books}/search?limit=x", json={"embedding": [1] * WIDTH})).status_code == 400
    assert (await api.post("collection/none/search", json={"embedding": [1] * WIDTH})).status_code == 404


async def test_vectors_of_zeros_are_kept_and_not_found(api: httpx.AsyncClient) -> None:
    """130: a placeholder of zeros is stored and readable, is found by metadata, and is near no query."""
    books = await create(api)
    uuids = await fill(api, books, np.stack([np.zeros(WIDTH, np.float32), vectors(1)[0]]))
    assert (await api.get(f"{books}/document/uuid/{uuids[0]}")).json()["embedding"] == [0] * WIDTH
    for kind in ("similarity", "mmr"):
        assert places(await search(api, books, embedding=[1] * WIDTH, search_type=kind)) == [1]
    assert len((await search(api, books, metadata={"where": {"jsonpath": "$.place"}}))["results"]) == 2


async def test_diverse_results(api: httpx.AsyncClient) -> None:
    """129: mmr passes over near repetitions, weighs by lambda, and counts what it returns."""
    books = await create(api)
    rows = np.zeros((12, WIDTH), np.float32)
    rows[:10, 0] = 1
    rows[:10, 1] = np.linspace(0, 0.01, 10)
    rows[10, :3] = (1, 0.5, 0)
    rows[11, :3] = (1, -0.6, 0.2)
    await fill(api, books, rows)
    query = [1.0] + [0.0] * (WIDTH - 1)
    assert places(await search(api, books, 3, embedding=query, search_type="similarity")) == [0, 1, 2]
    diverse = places(await search(api, books, 6, embedding=query, search_type="mmr", mmr_lambda=0.3))
    assert diverse[0] == 0
    assert {10, 11} <= set(diverse)
    alike = await search(api, books, 3, embedding=query, search_type="mmr", mmr_lambda=1)
    assert places(alike) == [0, 1, 2]
    assert alike["result_count"] == 3


async def test_widths_lie_side_by_side(api: httpx.AsyncClient) -> None:
    """115: collections of all widths share a table, each searched by its own."""
    widths = (8, 16, 384, 2000)
    stored = {width: vectors(20, width, seed=width) for width in widths}
    for width, rows in stored.items():
        await fill(api, await create(api, f"width{width}", width), rows)
    for width, rows in stored.items():
        found = await search(api, f"collection/width{width}", 1, embedding=rows[3].tolist())
        assert places(found) == [3]
        assert found["results"][0]["score"] == pytest.approx(1)


async def planted(api: httpx.AsyncClient, store: Store, count: int) -> tuple[str, UUID, NDArray[np.float32]]:
    """A collection with so many documents, put in by the shortest way, and a neighbour of the same width."""
    await fill(api, await create(api, "beside"), vectors(500, seed=9))
    books, rows = await create(api), vectors(count)
    key = UUID((await api.get(books)).json()["uuid"])
    async with store.database.connection() as connection:
        await connection.raw.execute(
            """WITH given AS (
                SELECT new_key($1::smallint) AS uuid, n.* FROM unnest($3::vector[]) WITH ORDINALITY AS n (v, place)
            ), stored AS (
                INSERT INTO documents SELECT $1, $2, uuid, 'default', NULL, 'english', now(), now(),
                    (place - 1)::text, jsonb_build_object('place', place - 1) FROM given
            )
            INSERT INTO document_embeddings SELECT $1, $2, uuid, 0, 'default', v FROM given""",
            bucket_in(key),
            key,
            [vector(row) for row in rows],
        )
        await connection.raw.execute("ANALYZE document_embeddings")
    return books, key, rows


async def until(happened: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(100):
        while not await happened():  # noqa: ASYNC110 -- it happens in the database
            await asyncio.sleep(0.1)


async def test_a_large_collection_gets_an_index(working_app: App, working_api: httpx.AsyncClient, store: Store) -> None:
    """The first search beyond the threshold has an index built; it is used, and finds >= 95 % of the exact nearest."""
    assert working_app.services
    books, key, rows = await planted(working_api, store, 12_000)
    queries = vectors(50, seed=11)
    expected = [set(np.argsort(-cosines(rows, query))[:10].tolist()) for query in queries]
    assert set(places(await search(working_api, books, 10, embedding=queries[0].tolist()))) == expected[0]

    async def indexed() -> bool:
        return await indexes.measured_recall(store, key, samples=1) is not None

    async def used() -> bool:  # backends count a while later
        return (await scans(store, "documents_hnsw_%") or 0) >= len(queries)

    async def dropped() -> bool:
        return await scans(store, "documents_hnsw_%") is None

    await until(indexed)
    shares = []
    for query, exact in zip(queries, expected, strict=True):
        found = await search(working_api, books, 10, embedding=query.tolist())
        scores = [result["score"] for result in found["results"]]
        assert scores == sorted(scores, reverse=True)
        shares.append(len(exact & set(places(found))) / 10)
    assert np.mean(shares) >= 0.95
    await until(used)
    answer = await working_api.post(f"{books}/index/create?measure=true")
    assert 0.95 <= answer.json()["recall"] <= 1
    # A filter leaves the index aside, and finds what is far from the query, too.
    where = {"jsonpath": "$ ? (@.place < 5)"}
    far = await search(working_api, books, 10, embedding=queries[0].tolist(), metadata={"where": where})
    assert set(places(far)) == set(range(5))
    # More than the index can be asked for: all there are.
    assert len((await search(working_api, books, 12_001, embedding=queries[0].tolist()))["results"]) == 12_000
    await working_api.delete(books)
    await until(dropped)


async def scans(store: Store, name: str) -> int | None:
    """How often indexes of this name were used; None when there are none."""
    async with store.database.connection() as connection:
        await connection.raw.execute("SELECT pg_stat_force_next_flush()")
        count: int | None = await connection.raw.fetchval(
            "SELECT sum(idx_scan)::integer FROM pg_stat_user_indexes WHERE indexrelname LIKE $1", name
        )
        return count


async def test_an_index_that_comes_up_short_is_made_good(api: httpx.AsyncClient, store: Store) -> None:
    """When the index finds fewer than wanted, as after many deletions, every vector is looked at."""
    books, key, rows = await planted(api, store, 600)
    await indexes.build(store, bucket_in(key), key, above=500)
    assert await indexes.measured_recall(store, key) is not None
    async with store.database.connection() as connection:
        await connection.raw.execute("DELETE FROM documents WHERE (metadata ->> 'place')::integer >= 15")
    found = await search(api, books, embedding=rows[500].tolist())
    assert places(found) == np.argsort(-cosines(rows[:15], rows[500])).tolist()


async def test_a_cut_short_index_is_built_again(api: httpx.AsyncClient, store: Store) -> None:
    """What an interrupted building left behind is dropped, and the index made; a second building finds it done."""
    _, key, _ = await planted(api, store, 600)
    await indexes.build(store, bucket_in(key), key, above=500)
    async with store.database.connection() as connection:
        await connection.raw.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid::regclass::text LIKE '%documents_hnsw_%'"
        )
        await connection.raw.execute("UPDATE collections SET indexed_model = NULL")
    assert await indexes.measured_recall(store, key) is None
    await indexes.build(store, bucket_in(key), key, above=500)
    await indexes.build(store, bucket_in(key), key, above=500)
    assert (await indexes.measured_recall(store, key) or 0) >= 0.95


async def test_a_small_collection_gets_no_index(api: httpx.AsyncClient, store: Store) -> None:
    """Asking for one is answered OK; looking at every vector stays the better way. Gone collections are passed over."""
    books = await create(api)
    await fill(api, books, vectors(100))
    key = UUID((await api.get(books)).json()["uuid"])
    await indexes.build(store, bucket_in(key), key)
    assert await indexes.measured_recall(store, key) is None
    answer = await api.post(f"{books}/index/create?measure=true")
    assert answer.json() == {"recall": None}
    await api.delete(books)
    await indexes.build(store, bucket_in(key), key)
    assert await scans(store, "documents_hnsw_%") is None
