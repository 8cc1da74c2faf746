from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import random
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator

import asyncpg
import httpx
import pytest
from peer import Serving, eventually

from recollect.http import connection, listener
from recollect.http.connection import Connection, Door, Incoming
from recollect.http.request import Response
from recollect.settings import Settings, load

LIMIT = 1_000_000
ADD = b'{"messages": [{"role": "user", "content": "hello"}]}'
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /api/v1/sessions/s/memory HTTP/1.1\r\nHost: a\r\n"
READ = b"GET /api/v1/sessions/s/memory HTTP/1.1\r\nHost: a\r\n\r\n"
WHOLE = POST + b"Content-Length: %d\r\n\r\n%b" % (len(ADD), ADD)


@pytest.fixture
def settings() -> Settings:
    """A limit that is soon reached, and as soon an end."""
    return load({}, None, {"purge_every": 0, "max_request_size": LIMIT, "shutdown_grace": 3})


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the server wait for nobody for long."""
    monkeypatch.setattr(listener, "WATCH_SECONDS", 0.05)
    for name in ("IDLE_SECONDS", "RECEIVE_SECONDS", "SEND_SECONDS", "LINGER_SECONDS"):
        monkeypatch.setattr(connection, name, 0.5)


@contextlib.contextmanager
def held(database_url: str) -> Iterator[None]:
    """Let no add get through, for as long as the block lasts."""
    holding, release = threading.Event(), threading.Event()

    async def hold() -> None:
        holder = await asyncpg.connect(database_url)
        async with holder.transaction():
            await holder.execute("LOCK TABLE messages")
            holding.set()
            await asyncio.to_thread(release.wait, 60)
        await holder.close()

    thread = threading.Thread(target=lambda: asyncio.run(hold()))
    thread.start()
    assert holding.wait(30)
    yield
    release.set()
    thread.join()


def stored(serving: Serving) -> int:
    """Return how many messages there are."""
    return len(json.loads(serving.peer().send(READ).answer().body)["messages"])


def adding(serving: Serving) -> bool:
    """Wait until an add is on its way."""
    return eventually(lambda: any(each._answering is not None for each in tuple(serving.door.connections)))


# Time


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("start", [b"", b"\r\n\r\n", HEALTH])
def test_idle_connections(serving: Serving, start: bytes) -> None:
    """A connection without a request is closed without a word, whether it has had one or not."""
    peer = serving.peer().send(start)
    if start == HEALTH:
        assert peer.answer().status == 200
    assert peer.closed()
    assert serving.empty()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "start", [b"G", HEALTH[:-2], POST + b"Content-Length: 9\r\n\r\n", POST + b"Content-Length: 9\r\n\r\nab"]
)
def test_requests_that_never_end(serving: Serving, start: bytes) -> None:
    """A head or a body that stops coming is answered 408, and the connection closed."""
    peer = serving.peer().send(HEALTH + start)
    assert peer.answer().status == 200
    answer = peer.answer()
    assert (answer.status, answer.headers["connection"]) == (408, "close")
    assert peer.closed()
    assert serving.empty()


@pytest.mark.usefixtures("impatient")
def test_a_head_that_trickles(serving: Serving) -> None:
    """The time for a head is for all of it: a byte now and then does not prolong it."""
    for start in (b"GET /healthz HTTP/1.1\r\n", POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"):
        peer = serving.peer().send(start)
        assert eventually(lambda: serving.door.connections)
        with contextlib.suppress(ConnectionError):
            while serving.door.connections:
                peer.send(b"X: y\r\n")
                time.sleep(0.02)
    assert serving.empty()


async def pair(answer: bytes) -> tuple[Door, Connection, socket.socket]:
    """Connect a socket to a connection that answers everything with the same."""

    async def always(incoming: Incoming) -> Response:
        del incoming
        return Response(answer)

    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    door = Door(always, max_body=100, headers=b"")
    _, served = await asyncio.get_running_loop().connect_accepted_socket(lambda: Connection(door), theirs)
    return door, served, ours


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_client_that_reads_slowly() -> None:
    """As long as a client reads of an answer it may take its time; when it has stopped for a minute, it is left."""
    door, served, ours = await pair(b"x" * 3_000_000)
    served.data_received(HEALTH)
    await settle()
    now, read = asyncio.get_running_loop().time(), 0
    for _ in range(10):
        now += 50
        served.watch(now)
        read += len(await asyncio.get_running_loop().sock_recv(ours, 250_000))
        await settle()
    assert read < 3_000_000
    served.watch(now + 1)
    await settle()
    assert door.connections == {served}
    served.watch(now + 62)
    await settle()
    assert not door.connections
    ours.close()


@pytest.mark.parametrize("request_", [HEALTH, HEALTH[:-2] + b"Connection: close\r\n\r\n", b"BAD\r\n\r\n"])
async def test_answers_that_are_never_read(request_: bytes) -> None:
    """Answers too small for the server to wait with the next are kept for as long, be they the last or not."""
    door, served, ours = await pair(b"x" * 30_000)
    while not served._transport.get_write_buffer_size():
        served.data_received(HEALTH)
        await settle()
    served.data_received(request_)
    await settle()
    now = asyncio.get_running_loop().time()
    for later in (0, 59):
        served.watch(now + later)
        await settle()
        assert door.connections == {served}
    served.watch(now + 61)
    await settle()
    assert not door.connections
    ours.close()


async def test_the_limits() -> None:
    """The limits are the documented ones."""
    limits = connection.MAX_HEAD, connection.IDLE_SECONDS, connection.RECEIVE_SECONDS, connection.SEND_SECONDS
    assert limits == (65_536, 75, 30, 60)


# Bodies that are too large


TOO_LARGE = "request body too large"


async def endless() -> AsyncIterator[bytes]:
    for _ in range(800):
        yield b" " * 50_000


@pytest.mark.parametrize("declared", [True, False])
async def test_a_client_that_sends_all_before_it_reads(serving: Serving, declared: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    """Httpx gets the refusal of a body of 40 MB, of which the server takes none in."""
    headers = {"content-length": "40000000"} if declared else {}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{serving.port}", timeout=60) as client:
        for _ in range(3):
            answer = await client.post("/api/v1/sessions/s/memory", content=endless(), headers=headers)
            assert (answer.status_code, answer.text[:22]) == (413, TOO_LARGE)
            assert answer.headers["connection"] == "close"
            assert (await client.get("/healthz")).text == "."


FETCH = """
const body = () => STREAM ? ReadableStream.from((function* () {
  for (let i = 0; i < 800; i++) yield new Uint8Array(50_000)
})()) : new Uint8Array(40_000_000)
for (let i = 0; i < 3; i++) {
  const answer = await fetch(URL + "/api/v1/sessions/s/memory", { method: "POST", body: body(), duplex: "half" })
  console.log(answer.status, (await answer.text()).slice(0, 22), await (await fetch(URL + "/healthz")).text())
}
"""


@pytest.mark.parametrize("stream", ["true", "false"])
def test_a_client_that_reads_while_it_sends(serving: Serving, stream: str) -> None:
    """So does JavaScript's fetch."""
    program = FETCH.replace("STREAM", stream).replace("URL", f'"http://127.0.0.1:{serving.port}"')
    ran = subprocess.run(
        ["node", "--input-type=module", "-e", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.stdout, ran.stderr) == (f"413 {TOO_LARGE} .\n" * 3, "")


# Clients that leave


@pytest.mark.parametrize("rest", [b"", HEALTH[:10], HEALTH[:-1], WHOLE[:-1], HEALTH * 100])
@pytest.mark.parametrize("way", ["leave", "reset", "half_close"])
def test_clients_that_leave(serving: Serving, rest: bytes, way: str) -> None:
    """Wherever in its request a client leaves, nothing of it stays."""
    peer = serving.peer().send(HEALTH)
    assert peer.answer().status == 200
    peer.send(rest)
    getattr(peer, way)()
    assert serving.empty()
    assert eventually(lambda: gc.collect() >= 0 and not any(isinstance(each, Connection) for each in gc.get_objects()))
    assert stored(serving) == 0


@pytest.mark.parametrize("way", ["leave", "reset"])
def test_leaving_before_the_answer(serving: Serving, database_url: str, way: str) -> None:
    """What was asked for is done, though nobody is there to be told."""
    with held(database_url):
        peer = serving.peer().send(WHOLE)
        assert adding(serving)
        getattr(peer, way)()
        assert is_listening(serving)
    assert serving.empty()
    assert stored(serving) == 1


def is_listening(serving: Serving) -> bool:
    peer = serving.peer().send(HEALTH)
    answer = peer.answer()
    peer.leave()
    return answer.status == 200


def test_a_client_that_has_said_all(serving: Serving, database_url: str) -> None:
    """A client that has closed its own direction gets every answer it asked for, then the end."""
    with held(database_url):
        peer = serving.peer().send(WHOLE + READ + HEALTH + HEALTH[:9])
        peer.half_close()
        assert adding(serving)
    assert peer.answer().body == b"OK"
    assert len(json.loads(peer.answer().body)["messages"]) == 1
    assert peer.answer().body == b"."
    assert peer.closed()
    assert serving.empty()


def test_a_crowd_that_leaves_anyhow(serving: Serving) -> None:
    """Of clients that leave at any moment, in any way, in the middle of anything, no trace stays."""
    dice = random.Random(18)
    streams = [
        WHOLE * 3 + HEALTH,
        READ * 40,
        b"BAD\r\n\r\n" * 9,
        POST + b"Content-Length: 9999999\r\n\r\n" + b"x" * 300_000,
    ]
    for _ in range(300):
        peer = serving.peer()
        stream = dice.choice(streams)
        with contextlib.suppress(ConnectionError):
            peer.send(stream[: dice.randrange(len(stream) + 1)])
            time.sleep(dice.choice([0, 0, 0.001, 0.005]))
            if way := dice.choice(["", "leave", "reset", "half_close"]):
                getattr(peer, way)()
    for peer in serving.peers:
        peer.leave()
    assert serving.empty()
    assert is_listening(serving)


# The end


def test_stopping(serving: Serving, database_url: str) -> None:
    """At the end idle clients are let go at once; what has begun to arrive or to be answered is finished."""
    idle, asked, arriving = serving.peer(), serving.peer(), serving.peer()
    for peer in (idle, asked, arriving):
        assert peer.send(HEALTH).answer().headers.get("connection") is None
    with held(database_url):
        asked.send(WHOLE + HEALTH)
        arriving.send(WHOLE[:-5])
        assert adding(serving)
        serving.stop()
        assert idle.closed()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", serving.port))
        arriving.send(WHOLE[-5:])
    for peer in (asked, arriving):
        answer = peer.answer()
        assert (answer.status, answer.body, answer.headers["connection"]) == (200, b"OK", "close")
        assert peer.closed()
    serving.thread.join(20)
    assert not serving.thread.is_alive()


def test_stopping_has_an_end(serving: Serving, database_url: str) -> None:
    """Neither a request that takes for ever nor one that never arrives keeps the server."""
    with held(database_url):
        asked, arriving = serving.peer().send(WHOLE), serving.peer().send(WHOLE[:-5])
        assert adding(serving)
        serving.stop()
        assert arriving.closed()
        assert asked.closed()
        serving.thread.join(20)
    assert not serving.thread.is_alive()


def test_many_connections(serving: Serving) -> None:
    """Two thousand clients may come at once and stay: each is answered, and so is the next one."""
    peers = [serving.peer() for _ in range(2000)]
    assert eventually(lambda: len(serving.door.connections) == len(peers))
    for peer in peers:
        peer.send(HEALTH)
    assert all(peer.answer().body == b"." for peer in peers)
    assert is_listening(serving)
