"""metadata_merge, the one function by which all metadata is merged."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recollect.store.database import connect

# Few and short keys, so that two documents share many of them at every level.
KEYS = st.sampled_from(["a", "b", "c", "system", "", "ü", 'quo"te'])
SCALARS = st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.text("xyz\\\"'\u2028😀", max_size=3)
VALUES = st.recursive(
    SCALARS, lambda below: st.lists(below, max_size=2) | st.dictionaries(KEYS, below, max_size=4), max_leaves=12
)
PAIRS = st.lists(st.tuples(VALUES, VALUES), min_size=30, max_size=60)
"""Many examples for one trip to the database."""


def merged(stored: Any, incoming: Any) -> Any:
    """Say in Python what the function has to do."""
    if isinstance(stored, dict) and isinstance(incoming, dict):
        return stored | {key: merged(stored.get(key), value) for key, value in incoming.items()}
    return incoming


@pytest_asyncio.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    raw = await connect(database_url, seconds=10)
    yield raw
    await raw.close()


async def _merge(connection: asyncpg.Connection[asyncpg.Record], pairs: list[tuple[Any, Any]]) -> list[Any]:
    rows = await connection.fetch(
        """SELECT metadata_merge(stored::jsonb, incoming::jsonb)::text FROM unnest($1::text[], $2::text[])
        WITH ORDINALITY AS pair (stored, incoming, place) ORDER BY place""",
        [json.dumps(stored) for stored, _ in pairs],
        [json.dumps(incoming) for _, incoming in pairs],
    )
    return [json.loads(row[0]) for row in rows]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=PAIRS)
async def test_it_does_what_the_model_says(
    connection: asyncpg.Connection[asyncpg.Record], pairs: list[tuple[Any, Any]]
) -> None:
    """For any two documents the SQL function and five lines of Python agree."""
    assert await _merge(connection, pairs) == [merged(stored, incoming) for stored, incoming in pairs]


async def test_it_nests_as_deep_as_a_request_may(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Two documents that share their path down to the 100th level merge there."""
    left: dict[str, Any] = {"left": 1}
    right: dict[str, Any] = {"right": 2}
    both: dict[str, Any] = {"left": 1, "right": 2}
    for _ in range(99):
        left, right, both = {"down": left}, {"down": right}, {"down": both}
    assert await _merge(connection, [(left, right)]) == [both]


@pytest.mark.parametrize(
    ("stored", "incoming", "result"),
    [
        (None, '{"a": 1}', '{"a": 1}'),
        ('{"a": 1}', None, '{"a": 1}'),
        (None, None, None),
        ('{"a": 1}', "null", "null"),
    ],
)
async def test_nothing_given_changes_nothing(
    connection: asyncpg.Connection[asyncpg.Record], stored: str | None, incoming: str | None, result: str | None
) -> None:
    """A value that is absent in SQL is not the same as a null that was sent."""
    query = "SELECT metadata_merge($1::text::jsonb, $2::text::jsonb)::text"
    assert await connection.fetchval(query, stored, incoming) == result
