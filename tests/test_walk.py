"""A random walk through the life of users, sessions and messages, beside a model of it in plain Python."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from live import reached

from recollect.http.app import App
from recollect.store import Store, sessions
from recollect.store.database import Database

STEPS = 250
SEEDS = range(6)
NAMES = ["a", "b", "ü/b", "d e"]
USERS = ["u", "v"]
UUIDS = [str(UUID(int=number)) for number in range(1, 9)]
"""Few of each, so that a walk comes by every state of each many times."""


@dataclass
class Message:
    """A message as a client sees it, without its times."""

    uuid: str
    content: str
    metadata: dict[str, Any] | None


@dataclass
class Session:
    """A session as a client sees it, and what it doesn't see while it is deleted."""

    id: int
    user: str | None
    metadata: dict[str, Any] | None
    live: bool = True
    messages: list[Message] = field(default_factory=list)


@dataclass
class World:
    """All that there is."""

    sessions: dict[str, Session] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    ids: int = 0

    def new(self, name: str, user: str | None, metadata: dict[str, Any] | None) -> Session:
        """Make a session with the next id."""
        self.ids += 1
        self.sessions[name] = Session(self.ids, user, metadata)
        return self.sessions[name]

    def live(self, name: str) -> Session | None:
        """Return a session that is not deleted."""
        session = self.sessions.get(name)
        return session if session and session.live else None


def merge(stored: Any, incoming: Any) -> Any:
    """Merge metadata as the protocol does."""
    if isinstance(stored, dict) and isinstance(incoming, dict):
        return stored | {key: merge(stored.get(key), value) for key, value in incoming.items()}
    return incoming


class Walk:
    """One walk, over two servers on one database, so that each keeps finding its memory of places stale."""

    def __init__(self, seed: int, clients: list[httpx.AsyncClient], store: Store) -> None:
        self.dice = random.Random(seed)
        self.clients = clients
        self.store = store
        self.world = World()
        self.count = 0

    async def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Ask one of the servers."""
        return await self.dice.choice(self.clients).request(method, path, json=body)

    def name(self) -> str:
        return self.dice.choice(NAMES)

    def metadata(self) -> dict[str, Any] | None:
        self.count += 1
        return self.dice.choice(
            [None, {"n": self.count}, {"deep": {self.dice.choice("xyz"): self.count}}, {"deep": None}]
        )

    async def create_session(self) -> None:
        name, user, metadata = self.name(), self.dice.choice([None, *USERS]), self.metadata()
        answer = await self.call("POST", "sessions", {"session_id": name, "user_id": user, "metadata": metadata})
        if name in self.world.sessions or (user and user not in self.world.users):
            assert answer.status_code == 400
        else:
            self.world.new(name, user, metadata)
            check_session(answer.json(), name, self.world.sessions[name])

    async def add_memory(self) -> None:
        name = self.name()
        uuids = self.dice.sample(UUIDS, self.dice.randint(0, 4))
        sent = [Message(uuid, f"content {self.count} {uuid}", self.metadata()) for uuid in uuids]
        body = {"messages": [{"uuid": m.uuid, "content": m.content, "metadata": m.metadata} for m in sent]}
        assert (await self.call("POST", f"sessions/{quoted(name)}/memory", body)).text == "OK"
        session = self.world.sessions.get(name) or self.world.new(name, None, None)
        session.live = True
        known = {message.uuid: message for message in session.messages}
        for message in sent:
            if old := known.get(message.uuid):
                old.content = message.content
                if message.metadata is not None:
                    old.metadata = merge(old.metadata, message.metadata)
            else:
                session.messages.append(message)

    async def patch_session(self) -> None:
        name, metadata = self.name(), self.metadata()
        answer = await self.call("PATCH", f"sessions/{quoted(name)}", {"metadata": metadata})
        session = self.world.sessions.get(name)
        if session is None:
            assert answer.status_code == 404
            return
        session.live = True
        if metadata is not None:
            session.metadata = merge(session.metadata, metadata)
        check_session(answer.json(), name, session)

    async def patch_message(self) -> None:
        name, uuid, metadata = self.name(), self.dice.choice(UUIDS), self.metadata()
        answer = await self.call("PATCH", f"sessions/{quoted(name)}/messages/{uuid}", {"metadata": metadata})
        session = self.world.live(name)
        message = next((m for m in session.messages if m.uuid == uuid), None) if session else None
        if message is None:
            assert answer.status_code == 404
            return
        if metadata is not None:
            message.metadata = merge(message.metadata, metadata)
        check_messages([answer.json()], [message])

    async def delete_session(self) -> None:
        name = self.name()
        answer = await self.call("DELETE", f"sessions/{quoted(name)}/memory")
        session = self.world.live(name)
        assert answer.status_code == (200 if session else 404)
        if session:
            session.live, session.messages = False, []

    async def create_user(self) -> None:
        user, metadata = self.dice.choice(USERS), self.metadata()
        answer = await self.call("POST", "user", {"user_id": user, "metadata": metadata})
        assert answer.status_code == (400 if user in self.world.users else 201)
        self.world.users.setdefault(user, {"metadata": metadata})

    async def patch_user(self) -> None:
        user, metadata = self.dice.choice(USERS), self.metadata()
        answer = await self.call("PATCH", f"user/{user}", {"metadata": metadata})
        assert answer.status_code == (200 if user in self.world.users else 404)
        if user in self.world.users and metadata is not None:
            self.world.users[user]["metadata"] = merge(self.world.users[user]["metadata"], metadata)

    async def delete_user(self) -> None:
        user = self.dice.choice(USERS)
        answer = await self.call("DELETE", f"user/{user}")
        assert answer.status_code == (200 if self.world.users.pop(user, None) else 404)
        self.world.sessions = {name: found for name, found in self.world.sessions.items() if found.user != user}

    async def purge(self) -> None:
        await sessions.purge(self.store)
        self.world.sessions = {name: found for name, found in self.world.sessions.items() if found.live}

    async def look_at_sessions(self) -> None:
        cursor, limit = self.dice.randint(0, self.world.ids), self.dice.randint(0, 3)
        live = sorted((found.id, name) for name, found in self.world.sessions.items() if found.live)
        listed = (await self.call("GET", f"sessions?cursor={cursor}&limit={limit}")).json()
        expected = [(number, name) for number, name in live if number > cursor][: limit or None]
        assert [(found["id"], found["session_id"]) for found in listed] == expected
        for user in USERS:
            listed = (await self.call("GET", f"user/{user}/sessions")).json()
            expected = [(number, name) for number, name in live if self.world.sessions[name].user == user]
            assert [(found["id"], found["session_id"]) for found in listed] == expected

    async def look_at_users(self) -> None:
        listed = (await self.call("GET", "user")).json()
        found = {user["user_id"]: {"metadata": user.get("metadata")} for user in listed}
        assert found == self.world.users

    async def look_at_session(self) -> None:
        name, last = self.name(), self.dice.randint(0, 5)
        session = self.world.live(name)
        answer = await self.call("GET", f"sessions/{quoted(name)}")
        assert answer.status_code == (200 if session else 404)
        if session:
            check_session(answer.json(), name, session)
        messages = session.messages if session else []
        memory = (await self.call("GET", f"sessions/{quoted(name)}/memory?lastn={last}")).json()
        check_messages(memory["messages"], messages[-(last or 12) :])
        page = (await self.call("GET", f"sessions/{quoted(name)}/messages?limit=3&cursor=2")).json()
        check_messages(page["messages"], messages[3:6])
        for uuid in UUIDS[:3]:
            answer = await self.call("GET", f"sessions/{quoted(name)}/messages/{uuid}")
            assert answer.status_code == (200 if uuid in {message.uuid for message in messages} else 404)


def quoted(name: str) -> str:
    """Write a name as one segment of a path."""
    return name.replace("/", "%2F")


def check_session(found: dict[str, Any], name: str, session: Session) -> None:
    """Compare a session as it was answered with the model's."""
    assert (found["session_id"], found["id"], found["user_id"]) == (name, session.id, session.user)
    assert found["metadata"] == session.metadata
    assert found["deleted_at"] is None


def check_messages(found: list[dict[str, Any]], messages: list[Message]) -> None:
    """Compare messages as they were answered with the model's."""
    assert [Message(m["uuid"], m["content"], m.get("metadata")) for m in found] == messages


@pytest_asyncio.fixture
async def servers(
    database_url: str, new_app: Callable[[Store], App]
) -> AsyncIterator[tuple[list[httpx.AsyncClient], Store]]:
    """Clients of two servers on one database, and the store of one."""
    stores = [Store(Database(database_url, size=2)) for _ in range(2)]
    async with contextlib.AsyncExitStack() as stack:
        clients = []
        for store in stores:
            transport = await stack.enter_async_context(reached(new_app(store)))
            client = httpx.AsyncClient(transport=transport, base_url="http://test/api/v1/")
            clients.append(await stack.enter_async_context(client))
        yield clients, stores[0]
    for store in stores:
        await store.database.close()


@pytest.mark.parametrize("seed", SEEDS)
async def test_the_server_does_what_the_model_does(seed: int, servers: tuple[list[httpx.AsyncClient], Store]) -> None:
    """At each of hundreds of random steps the answers of two servers are those of the model."""
    walk = Walk(seed, *servers)
    common = [walk.create_session, walk.add_memory, walk.add_memory, walk.patch_session, walk.patch_message]
    rare = [walk.delete_session, walk.create_user, walk.patch_user, walk.delete_user, walk.purge]
    looks = [walk.look_at_session, walk.look_at_session, walk.look_at_sessions, walk.look_at_users]
    steps: list[Callable[[], Awaitable[None]]] = [*common * 2, *rare, *looks * 2]
    for _ in range(STEPS):
        await walk.dice.choice(steps)()
