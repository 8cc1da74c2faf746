"""The schema's rules, read from PostgreSQL's catalogue."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from recollect.store.database import connect

REFERENCE = {"recollect_migrations", "embedding_models", "model_usage"}
"""Tables that belong to no tenant: small, and the same on every shard."""
DIRECTORY = "session_names"
TENANT_TABLES = "relkind IN ('r', 'p') AND relnamespace = 'recollect'::regnamespace AND relname <> ALL ($1)"


@pytest_asyncio.fixture
async def catalogue(database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    raw = await connect(database_url, seconds=10)
    yield raw
    await raw.close()


async def test_every_tenant_table_starts_with_its_bucket(catalogue: asyncpg.Connection[asyncpg.Record]) -> None:
    """The first column is `bucket smallint NOT NULL`, or `name_bucket` in the directory, and is checked."""
    rows = await catalogue.fetch(
        f"""SELECT relname, attname, atttypid::regtype::text AS type, attnotnull FROM pg_class
        JOIN pg_attribute ON attrelid = pg_class.oid AND attnum = 1 WHERE {TENANT_TABLES}""",
        REFERENCE,
    )
    found = {row["relname"]: tuple(row)[1:] for row in rows}
    assert {"users", "sessions", "messages", "summaries", "jobs", DIRECTORY} <= set(found)
    expected = {name: ("name_bucket" if name == DIRECTORY else "bucket", "smallint", True) for name in found}
    assert found == expected


async def test_every_tenant_table_names_its_project(catalogue: asyncpg.Connection[asyncpg.Record]) -> None:
    """project_id stands in every row."""
    rows = await catalogue.fetch(
        f"""SELECT relname FROM pg_class WHERE {TENANT_TABLES} AND NOT EXISTS (SELECT FROM pg_attribute
        WHERE attrelid = pg_class.oid AND attname = 'project_id' AND attnotnull AND atttypid = 'text'::regtype)""",
        REFERENCE,
    )
    assert rows == []


async def test_reference_tables_are_the_listed_ones(catalogue: asyncpg.Connection[asyncpg.Record]) -> None:
    """A table without a bucket is on the list, and what is on the list has none."""
    rows = await catalogue.fetch(
        """SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'recollect'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname LIKE '%bucket')"""
    )
    assert {row["relname"] for row in rows} <= REFERENCE


async def test_every_key_starts_with_the_bucket(catalogue: asyncpg.Connection[asyncpg.Record]) -> None:
    """Each primary key, unique constraint or index, and foreign key of a tenant table has the bucket first."""
    rows = await catalogue.fetch(
        f"""WITH keys AS (
            SELECT indrelid AS relation, indexrelid::regclass::text AS name, indkey[0] AS first FROM pg_index
            WHERE indisunique
            UNION ALL
            SELECT conrelid, conname, conkey[1] FROM pg_constraint WHERE contype IN ('p', 'u', 'f', 'x')
        )
        SELECT relname, name, attname FROM keys JOIN pg_class ON pg_class.oid = relation
        LEFT JOIN pg_attribute ON attrelid = relation AND attnum = first WHERE {TENANT_TABLES}""",
        REFERENCE,
    )
    assert len(rows) > 10
    assert [row for row in rows if row["attname"] != ("name_bucket" if row["relname"] == DIRECTORY else "bucket")] == []


async def test_foreign_keys_stay_in_their_bucket(catalogue: asyncpg.Connection[asyncpg.Record]) -> None:
    """A foreign key points by its bucket at a bucket, or at a reference table."""
    rows = await catalogue.fetch(
        """SELECT conname FROM pg_constraint JOIN pg_class AS target ON target.oid = confrelid
        LEFT JOIN pg_attribute ON attrelid = confrelid AND attnum = confkey[1]
        WHERE contype = 'f' AND connamespace = 'recollect'::regnamespace
            AND attname <> 'bucket' AND relname <> ALL ($1)""",
        REFERENCE,
    )
    assert rows == []


async def test_session_names_are_unique_in_the_directory_alone(
    catalogue: asyncpg.Connection[asyncpg.Record],
) -> None:
    """The directory's key is (name_bucket, project_id, name), and no other key holds a session's name."""
    rows = await catalogue.fetch(
        """SELECT indrelid::regclass::text AS relation, array_agg(attname::text ORDER BY place) AS columns
        FROM pg_index, unnest(indkey) WITH ORDINALITY AS part (number, place)
        JOIN pg_attribute ON attnum = number WHERE attrelid = indrelid AND indisunique
            AND indrelid::regclass::text = ANY ('{sessions,session_names}')
        GROUP BY indrelid, indexrelid"""
    )
    keys = {row["relation"]: row["columns"] for row in rows}
    assert keys == {"session_names": ["name_bucket", "project_id", "name"], "sessions": ["bucket", "key"]}


async def test_nothing_happens_behind_a_statement(catalogue: asyncpg.Connection[asyncpg.Record]) -> None:
    """There are no triggers, rules, views or row policies of ours."""
    assert await catalogue.fetch("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal") == []
    assert await catalogue.fetch("SELECT evtname FROM pg_event_trigger") == []
    assert await catalogue.fetch("SELECT polname FROM pg_policy") == []
    views = "SELECT relname FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'recollect'::regnamespace"
    assert await catalogue.fetch(views) == []


async def test_no_extension_but_vector(catalogue: asyncpg.Connection[asyncpg.Record]) -> None:
    """What any PostgreSQL with pgvector has is enough."""
    rows = await catalogue.fetch("SELECT extname FROM pg_extension")
    assert {row["extname"] for row in rows} == {"plpgsql", "vector"}
