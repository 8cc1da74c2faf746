"""What a search across a user's sessions costs, and what it finds, on a `recollect serve` of its own.

Usage: python bench/search.py [MESSAGES ...]. For each number (6000 and 100000 unless given) a user with so many made-up
messages is written into a temporary folder, and the following is printed:

- how many of the 10 nearest by brute force `similarity` returns, and how many of the 10 best of a ranking that looks at
  every message `hybrid` returns;
- processor time per query of the server and of PostgreSQL, from /proc over a run of one client, the vector of the
  query being at hand;
- p50 and p99 at 1 and at 16 clients, the clients running on the same processors;
- the first query after a restart, which reads the user's messages anew, and the memory of the server's process.

The messages are clusters: each speaks of one subject in its own words, and its vector lies near that of the subject.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from typing import Any, NamedTuple, Self
from uuid import UUID

import numpy as np
import psutil
from numpy.typing import NDArray
from serving import serving

from recollect.core import query, rank
from recollect.core.corpus import Corpus, Entry
from recollect.embed.local import LocalEmbedder
from recollect.store import Store, sessions, users
from recollect.store.database import Database
from recollect.store.vectors import halfvec

SUBJECTS = 300
STRETCH = 8  # messages about a subject before another one comes up
QUERIES = 100
COMPARED = 25
SESSION = 400
AT_ONCE = 5_000
START = 1.7e9
Vectors = NDArray[np.float32]


class Talk(NamedTuple):
    """What a user said, with unit vectors (len(texts), width); `queries` are embedded in `asked`."""

    texts: list[str]
    vectors: Vectors
    queries: list[str]
    asked: Vectors


async def made_up(count: int, embedder: LocalEmbedder, rng: random.Random) -> Talk:
    """Make messages of about 20 words, half of them common ones, and questions about some of their subjects."""
    syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "il", "on", "us")]
    words = ["".join(rng.choices(syllables, k=rng.randint(2, 4))) for _ in range(20_000)]
    common = words[:400]
    subjects = [rng.sample(words, 30) for _ in range(SUBJECTS)]
    centres = await embedder.embed([" ".join(subject[:12]) for subject in subjects])
    about = [subject for _ in range(count // STRETCH + 1) for subject in [rng.randrange(SUBJECTS)] * STRETCH][:count]
    texts = []
    for subject in about:
        length = max(3, int(rng.lognormvariate(2.8, 0.6)))
        texts.append(" ".join(rng.choices(subjects[subject], k=length // 2) + rng.choices(common, k=length // 2 + 1)))
    noise = np.random.default_rng(count).normal(size=(count, centres.shape[1])).astype(np.float32)
    vectors = centres[about] + noise * (1.2 / np.sqrt(centres.shape[1]))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = vectors.astype(np.float16).astype(np.float32)  # as they are stored
    queries = [
        "What about " + " ".join(rng.sample(subjects[rng.randrange(SUBJECTS)][:12], 4) + rng.sample(common, 2)) + "?"
        for _ in range(QUERIES)
    ]
    return Talk(texts, vectors, queries, await embedder.embed(queries))


async def store_talk(dsn: str, user: str, talk: Talk) -> None:
    """Write a talk into sessions of a new user, then let PostgreSQL come to rest."""
    database = Database(dsn, size=1, statement_timeout=600)
    store = Store(database)
    await users.create(store, "default", user, email="", first_name="Ann", last_name="", metadata=None)
    for first in range(0, len(talk.texts), SESSION):
        name = f"{user}-{first}"
        await sessions.create(store, "default", name, user_id=user)
        place = await store.directory.look_up("default", name)
        assert place is not None
        texts, vectors = talk.texts[first : first + SESSION], talk.vectors[first : first + SESSION]
        async with database.connection() as connection:
            await connection.raw.execute(
                "WITH said AS (INSERT INTO messages (bucket, session_key, seq, project_id, uuid, language, created_at,"
                " updated_at, role, content) SELECT $1, $2, n, 'default', gen_random_uuid(), 'english',"
                " to_timestamp($3 + n), now(), CASE n % 2 WHEN 0 THEN 'assistant' ELSE 'user' END, content"
                " FROM unnest($4::text[]) WITH ORDINALITY AS t (content, n))"
                ", made AS (INSERT INTO message_embeddings (bucket, session_key, seq, model, project_id, user_key,"
                " embedding) SELECT $1, $2, n, 1, 'default', s.user_key, v FROM sessions AS s,"
                " unnest($5::halfvec[]) WITH ORDINALITY AS t (v, n) WHERE s.bucket = $1 AND s.key = $2)"
                " UPDATE sessions SET last_seq = cardinality($4::text[]) WHERE bucket = $1 AND key = $2",
                *(*place, START + first * 100, texts, [halfvec(vector) for vector in vectors]),
            )
    async with database.connection() as connection:
        await connection.raw.execute("VACUUM ANALYZE")
        await connection.raw.execute("CHECKPOINT")
    await database.close()


class Client:
    """One connection that asks one question after the other."""

    def __init__(self, address: str, user: str) -> None:
        self.host, _, self.port = address.removeprefix("http://").partition(":")
        self.user = user

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection(self.host, int(self.port), limit=2**24)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        await self.writer.wait_closed()

    async def ask(self, text: str, kind: str = "hybrid") -> tuple[list[Any], float]:
        """Return the results and the seconds they took."""
        body = json.dumps({"text": text, "search_type": kind}).encode()
        path = f"/api/v1/user/{self.user}/search"
        began = time.perf_counter()
        self.writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        answer = await self.reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0]))
        took = time.perf_counter() - began
        if " 200 " not in head.splitlines()[0]:
            raise SystemExit(f"{path}: {answer.decode()}")
        results: list[Any] = json.loads(answer)
        return results, took


def processor_time(server: psutil.Process) -> tuple[float, float]:
    """Return the seconds that the server, and that PostgreSQL below it, have used so far."""
    own = server.cpu_times()
    below = [child.cpu_times() for child in server.children(recursive=True)]
    return own.user + own.system, sum(t.user + t.system + t.children_user + t.children_system for t in below)


async def measure(address: str, server: psutil.Process, user: str, queries: list[str]) -> None:
    """Print the processor time of a query, and how long one takes with 1 and with 16 clients."""
    async with Client(address, user) as client:
        for text in queries:
            await client.ask(text)  # embeds it
        for kind in ("hybrid", "similarity"):
            before = processor_time(server)
            times = [(await client.ask(text, kind))[1] for text in queries * 3]
            own, below = (1000 * (b - a) / len(times) for a, b in zip(before, processor_time(server), strict=True))
            print(f"  {kind:11} {own + below:6.1f} ms of processor: server {own:.1f}, PostgreSQL {below:.1f}")
            report(f"{kind}, 1 client", times)

    async def crowd() -> list[float]:
        async with Client(address, user) as client:
            return [(await client.ask(text))[1] for text in random.sample(queries, 30)]

    times = [took for taken in await asyncio.gather(*(crowd() for _ in range(16))) for took in taken]
    report("hybrid, 16 clients", times)


def report(name: str, times: list[float]) -> None:
    """Print a median and a 99th percentile."""
    cuts = statistics.quantiles(times, n=100)
    print(f"  {name:20} p50 {1000 * cuts[49]:.1f} ms, p99 {1000 * cuts[98]:.1f} ms")


async def recalls(address: str, user: str, talk: Talk) -> None:
    """Print how much of what brute force finds the server finds."""
    exhaustive = exhaustive_order(talk)
    found: dict[str, list[float]] = {"similarity": [], "hybrid": []}
    async with Client(address, user) as client:
        for text, vector, best in zip(talk.queries, talk.asked, exhaustive, strict=False):
            nearest = np.sort(talk.vectors @ vector)[-10]
            results = (await client.ask(text, "similarity"))[0]
            found["similarity"].append(sum(result["score"] >= nearest - 1e-4 for result in results) / 10)
            results = (await client.ask(text, "hybrid"))[0]
            found["hybrid"].append(sum(result["score"] >= best - 1e-4 for result in results) / 10)
    for kind, shares in found.items():
        print(f"  {kind:11} finds {statistics.fmean(shares):.3f} of the 10 best by brute force")


def exhaustive_order(talk: Talk) -> list[float]:
    """Return for some questions the score of the tenth when every message is ranked."""
    corpus = Corpus(talk.vectors.shape[1], user=("Ann",))
    for first in range(0, len(talk.texts), AT_ONCE):
        places = range(first, min(first + AT_ONCE, len(talk.texts)))
        entries = [
            Entry(
                UUID(int=place // SESSION),
                place % SESSION + 1,
                "user" if place % SESSION % 2 == 0 else "assistant",
                talk.texts[place],
                START + place // SESSION * SESSION * 100 + place % SESSION + 1,
            )
            for place in places
        ]
        corpus.add(entries, talk.vectors[first : first + AT_ONCE])
    rank.CANDIDATES = rank.SHORTLIST = len(corpus)
    return [
        float(rank.rank(corpus, query.read(text, corpus, now=time.time()), vector, limit=10).scores[-1])
        for text, vector in zip(talk.queries[:COMPARED], talk.asked, strict=False)
    ]


async def main(counts: list[int]) -> None:
    """Print all figures."""
    embedder = LocalEmbedder()
    for count in counts:
        user = f"user-{count}"
        talk = await made_up(count, embedder, random.Random(count))
        with tempfile.TemporaryDirectory(prefix="recollect-bench-") as folder:
            async with serving(folder=folder) as server:
                await store_talk(server.dsn, user, talk)
                print(f"{count:,} messages")
                await measure(server.address, psutil.Process(server.pid), user, talk.queries)
                await recalls(server.address, user, talk)
            async with serving(folder=folder) as server:
                await restarted(server.address, psutil.Process(server.pid), user, talk.queries[0])
    await embedder.aclose()


async def restarted(address: str, server: psutil.Process, user: str, text: str) -> None:
    """Print what the first query after a restart takes, and what it leaves in memory."""
    before = server.memory_info().rss / 2**20
    async with Client(address, user) as client:
        first, second = [(await client.ask(text))[1] for _ in range(2)]
    after = server.memory_info().rss / 2**20
    print(f"  first query after a restart {first:.2f} s, the next {1000 * second:.0f} ms")
    print(f"  memory of the process {before:.0f} MB before, {after:.0f} MB with the user's messages")


if __name__ == "__main__":
    asyncio.run(main([int(count) for count in sys.argv[1:]] or [6_000, 100_000]))
