"""Vectors on their way into PostgreSQL and back."""

from __future__ import annotations

import struct

import asyncpg
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recollect.store import vectors
from recollect.store.database import connect
from recollect.store.migrate import migrate

floats = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=40)


@given(floats)
def test_a_vector_comes_back_bit_equal(numbers: list[float]) -> None:
    """Encoding and decoding 32-bit floats loses no bit."""
    given = np.array(numbers, dtype=np.float32)
    assert vectors.from_vector(vectors.vector(numbers)).tobytes() == given.tobytes()
    assert vectors.matrix([vectors.vector(given)] * 2, len(given)).tobytes() == given.tobytes() * 2


async def test_the_server_reads_and_writes_the_same_format(database_url: str) -> None:
    """PostgreSQL takes our bytes for the numbers they stand for, alone and in arrays, and sends such bytes."""
    connection = await connect(database_url)
    numbers = np.array([1, -2.5, 3e-5, 65504], dtype=np.float32)
    try:
        for encode, decode, kind in [
            (vectors.vector, vectors.from_vector, "vector"),
            (vectors.halfvec, vectors.from_halfvec, "halfvec"),
        ]:
            encoded = encode(numbers)
            row = await connection.fetchrow(
                f"SELECT $1::{kind} AS back, $1::{kind}::text AS text, $2::{kind}[] AS many, '[1,2]'::{kind} AS made",
                encoded,
                [encoded, encode([7, 8])],
            )
            assert row is not None
            assert row["back"] == encoded
            assert row["text"].startswith("[1,-2.5,")
            assert row["many"] == [encoded, encode([7, 8])]
            assert row["made"] == encode([1, 2])
            assert decode(row["made"]).tolist() == [1, 2]
    finally:
        await connection.close()


async def test_the_extension_may_lie_in_a_schema_of_its_own(empty_database_url: str) -> None:
    """Connecting works before the extension exists, and vectors wherever it was put."""
    raw = await asyncpg.connect(empty_database_url)
    await raw.execute('CREATE SCHEMA "Odd schema"; CREATE EXTENSION vector SCHEMA "Odd schema"')
    await raw.execute(
        "DO $$ BEGIN EXECUTE format("
        "'ALTER DATABASE %I SET search_path = public, \"Odd schema\"', current_database()); END $$"
    )
    await raw.close()
    await migrate(empty_database_url)
    connection = await connect(empty_database_url)
    assert await connection.fetchval("SELECT $1::vector::text", vectors.vector([1, 2])) == "[1,2]"
    await connection.close()


def test_the_header_is_the_width_and_zero() -> None:
    """The format is the extension's own: width and zero as 16-bit integers, then big-endian floats."""
    assert vectors.vector([1.5]) == struct.pack(">HHf", 1, 0, 1.5)
    assert vectors.halfvec([1.5]) == struct.pack(">HHe", 1, 0, 1.5)
