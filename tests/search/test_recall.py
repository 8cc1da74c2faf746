"""The copies that searches read, held against the database they are copies of."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import haystack
import msgspec
import numpy as np
import pytest
from haystack import PROJECT
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recollect.core import text
from recollect.core.embeddings import Models
from recollect.core.recall import Hit, Recall, Wanted
from recollect.errors import AlreadyExists, NotFound
from recollect.models import Message
from recollect.store import Store, erasures, messages, recall, sessions, users
from recollect.store.messages import NewMessage
from recollect.store.recall import Scope
from recollect.store.search import Bounds

NO_BOUNDS = Bounds(None, None, None)
TULIPS = Wanted("tulips", "hybrid", 1000, NO_BOUNDS)
SAID = [
    "We painted the fence last week.",
    "Who painted the old fence?",
    "The garden is full of tulips, seven of them red.",
    "What does Ann grow in the garden?",
    "My brother moved to Lisbon in March.",
    "fence fence fence",
    "",
    "\u82b1\u56ed\u91cc\u7684\u90c1\u91d1\u9999",
]
ASKED = ["What did Ann paint in the garden?", "tulips fence", "Lisbon"]

place, message, saying = st.integers(0, 2), st.integers(0, 9), st.integers(0, len(SAID) - 1)
STEP = st.one_of(
    st.tuples(st.just("add"), place, st.lists(saying, min_size=1, max_size=4)),
    st.tuples(st.just("rewrite"), place, message, st.lists(saying, min_size=1, max_size=2)),
    st.tuples(st.sampled_from(["delete", "revive"]), place),
    st.tuples(st.just("name"), place, message),
    st.tuples(st.just("embed"), st.integers(1, 5)),
    st.tuples(st.sampled_from(["search", "look", "search as of then", "purge", "delete user", "rename"])),
)
OVERTAKEN = [("add", 0, [0, 1]), ("look",), ("add", 0, [2]), ("search",), ("search as of then",), ("search",)]
REVIVED = [("add", 0, [0]), ("look",), ("delete", 0), ("add", 0, [1]), ("search",), ("search as of then",), ("purge",)]
REWRITTEN = [("add", 0, [0, 1]), ("search",), ("embed", 5), ("search",), ("rewrite", 0, 0, [4, 2]), ("embed", 5)]
RENAMED = [("add", 0, [0, 1, 0]), ("search",), ("name", 0, 1), ("search",), ("add", 0, [2]), ("name", 0, 0)]


class World:
    """A user of one example, what was done to it, and a Recall that lives through all of it."""

    def __init__(self, store: Store, models: Models) -> None:
        self.store = store
        self.models = models
        self.user = f"user-{uuid4()}"
        self.long_lived = Recall(store, models, "english")
        self.said: dict[str, list[UUID]] = {}
        self.then: Scope | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        return PROJECT, "user", self.user

    async def scope(self) -> Scope:
        found = await recall.user_scope(self.store, PROJECT, self.user)
        assert found is not None
        return found

    async def step(self, kind: str, *arguments: Any) -> None:
        await getattr(self, kind.replace(" ", "_"))(*arguments)

    async def create(self) -> None:
        await haystack.store_user(self.store, PROJECT, self.user, "Ann")

    async def add(self, number: int, sayings: list[int], uuids: list[UUID] | None = None) -> None:
        name = f"{self.user}-{number}"
        with contextlib.suppress(AlreadyExists):
            await sessions.create(self.store, PROJECT, name, user_id=self.user)
        uuids = uuids or [uuid4() for _ in sayings]
        role = ["user", "Ann", "Ben"][number]
        new = [NewMessage(uuid, role, SAID[n], None, 1, None) for uuid, n in zip(uuids, sayings, strict=True)]
        await messages.add(self.store, PROJECT, name, new, jobs=[], language="english")
        self.said.setdefault(name, []).extend(uuids)

    async def rewrite(self, number: int, which: int, sayings: list[int]) -> None:
        """Give a known message another text, and perhaps add a second one in the same request."""
        known = self.said.get(f"{self.user}-{number}", [])
        if known:
            await self.add(number, sayings, [known[which % len(known)], uuid4()][: len(sayings)])

    async def name(self, number: int, which: int) -> None:
        """Say that somebody else spoke."""
        session = f"{self.user}-{number}"
        if known := self.said.get(session):
            uuid, ben = known[which % len(known)], {"name": "Ben"}
            with contextlib.suppress(NotFound):
                await messages.patch(self.store, PROJECT, session, uuid, metadata=ben, token_count=None)

    async def delete(self, number: int) -> None:
        with contextlib.suppress(NotFound):
            await sessions.delete(self.store, PROJECT, f"{self.user}-{number}")

    async def revive(self, number: int) -> None:
        with contextlib.suppress(NotFound):
            await sessions.patch(self.store, PROJECT, f"{self.user}-{number}", None)

    async def purge(self) -> None:
        await sessions.purge(self.store)
        async with self.store.database.connection() as connection:
            jobs = await connection.raw.fetch("DELETE FROM jobs RETURNING bucket, about, kind")
        for bucket, about, kind in jobs:
            await (erasures.erase if kind == "erase" else erasures.erase_cleared)(self.store, bucket, about)

    async def delete_user(self) -> None:
        await users.delete(self.store, PROJECT, self.user)
        self.said.clear()
        await self.create()

    async def rename(self) -> None:
        name = "Ben" if (await self.scope()).first_name == "Ann" else "Ann"
        await users.patch(self.store, PROJECT, self.user, email="", first_name=name, last_name="", metadata=None)

    async def embed(self, many: int) -> None:
        assert self.models.active is not None
        async with self.store.database.connection() as connection:
            missing = await connection.raw.fetch(
                "SELECT m.bucket, m.session_key, m.uuid FROM messages AS m JOIN sessions AS s ON s.key = m.session_key"
                " WHERE s.user_id = $1 AND m.seq > s.cleared_seq AND NOT EXISTS (SELECT FROM message_embeddings AS e"
                " WHERE e.session_key = m.session_key AND e.seq = m.seq) ORDER BY m.seq DESC LIMIT $2",
                *(self.user, many),
            )
        await haystack.embed(self.store, self.models.active, missing)

    async def search(self) -> None:
        await self.ask(self.long_lived, ASKED[0], await self.scope())

    async def look(self) -> None:
        self.then = await self.scope()

    async def search_as_of_then(self) -> None:
        """Search with what was read before other searches came and went, as a slow request does."""
        if self.then is not None:
            await self.ask(self.long_lived, ASKED[0], self.then)

    async def ask(self, asked: Recall, question: str, scope: Scope, kind: str = "hybrid") -> list[Hit]:
        return await asked.search(self.key, scope, Wanted(question, kind, 1000, NO_BOUNDS, explain=True))


def values(hit: Hit) -> list[float]:
    features = [feature["value"] for feature in hit.features.values()] if hit.features else []
    return [hit.score, hit.similarity, *features]


def assert_same(lived: list[Hit], fresh: list[Hit]) -> None:
    """Equal results with equal figures in equal order, but for the order of those of equal score."""
    assert len({hit.message.uuid for hit in lived}) == len(lived)
    by_uuid = {hit.message.uuid: hit for hit in fresh}
    assert {hit.message.uuid for hit in lived} == set(by_uuid)
    for hit in lived:
        other = by_uuid[hit.message.uuid]
        assert (hit.message, hit.session_id) == (other.message, other.session_id)
        assert values(hit) == pytest.approx(values(other), abs=1e-6)
    assert [hit.score for hit in lived] == pytest.approx([hit.score for hit in fresh], abs=1e-6)


async def assert_counts(world: World) -> None:
    """What a copy counts is what brute force counts over the rows of the database."""
    async with world.store.database.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT s.key, m.content FROM messages AS m JOIN sessions AS s ON s.key = m.session_key"
            " WHERE s.user_id = $1 AND s.deleted_at IS NULL AND m.seq > s.cleared_seq",
            world.user,
        )
    copies = world.long_lived._copies
    corpus = copies[world.key].corpus if world.key in copies else None
    if corpus is None or not (await world.scope()).sessions:
        assert rows == []
        return
    stemmed = [(key, text.stems(text.words(content))) for key, content in rows]
    alive = corpus.rows["alive"]
    assert corpus.alive == int(alive.sum()) == len(rows)
    holding = Counter(stem for _, stems in stemmed for stem in set(stems))
    assert {stem: int(alive[corpus.postings.of(stem)[0]].sum()) for stem in holding} == holding
    for key in {key for key, _ in stemmed}:
        number = corpus._numbers[key]
        lengths = [len(stems) for other, stems in stemmed if other == key]
        assert (corpus.sessions["size"][number], corpus.sessions["stems"][number]) == (len(lengths), sum(lengths))
    assert int(corpus.sessions["stems"].sum()) == sum(len(stems) for _, stems in stemmed)


@example(steps=OVERTAKEN)
@example(steps=REVIVED)
@example(steps=REWRITTEN)
@example(steps=RENAMED)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=st.lists(STEP, min_size=3, max_size=24))
async def test_a_copy_is_what_a_fresh_one_would_be(store: Store, models: Models, steps: list[Any]) -> None:
    """After any history of adds, rewrites, deletions, purges, late vectors and slow searches, nothing is stale."""
    world = World(store, models)
    await world.create()
    for step in steps:
        await world.step(*step)
    for question in ASKED:
        for kind in ("hybrid", "similarity"):
            scope = await world.scope()
            lived = await world.ask(world.long_lived, question, scope, kind)
            assert_same(lived, await world.ask(Recall(store, models, "english"), question, scope, kind))
    await assert_counts(world)


def unit_vectors(count: int, seed: int = 1) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(count, 384)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


async def test_a_search_that_was_broken_off(store: Store, models: Models) -> None:
    """A search cancelled while it reads leaves nothing behind that a later one would count twice."""
    world = World(store, models)
    await world.create()
    for name, count in (("short", 3), ("long", 1500), ("longer", 2500), ("longest", 4100)):  # pages hold 2,000
        await sessions.create(store, PROJECT, name, user_id=world.user)
        await haystack.fill(store, name, [f"fence number {n}" for n in range(count)], unit_vectors(count), 1)
    broken = 0
    for delay in range(0, 1000, 5):
        task = asyncio.create_task(world.ask(world.long_lived, "fence", await world.scope()))
        await asyncio.sleep(delay / 1000)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        copy = world.long_lived._copies.get(world.key)
        broken += copy is not None and not copy.whole and len(copy.corpus) > 0
        if broken == 2:
            break
    assert broken == 2
    await world.search()
    await assert_counts(world)


async def test_searches_at_once(store: Store, models: Models) -> None:
    """Searches and adds of one user at the same time read each message once."""
    world = World(store, models)
    await world.create()
    for number in range(12):
        await asyncio.gather(*(world.add(number % 3, [n % len(SAID)]) for n in range(3)), world.search())
        await asyncio.gather(*(world.search() for _ in range(4)), world.rewrite(number % 3, number, [number % 3, 2]))
    await world.search()
    await assert_counts(world)
    scope = await world.scope()
    fresh = await world.ask(Recall(store, models, "english"), ASKED[0], scope)
    assert_same(await world.ask(world.long_lived, ASKED[0], scope), fresh)


async def test_copies_are_bounded(store: Store, models: Models) -> None:
    """While all copies together are too large, the one used longest ago goes; a copy as large as that does not stay."""
    scopes = []
    for number in range(4):
        await haystack.store_user(store, PROJECT, f"user{number}")
        await sessions.create(store, PROJECT, f"s{number}", user_id=f"user{number}")
        await haystack.fill(store, f"s{number}", ["tulips"] * 400, unit_vectors(400), 1)
        scope = await recall.user_scope(store, PROJECT, f"user{number}")
        assert scope is not None
        scopes.append(scope)
    whole = Recall(store, models, "english")
    await whole.search((PROJECT, "user", "user0"), scopes[0], TULIPS)
    size = sum(copy.corpus.size for copy in whole._copies.values())
    assert size > 400 * 384 * 4
    small = Recall(store, models, "english", bytes_kept=size * 5 // 2)
    for number in (0, 1, 2, 0, 3):
        hits = await small.search((PROJECT, "user", f"user{number}"), scopes[number], TULIPS)
        assert len(hits) == 400
        assert sum(copy.corpus.size for copy in small._copies.values()) <= size * 5 // 2
    assert [key[2] for key in small._copies] == ["user0", "user3"]
    none = Recall(store, models, "english", bytes_kept=size // 2)
    assert len(await none.search((PROJECT, "user", "user0"), scopes[0], TULIPS)) == 400
    assert not none._copies


async def test_copies_grow_old(store: Store, models: Models) -> None:
    """A copy that nobody searched for a while goes at the next search of anybody."""
    forgetful = Recall(store, models, "english", seconds_kept=0.2)
    for name in ("ann", "ben"):
        await haystack.store_user(store, PROJECT, name)
        await haystack.store_talk(store, PROJECT, f"of-{name}", name, ["tulips"])
        scope = await recall.user_scope(store, PROJECT, name)
        assert scope is not None
        assert len(await forgetful.search((PROJECT, "user", name), scope, TULIPS)) == 1
        await asyncio.sleep(0.3)
    assert [key[2] for key in forgetful._copies] == ["ben"]


async def test_many_late_vectors(store: Store, models: Models) -> None:
    """Of many messages without a vector, those whose vectors are made meanwhile are soon found by them."""
    assert models.active is not None
    await haystack.store_user(store, PROJECT, "ann")
    await haystack.store_talk(store, PROJECT, "talk", "ann", [f"tulip number {n}" for n in range(600)])
    scope = await recall.user_scope(store, PROJECT, "ann")
    assert scope is not None
    lived = Recall(store, models, "english")
    by_meaning = TULIPS._replace(kind="similarity")
    key = (PROJECT, "user", "ann")
    assert await lived.search(key, scope, by_meaning) == []
    listed, _, _ = await messages.page(store, PROJECT, "talk", limit=None, offset=0)
    page = msgspec.json.decode(listed, type=list[Message])
    session = scope.sessions[0].key
    await haystack.embed(store, models.active, [(scope.bucket, session, page[n].uuid) for n in (0, 300, 599)])
    assert page[599] in [hit.message for hit in await lived.search(key, scope, by_meaning)]
    async with asyncio.timeout(30):
        while len(found := await lived.search(key, scope, by_meaning)) < 3:  # noqa: ASYNC110 -- search it is that is tested
            await asyncio.sleep(0.1)
    assert {hit.message.uuid for hit in found} == {page[n].uuid for n in (0, 300, 599)}
