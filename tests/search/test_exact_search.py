"""Search within a session looks at every vector: no index may decide, nothing may be missed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray

from recollect.models import EmbeddingModel
from recollect.store import Store, embeddings, search
from recollect.store.keys import bucket_of, new_key
from recollect.store.search import Bounds
from recollect.store.statements import STATEMENTS
from recollect.store.vectors import halfvec

WIDTH = 32
SESSIONS = [f"s{place}" for place in range(4)]
EVERYTHING = Bounds(None, None, None)

INSERT_SESSION = """
INSERT INTO sessions (bucket, key, project_id, id, session_id, name_bucket, created_at, updated_at, last_seq)
VALUES ($1, $2, 'default', nextval('session_ids'), $3, $1, now(), now(), $4)
"""
INSERT_NAME = "INSERT INTO session_names VALUES ($1, 'default', $2, $1, $3)"
INSERT_MESSAGES = """
INSERT INTO messages (bucket, session_key, seq, project_id, uuid, language, created_at, updated_at, role, content,
                      metadata)
SELECT $1, $2, n, 'default', new_key($1), 'english', now(), now(), 'user', n::text, jsonb_build_object('n', n)
FROM generate_series(1, $3::bigint) AS n
"""
INSERT_VECTORS = """
INSERT INTO message_embeddings (bucket, session_key, seq, model, project_id, embedding)
SELECT $1, $2, n, 1, 'default', v FROM unnest($3::halfvec[]) WITH ORDINALITY AS v (v, n)
"""
Matrix = NDArray[np.float32]


async def fill(store: Store, name: str, vectors: Matrix) -> None:
    bucket = bucket_of("default", name)
    key = new_key(bucket)
    async with store.database.connection() as connection:
        await connection.raw.execute(INSERT_SESSION, bucket, key, name, len(vectors))
        await connection.raw.execute(INSERT_NAME, bucket, name, key)
        await connection.raw.execute(INSERT_MESSAGES, bucket, key, len(vectors))
        await connection.raw.execute(INSERT_VECTORS, bucket, key, [halfvec(row) for row in vectors])


def unit(draw: np.random.Generator, count: int) -> Matrix:
    rows = draw.standard_normal((count, WIDTH)).astype(np.float32)
    unit: Matrix = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


@pytest.fixture
async def vectors(store: Store) -> dict[str, Matrix]:
    """2,000 random vectors in four sessions, beside an index that someone made of them."""
    draw = np.random.default_rng(1)
    made = {name: unit(draw, 500) for name in SESSIONS}
    await embeddings.register(store, EmbeddingModel("openai", "random", WIDTH))
    for name, rows in made.items():
        await fill(store, name, rows)
    async with store.database.connection() as connection:
        await connection.raw.execute(f"ALTER TABLE message_embeddings ALTER COLUMN embedding TYPE halfvec({WIDTH})")
        await connection.raw.execute("CREATE INDEX hnsw ON message_embeddings USING hnsw (embedding halfvec_ip_ops)")
        await connection.raw.execute("ANALYZE")
    return made


@pytest.mark.parametrize("limit", [1, 10, 100])
async def test_nothing_is_missed(store: Store, vectors: dict[str, Matrix], limit: int) -> None:
    """In each of four sessions the nearest are those that brute force finds, with the cosine to 0.002."""
    draw = np.random.default_rng(2)
    for name, rows in vectors.items():
        for query in unit(draw, 5):
            cosines = rows @ query
            for bounds in (EVERYTHING, Bounds(None, None, {"jsonpath": "$.n"})):
                found = await search.nearest(store, "default", name, 1, query, bounds, limit)
                assert len(found) == limit
                places = [int(row.message.content) - 1 for row in found]
                assert [row.similarity for row in found] == pytest.approx(cosines[places], abs=0.002)
                assert [row.similarity for row in found] == sorted((row.similarity for row in found), reverse=True)
                # 16-bit numbers may turn round two that are equally near, and nothing else.
                assert cosines[places].min() >= np.sort(cosines)[-limit] - 0.002
                assert len(set(places)) == limit
                assert all(
                    np.allclose(row.vector, rows[place], atol=1e-3) for row, place in zip(found, places, strict=True)
                )


async def test_recall(store: Store, vectors: dict[str, Matrix]) -> None:
    """Against brute force on the numbers as they are stored, recall is 1.0."""
    draw = np.random.default_rng(3)
    for name, rows in vectors.items():
        stored = rows.astype(np.float16).astype(np.float64)
        for query in unit(draw, 20):
            expected = np.argsort(-(stored @ query.astype(np.float16).astype(np.float64)), kind="stable")[:10]
            found = await search.nearest(store, "default", name, 1, query, EVERYTHING, 10)
            assert {int(row.message.content) - 1 for row in found} == set(expected.tolist())


async def test_a_filter_comes_before_the_nearest(store: Store, vectors: dict[str, Matrix]) -> None:
    """Of those that match a filter none is missed, even when all the nearest do not match it."""
    rows = vectors["s0"]
    query = rows[0]
    far = int(np.argmin(rows @ query))
    where = {"jsonpath": f"$ ? (@.n == {far + 1})"}
    found = await search.nearest(store, "default", "s0", 1, query, Bounds(None, None, where), 10)
    assert [row.message.content for row in found] == [str(far + 1)]


@pytest.mark.parametrize("name", ["search.nearest", "search.nearest_matching"])
@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
async def test_the_plan_is_exact(store: Store, vectors: dict[str, Matrix], name: str, mode: str) -> None:
    """With an index on all vectors, and sorting and scanning made unattractive, the plan still reads the session."""
    assert "hnsw" in await _plan(store, "SELECT seq FROM message_embeddings ORDER BY embedding <#> $1 LIMIT 5", mode)
    assert "hnsw" not in await _plan(store, STATEMENTS[name], mode)
    assert len(vectors) == 4


async def _plan(store: Store, text: str, mode: str) -> str:
    bucket = bucket_of("default", "s0")
    query = halfvec(np.ones(WIDTH) / np.sqrt(WIDTH))
    arguments: tuple[Any, ...] = (query,)
    if "$2" in text:
        arguments = (bucket, UUID(int=0), 1, query, 5, None, None, None)[: 8 if "$8" in text else 5]
    async with store.database.transaction() as connection:
        await connection.raw.execute(f"SET LOCAL plan_cache_mode = {mode}")
        for switch in ("enable_sort", "enable_seqscan", "enable_bitmapscan"):
            await connection.raw.execute(f"SET LOCAL {switch} = off")
        plan = await connection.raw.fetch(f"EXPLAIN {text}", *arguments)
    return "\n".join(row[0] for row in plan)


async def test_of_one_session_only(store: Store, vectors: dict[str, Matrix]) -> None:
    """The nearest of another session's messages, or of a deleted session's, are not found."""
    query = vectors["s1"][0]
    found = await search.nearest(store, "default", "s0", 1, query, EVERYTHING, 1)
    assert found[0].similarity < 0.99
    async with store.database.connection() as connection:
        await connection.raw.execute("UPDATE sessions SET cleared_seq = 499 WHERE session_id = 's1'")
    found = await search.nearest(store, "default", "s1", 1, query, EVERYTHING, 10)
    assert [row.message.content for row in found] == ["500"]
