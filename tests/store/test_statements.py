"""The SQL files against the schema: all valid, all used, the hot ones by index."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

import recollect
from recollect.store.database import connect
from recollect.store.statements import STATEMENTS

SOURCE = Path(recollect.__file__).parent
NOUNS = {name.partition(".")[0] for name in STATEMENTS}
NAME = re.compile(rf"(?:{'|'.join(sorted(NOUNS))})\.[a-z][a-z_]*")

# The scans by which a hot statement may reach a table, by the name of the index.
HOT = {
    "sessions.lookup": {"session_names_pkey"},
    "sessions.get": {"sessions_pkey"},
    "sessions.patch": {"sessions_pkey"},
    "sessions.delete": {"sessions_pkey"},
    "sessions.list": {"sessions_by_id"},
    "sessions.list_of_user": {"sessions_of_user", "users_pkey"},
    "messages.add": {"sessions_pkey", "message_embeddings_pkey"},
    "messages.memory": {"sessions_pkey", "messages_pkey", "summaries_pkey"},
    "messages.page": {"sessions_pkey", "messages_pkey", "messages_bucket_session_key_uuid_key"},
    "messages.get": {"sessions_pkey", "messages_pkey", "messages_bucket_session_key_uuid_key"},
    "messages.patch": {"sessions_pkey", "messages_pkey", "messages_bucket_session_key_uuid_key"},
    "summaries.look": {"sessions_pkey", "jobs_pkey", "jobs_about"},
    "summaries.point": {"sessions_pkey", "summaries_pkey"},
    "summaries.backlog": {"messages_pkey"},
    "summaries.lines": {"messages_pkey"},
    "summaries.put": {"sessions_pkey"},
    "summaries.list": {"sessions_pkey", "summaries_pkey"},
    "key_messages.candidates": {
        "sessions_pkey",
        "messages_pkey",
        "messages_bucket_session_key_uuid_key",
        "message_embeddings_pkey",
    },
    "notes.messages": {
        "sessions_pkey",
        "messages_bucket_session_key_uuid_key",
        "messages_pkey",
        "users_bucket_key_key",
    },
    "notes.put": {"sessions_pkey", "messages_pkey", "messages_bucket_session_key_uuid_key"},
    "users.get": {"users_pkey"},
    "users.list": {"users_by_id"},
    "jobs.claim": {"jobs_due", "jobs_pkey"},
    "jobs.finish": {"jobs_pkey"},
    "jobs.postpone": {"jobs_pkey"},
}

SEED = """
INSERT INTO users (bucket, key, project_id, id, user_id, created_at, updated_at)
SELECT n % 16, new_key((n % 16)::smallint), 'default', nextval('user_ids'), 'user' || n, now(), now()
FROM generate_series(1, 3000) AS n;

INSERT INTO sessions (bucket, key, project_id, id, session_id, name_bucket, user_key, user_id, created_at, updated_at,
                      last_seq)
SELECT bucket, new_key(bucket), 'default', nextval('session_ids'), 'session' || id, bucket, key, user_id,
    now(), now(), 1
FROM users;

INSERT INTO session_names SELECT name_bucket, project_id, session_id, bucket, key FROM sessions;

INSERT INTO messages (bucket, session_key, seq, project_id, uuid, language, created_at, updated_at, role, content)
SELECT bucket, key, 1, project_id, new_key(bucket), 'english', now(), now(), 'user', 'hello' FROM sessions;

INSERT INTO summaries (bucket, session_key, seq, project_id, uuid, recent_message_uuid, content, created_at)
SELECT bucket, session_key, seq, project_id, new_key(bucket), uuid, 'hello', now() FROM messages;

INSERT INTO message_embeddings (bucket, session_key, seq, model, project_id, embedding)
SELECT bucket, session_key, seq, 1, project_id, '[1,0]' FROM messages;

INSERT INTO jobs (bucket, id, project_id, kind, about, run_at, created_at)
SELECT bucket, new_key(bucket), project_id, 'embed', key, now() + id * interval '1 s', now() FROM sessions;
"""


@pytest_asyncio.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    raw = await connect(database_url, seconds=10)
    yield raw
    await raw.close()


async def test_every_statement_is_valid(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """PostgreSQL can plan each statement against the migrated schema."""
    for name, text in STATEMENTS.items():
        try:
            await connection.prepare(text)
        except asyncpg.PostgresError as error:
            pytest.fail(f"{name}: {error}")


def test_every_statement_is_used() -> None:
    """No statement is left behind that no code names."""
    assert set(STATEMENTS) - set(_names_in_code()) == set()


def test_every_named_statement_exists() -> None:
    """What reads like a statement's name in the code is one; only the noun's own files and methods are not."""
    assert set(_names_in_code()) - set(STATEMENTS) == set()


def test_no_time_of_the_server_in_an_upsert() -> None:
    """ON CONFLICT DO UPDATE sets no time by now(): a sharded PostgreSQL refuses it."""
    upserts = [text.partition("DO UPDATE")[2] for text in STATEMENTS.values() if "DO UPDATE" in text]
    assert upserts
    for text in upserts:
        changes = text.partition("RETURNING")[0].partition("\n)")[0]
        assert not re.search(r"now\(\)|clock_timestamp|current_timestamp|statement_timestamp", changes, re.IGNORECASE)


async def test_hot_statements_go_by_index(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """With 3,000 rows in each table the generic plan of a hot statement reads by the expected indexes alone."""
    await connection.execute(SEED)
    await connection.execute("ANALYZE")
    for name, expected in HOT.items():
        indexes, sequential = await _scans(connection, STATEMENTS[name])
        assert (name, sequential) == (name, set())
        assert indexes, name
        assert (name, indexes - expected) == (name, set())


async def test_a_scan_of_a_whole_table_would_be_seen(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """The guard above does recognise a plan without an index."""
    await connection.execute(SEED)
    await connection.execute("ANALYZE")
    _, sequential = await _scans(connection, "SELECT key FROM sessions WHERE user_id = $1")
    assert sequential == {"sessions"}


async def _scans(connection: asyncpg.Connection[asyncpg.Record], text: str) -> tuple[set[str], set[str]]:
    """Return the indexes a statement's generic plan uses, and the tables it reads from end to end."""
    types = (await connection.prepare(text)).get_parameters()
    nothing = ", ".join(["NULL"] * len(types))  # the plan is generic: made before the values are known
    await connection.execute(f"PREPARE planned AS {text}")
    plan = json.loads(await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE planned({nothing})"))
    await connection.execute("DEALLOCATE planned")
    nodes = list(_nodes(plan[0]["Plan"]))
    return (
        {node["Index Name"] for node in nodes if "Index Name" in node},
        {node["Relation Name"] for node in nodes if node["Node Type"] in {"Seq Scan", "Parallel Seq Scan"}},
    )


def _nodes(plan: dict[str, object]) -> Iterator[dict[str, str]]:
    yield plan  # type: ignore[misc]
    for below in plan.get("Plans", ()):  # type: ignore[attr-defined]
        yield from _nodes(below)


def _names_in_code() -> Iterator[str]:
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAME.fullmatch(node.value):
                yield node.value
