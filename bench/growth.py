"""What growth costs: time per request and bytes per message, at 10,000, 100,000 and a million messages.

Usage: python bench/growth.py [--to 1000000] [--rounds 5] [--requests 40]

Fills a database for each size: a user for every 100 messages, with five sessions of 20. The servers on them are asked
in turns, so that what else the machine does meets all of them. Printed are medians in milliseconds of each operation,
their ratio to the smallest database's, and what a message takes on disk, table by table, and in the server's memory.
Everything lands in bench/results/growth.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import psutil
from load import machine
from serving import Server, serving

from recollect.store.keys import bucket_of, new_key

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
MESSAGES = 20
SESSIONS = 5
OPERATIONS = ("get", "list", "user search, first", "user search, again", "add")
WIDTH = 384
VECTORS = 997
WORDS = [
    "".join(random.Random(number).choices("abcdefghiklmnoprstuvwz", k=random.Random(number).randint(2, 10)))
    for number in range(20_000)
]
MESSAGE_COLUMNS = (
    "bucket", "session_key", "seq", "project_id", "uuid", "token_count", "language", "created_at", "updated_at",
    "role", "content",
)  # fmt: skip
VECTORS_SEED = f"""
WITH given AS MATERIALIZED (
    SELECT n, (
        SELECT array_agg((random() - 0.5) / 5) FROM generate_series(1, {WIDTH}) WHERE n >= 0)::real[]::halfvec AS v
    FROM generate_series(0, {VECTORS - 1}) AS n
)
INSERT INTO message_embeddings (bucket, session_key, seq, model, project_id, user_key, embedding)
SELECT m.bucket, m.session_key, m.seq, 1, m.project_id, s.user_key, g.v
FROM messages AS m JOIN sessions AS s ON s.bucket = m.bucket AND s.key = m.session_key
JOIN given AS g ON g.n = abs(hashtext(m.uuid::text)) % {VECTORS}
"""
SIZES_OF_TABLES = """
SELECT c.relname AS name, pg_relation_size(c.oid) + coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0) AS bytes
FROM pg_class AS c WHERE c.relnamespace = 'recollect'::regnamespace AND c.relkind IN ('r', 'i') AND c.relpages > 0
ORDER BY bytes DESC
"""


def texts(chance: random.Random) -> Iterator[str]:
    """Make messages of about 330 characters, of words as often as words are: a few often, most seldom."""
    while True:
        yield " ".join(WORDS[min(int(chance.paretovariate(0.6)) - 1, len(WORDS) - 1)] for _ in range(52))


async def fill(server: Server, size: int) -> None:
    """Write users, sessions, messages and vectors."""
    database = await asyncpg.connect(server.dsn)
    await database.execute("SET search_path = recollect, public")
    now = datetime.now(UTC)
    chance = random.Random(size)
    content = texts(chance)
    english = await database.fetchval("SELECT 'english'::regconfig::oid::bigint")
    await database.set_type_codec(
        "regconfig", schema="pg_catalog", encoder=lambda oid: oid.to_bytes(4), decoder=int.from_bytes, format="binary"
    )
    for first in range(0, size // MESSAGES // SESSIONS, 500):
        users, sessions, names, messages = [], [], [], []
        for user in range(first, min(first + 500, size // MESSAGES // SESSIONS)):
            bucket = bucket_of("default", f"user-{user}")
            key = new_key(bucket)
            users.append((bucket, key, "default", user + 1, f"user-{user}", now, now))
            for place in range(SESSIONS):
                number = user * SESSIONS + place
                session, name = new_key(bucket), f"bench-{number}"
                row = (bucket, session, "default", number + 1, name, bucket_of("default", name), key, f"user-{user}")
                sessions.append((*row, now, now, MESSAGES))
                names.append((bucket_of("default", name), "default", name, bucket, session))
                for seq in range(1, MESSAGES + 1):
                    said = now - timedelta(minutes=MESSAGES - seq, days=SESSIONS - place)
                    row = (bucket, session, seq, "default", uuid4(), 75, english, said, said)
                    messages.append((*row, "user" if seq % 2 else "assistant", next(content)))
        await _copy(database, "users", "bucket key project_id id user_id created_at updated_at", users)
        await _copy(
            database,
            "sessions",
            "bucket key project_id id session_id name_bucket user_key user_id created_at updated_at last_seq",
            sessions,
        )
        await _copy(database, "session_names", "name_bucket project_id name bucket session_key", names)
        await _copy(database, "messages", " ".join(MESSAGE_COLUMNS), messages)
    await database.execute(
        "SELECT setval('user_ids', $1), setval('session_ids', $2)", size // MESSAGES // SESSIONS, size // MESSAGES
    )
    await database.execute(VECTORS_SEED)
    await database.execute("VACUUM ANALYZE")
    await database.execute("CHECKPOINT")
    await database.close()


async def _copy(database: asyncpg.Connection, table: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
    await database.copy_records_to_table(table, records=rows, columns=columns.split(), schema_name="recollect")


async def measure(server: Server, size: int, operation: str, requests: int, turn: int) -> list[float]:
    """Return how long requests took one after the other, in milliseconds, about sessions by chance or users in turn."""
    times = []
    async with httpx.AsyncClient(base_url=f"{server.address}/api/v1", timeout=60) as client:
        for user in range(turn * requests, (turn + 1) * requests):
            session = random.randrange(size // MESSAGES)
            path, body = {
                "add": (
                    f"/sessions/bench-{session}/memory",
                    {"messages": [{"role": "user", "content": WORDS[0] * 30} for _ in range(4)]},
                ),
                "get": (f"/sessions/bench-{session}/memory", None),
                "list": (f"/sessions?limit=20&cursor={session}", None),
            }.get(operation, (f"/user/user-{user}/search", {"text": "what was said of the harbour"}))
            started = time.perf_counter()
            answer = await client.request("GET" if body is None else "POST", path, json=body)
            times.append((time.perf_counter() - started) * 1000)
            answer.raise_for_status()
    return times


async def compare(
    servers: dict[int, Server], rounds: int, requests: int, operations: tuple[str, ...]
) -> dict[str, dict[int, float]]:
    """Return the median of each operation at each size."""
    medians: dict[str, dict[int, float]] = {}
    for operation in operations:
        times: dict[int, list[float]] = {size: [] for size in servers}
        for turn in range(rounds + 1):
            for size, server in servers.items():
                taken = await measure(server, size, operation, requests, turn)
                times[size] += taken if turn else []  # the first turn warms up
        medians[operation] = {size: statistics.median(taken) for size, taken in times.items()}
        print(f"{operation:20}" + "".join(f"{medians[operation][size]:12.2f}" for size in servers), end="")
        first = next(iter(medians[operation].values()))
        print("   x" + " x".join(f"{median / first:.2f}" for median in medians[operation].values()), flush=True)
    return medians


async def bytes_on_disk(server: Server, size: int) -> dict[str, float]:
    """Return what each table and index takes, in bytes per message."""
    database = await asyncpg.connect(server.dsn)
    rows = await database.fetch(SIZES_OF_TABLES)
    await database.close()
    return {row["name"]: round(row["bytes"] / size, 1) for row in rows if row["bytes"] / size >= 0.5}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=int, default=1_000_000, choices=SIZES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=16)
    options = parser.parse_args()
    async with AsyncExitStack() as stack:
        servers = {}
        for size in (size for size in SIZES if size <= options.to):
            started = time.perf_counter()
            server = await stack.enter_async_context(serving("--no-worker", RECOLLECT_PURGE_EVERY="0"))
            await fill(server, size)
            servers[size] = server
            print(f"{size:,} messages written in {time.perf_counter() - started:.0f} s", flush=True)
        disk = {size: await bytes_on_disk(server, size) for size, server in servers.items()}
        print(f"{'ms':20}" + "".join(f"{size:12,}" for size in servers))
        idle = {size: psutil.Process(server.pid).memory_info().rss for size, server in servers.items()}
        medians = await compare(servers, options.rounds, options.requests, OPERATIONS)
        memory = {
            size: {"idle": idle[size], "in use": psutil.Process(server.pid).memory_info().rss}
            for size, server in servers.items()
        }
    largest = max(disk)
    print(f"\nbytes on disk per message, at {largest:,}: {sum(disk[largest].values()):.0f}")
    for name, taken in disk[largest].items():
        print(f"  {name:40}{taken:8.1f}")
    print(
        "the server's memory, MB: "
        + ", ".join(f"{size:,}: {m['idle'] >> 20}, then {m['in use'] >> 20}" for size, m in memory.items())
    )
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    found = {"machine": machine(), "medians_ms": medians, "bytes_per_message": disk, "server_bytes": memory}
    (results / "growth.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
