from __future__ import annotations

import asyncio
import itertools
import json
import socket
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st
from peer import Answer, Peer, Serving

from recollect.http.connection import MAX_HEAD, Connection, Door, Incoming
from recollect.http.request import Response
from recollect.settings import Settings, load

LIMIT = 100_000
ADD = b'{"messages": [{"role": "user", "content": "hello"}]}'
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /api/v1/sessions/s/memory HTTP/1.1\r\nHost: a\r\n"
READ = b"GET /api/v1/sessions/s/memory HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def settings() -> Settings:
    """A limit that is soon reached."""
    return load({}, None, {"purge_every": 0, "max_request_size": LIMIT})


def post(body: bytes, *headers: bytes) -> bytes:
    return POST + b"".join(b"%b\r\n" % header for header in headers) + b"Content-Length: %d\r\n\r\n" % len(body) + body


def contents(peer: Peer) -> list[str]:
    """Return what the session holds, asked for on the same connection."""
    return [message["content"] for message in json.loads(peer.send(READ).answer().body)["messages"]]


def is_alive(answer: Answer) -> bool:
    return (answer.status, answer.body, answer.headers.get("connection")) == (200, b".", None)


@pytest.mark.parametrize(
    "stream",
    [
        POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        POST + b"Content-Length: 2, 2\r\n\r\n{}",
        POST + b"Content-Length: +2\r\n\r\n{}",
        POST + b"Content-Length: 0x2\r\n\r\n{}",
        POST + b"Content-Length: 2_0\r\n\r\n{}",
        POST + b"Content-Length:\r\n\r\n{}",
        POST + b"Content-Length : 2\r\n\r\n{}",
        POST + b"Content-Length: 18446744073709551617\r\n\r\n{}",
        POST + b"Content-Length: " + b"0" * 5000 + b"2\r\n\r\n{}",
        POST + b"Transfer-Encoding: gzip\r\n\r\n{}",
        POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n",
        CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n",
        CHUNKED + b"2 \r\n{}\r\n0\r\n\r\n",
        CHUNKED + b"2\n{}\n0\n\n",
        CHUNKED + b"2\r\n{}XX0\r\n\r\n",
        CHUNKED + b"\r\n",
        CHUNKED + b"fffffffffffffffff\r\n{}",
        CHUNKED + b"2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n",
        b"GET /healthz HTTP/1.1\nHost: a\n\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: b\r\n folded\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: b\nY: c\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nX(: b\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET /health z HTTP/1.1\r\n\r\n",
        b"get /healthz HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n",
    ],
)
def test_what_two_readers_could_read_differently(serving: Serving, stream: bytes) -> None:
    """What may be read in several ways is refused, the connection with it: what follows is never a request."""
    peer = serving.peer().send(HEALTH + stream + HEALTH)
    assert is_alive(peer.answer())
    answer = peer.answer()
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert peer.closed()
    assert contents(serving.peer()) == []


def test_what_comes_after_a_body(serving: Serving) -> None:
    """Fields after a chunked body replace none from before it, nor do a chunk's extensions do anything."""
    body = b"%x;a=b\r\n%b\r\n0\r\nX-Request-Id: theirs\r\nX-Other: x\r\n\r\n" % (len(ADD), ADD)
    peer = serving.peer().send(POST + b"X-Request-Id: mine\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    answer = peer.answer()
    assert (answer.status, answer.headers["x-request-id"]) == (200, "mine")
    assert contents(peer) == ["hello"]


@pytest.mark.parametrize(
    "padding", [b"0\r\n" + b"X: y\r\n" * 40_000, b"0\r\nX: " + b"y" * 200_000, b"2;" + b"x" * 200_000]
)
def test_endless_words_beside_a_body(serving: Serving, padding: bytes) -> None:
    """What comes with a body and is none of it is bounded like a head."""
    peer = serving.peer().send(CHUNKED)
    for start in range(0, len(padding), 10_000):
        peer.send(padding[start : start + 10_000])
    assert peer.answer().status == 431
    peer.leave()


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket", b"TLS/1.0"])
def test_an_upgrade(serving: Serving, protocol: bytes) -> None:
    """Whoever offers another protocol is answered in this one: body, order and connection are kept."""
    asked = [b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: " + protocol, b"HTTP2-Settings: AAMAAABkAAQAAP__"]
    chunked = POST + b"\r\n".join([*asked, b"Transfer-Encoding: chunked", b"", b"%x" % len(ADD), ADD, b"0", b"", b""])
    bare = HEALTH[:-2] + b"\r\n".join([*asked, b"", b""])
    stream = post(ADD, *asked) + bare + HEALTH + chunked + bare + HEALTH
    for pieces in ([stream], [stream[:150], stream[150:180], stream[180:]], [bytes([byte]) for byte in stream]):
        peer = serving.peer()
        for piece in pieces:
            peer.send(piece)
        answers = [peer.answer() for _ in range(6)]
        assert [(answer.status, answer.body) for answer in answers] == [(200, b"OK"), (200, b"."), (200, b".")] * 2
    assert contents(peer) == ["hello"] * 6


def test_many_upgrades_at_once(serving: Serving) -> None:
    """A heap of offers is worked off like any other requests."""
    peer = serving.peer().send((HEALTH[:-2] + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n") * 3000)
    assert all(peer.answer().body == b"." for _ in range(3000))


def test_a_tunnel(serving: Serving) -> None:
    """No tunnel is opened: what follows is no request, and the connection ends."""
    peer = serving.peer().send(b"CONNECT example:443 HTTP/1.1\r\nHost: a\r\n\r\n" + HEALTH)
    answer = peer.answer()
    assert (answer.status, answer.headers["connection"]) == (405, "close")
    assert peer.closed()


@pytest.mark.parametrize(
    ("line", "status", "body"),
    [
        (b"GET http://example:8000/healthz HTTP/1.1", 200, b"."),
        (b"GET HTTP://user@example/healthz?a=http://b HTTP/1.1", 200, b"."),
        (b"GET http://example/api/v1/sessions HTTP/1.1", 200, b"[]\n"),
        (b"OPTIONS * HTTP/1.1", 405, b""),
        (b"DELETE http://example HTTP/1.1", 405, b""),
    ],
)
def test_other_forms_of_a_target(serving: Serving, line: bytes, status: int, body: bytes) -> None:
    """A target with a scheme and a host in it means its path; an asterisk means the server."""
    peer = serving.peer().send(line + b"\r\nHost: example\r\n\r\n" + HEALTH)
    answer = peer.answer()
    assert (answer.status, answer.body) == (status, body)
    assert is_alive(peer.answer())


def head(size: int) -> bytes:
    """Make a request whose head has so many bytes in the count of its parts."""
    lines = b"".join(b"X-%05d: %b\r\n" % (n, b"y" * 91) for n in range(size // 102))
    return HEALTH[:-2] + lines + b"\r\n"


def test_large_heads(serving: Serving) -> None:
    """A head just below the limit is read, one above it refused, whether it comes in one piece or many."""
    for step in (400_000, 40_000, 7_000, 50_000):
        peer = serving.peer()
        for stream in (HEALTH, head(MAX_HEAD - 300), HEALTH, head(MAX_HEAD + 300)):
            for start in range(0, len(stream), step):
                peer.send(stream[start : start + step])
        assert [peer.answer().status for _ in range(4)] == [200, 200, 200, 431]
        assert peer.closed()


@pytest.mark.parametrize("start", [b"GET /", b"GET /healthz HTTP/1.1\r\nX: ", b"GET /healthz HTTP/1.1\r\nX"])
def test_heads_without_an_end(serving: Serving, start: bytes) -> None:
    """A target, a header's name or its value that never ends is refused."""
    peer = serving.peer().send(start + b"y" * 300_000)
    answer = peer.send(b"y" * 300_000).answer()
    assert (answer.status, answer.headers["connection"]) == (431, "close")
    peer.leave()


def test_a_head_that_follows_a_body(serving: Serving) -> None:
    """The beginning of a head is not blamed for the large body that came before it in one piece."""
    body = ADD.ljust(LIMIT)
    peer = serving.peer().send(post(body) + HEALTH[:20])
    assert peer.answer().status == 200
    assert is_alive(peer.send(HEALTH[20:]).answer())


@pytest.mark.parametrize(
    ("version", "connection", "answered"),
    [
        (b"1.1", b"", None),
        (b"1.1", b"keep-alive", "keep-alive"),
        (b"1.1", b"Close", "close"),
        (b"1.1", b"foo, close", "close"),
        (b"1.0", b"", "close"),
        (b"1.0", b"close", "close"),
        (b"1.0", b"Keep-Alive", "keep-alive"),
    ],
)
def test_whether_the_connection_stays(
    serving: Serving, version: bytes, connection: bytes, answered: str | None
) -> None:
    """It stays when both sides have said so, in what their version takes for saying so."""
    asked = b"Connection: %b\r\n" % connection if connection else b""
    peer = serving.peer().send(b"GET /healthz HTTP/%b\r\n%b\r\n" % (version, asked))
    answer = peer.answer()
    assert (answer.status, answer.headers.get("connection")) == (200, answered)
    if answered == "close":
        assert peer.closed()
    else:
        assert is_alive(peer.send(HEALTH).answer())


def test_head(serving: Serving) -> None:
    """HEAD gets the length of a body, but none; a refusal is no exception."""
    peer = serving.peer().send(HEALTH.replace(b"GET", b"HEAD") + HEALTH.replace(b"GET /", b"HEAD /x/") + HEALTH)
    answer = peer.answer("HEAD")
    assert (answer.status, answer.headers["content-length"]) == (200, "1")
    assert peer.answer("HEAD").status == 404
    assert is_alive(peer.answer())


def test_a_client_that_asks_first(serving: Serving) -> None:
    """A client that waits is told to go on, unless its body is too large or its version knows of no such thing."""
    peer = serving.peer()
    for _ in range(2):
        peer.send(POST + b"Expect: 100-Continue \r\nContent-Length: %d\r\n\r\n" % len(ADD))
        assert (peer.line(), peer.line()) == (b"HTTP/1.1 100 Continue\r\n", b"\r\n")
        assert peer.send(ADD).answer().body == b"OK"
    assert peer.send(POST + b"Expect: 100-continue\r\nContent-Length: 100001\r\n\r\n").answer().status == 413
    old = (POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(ADD)).replace(b"1.1", b"1.0")
    assert serving.peer().send(old + ADD).answer().body == b"OK"
    peer = serving.peer().send(post(ADD) + POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}")
    assert [peer.answer().status, peer.answer().status] == [200, 200]  # nothing in between that the first could be


@pytest.mark.parametrize("chosen", [b"a", b"0-_.~!", b"x" * 64])
def test_an_id_of_the_client(serving: Serving, chosen: bytes) -> None:
    """An id of printable characters is taken over."""
    answer = serving.peer().send(HEALTH[:-2] + b"X-Request-Id: %b\r\n\r\n" % chosen).answer()
    assert answer.headers["x-request-id"] == chosen.decode()


@pytest.mark.parametrize("chosen", [b"", b"a b", b"a\tb", b"\xc3\xa9", b"x" * 65, b"\x80\xff"])
def test_an_id_that_none_can_be(serving: Serving, chosen: bytes) -> None:
    """Any other id is replaced by one that is used once."""
    peer = serving.peer().send((HEALTH[:-2] + b"X-Request-Id: %b\r\n\r\n" % chosen) * 2)
    first, second = peer.answer().headers["x-request-id"], peer.answer().headers["x-request-id"]
    assert first != second
    assert chosen.decode("latin-1") not in {first, second}


def test_requests_sent_ahead(serving: Serving) -> None:
    """Requests that do not wait for answers are done and answered in their order, each after the one before."""
    peer = serving.peer()
    peer.send(b"".join(post(ADD.replace(b"hello", b"%d" % n)) + READ for n in range(50)))
    for n in range(50):
        assert peer.answer().body == b"OK"
        newest = json.loads(peer.answer().body)["messages"][-1]["content"]
        assert newest == str(n)


def test_a_flood_of_requests(serving: Serving) -> None:
    """However many requests are sent ahead, those of one read at most lie in memory, and all are answered."""
    peer, most, sent = serving.peer(), 0, 0
    for _ in range(40):
        peer.socket.settimeout(0.2)
        try:
            sent += peer.socket.send(HEALTH * 2000)
        except TimeoutError:  # it is not listened to, as long as the answers are not read
            break
        most = max([most, *(len(connection._waiting) for connection in tuple(serving.door.connections))])
    peer.socket.settimeout(30)
    assert most < 300_000 // len(HEALTH)
    assert all(is_alive(peer.answer()) for _ in range(sent // len(HEALTH)))


OFFER = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"


def stream_of(requests: list[tuple[bytes, bytes, int]]) -> bytes:
    """Write requests: a method, a body, and the size of its chunks, or none where its length is told."""
    written = b""
    for number, (method, body, size) in enumerate(requests):
        written += b"%b /%d HTTP/1.1\r\nX-Number: %d\r\n%b" % (method, number, number, OFFER * (size % 2))
        if not size:
            written += b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
            continue
        chunks = [body[start : start + size] for start in range(0, len(body), size)]
        written += b"Transfer-Encoding: chunked\r\n\r\n"
        written += b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    return written


async def answers_to(pieces: list[bytes], pauses: list[bool]) -> tuple[list[Any], bytes]:
    """Give a connection its input in exactly these pieces; return the requests it saw and the bytes it sent."""
    seen: list[Any] = []

    async def answer(incoming: Incoming) -> Response:
        await asyncio.sleep(0)
        seen.append((incoming.method, incoming.target, incoming.headers[b"x-number"], incoming.body))
        return Response(incoming.body or b"none")

    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    door = Door(answer, max_body=2000, headers=b"")
    door.new_id = lambda: b"id"  # type: ignore[method-assign]  # the same each time
    door.headers = b""
    loop = asyncio.get_running_loop()
    _, connection = await loop.connect_accepted_socket(lambda: Connection(door), theirs)
    for piece, pause in zip(pieces, pauses, strict=True):
        connection.data_received(piece)
        if pause:
            await asyncio.sleep(0)
    connection.data_received(b"")
    ours.shutdown(socket.SHUT_WR)
    sent = b""
    while part := await loop.sock_recv(ours, 1_000_000):
        sent += part
    ours.close()
    return seen, sent


REQUESTS = st.lists(
    st.tuples(
        st.sampled_from([b"GET", b"POST", b"PATCH", b"HEAD"]),
        st.binary(max_size=60) | st.sampled_from([b"GET / HTTP/1.1\r\n\r\n", b"0\r\n\r\n"]),
        st.integers(0, 20),
    ),
    max_size=5,
)
ENDS = [b"", b"BAD\r\n\r\n", b"POST / HTTP/1.1\r\nX-Number: 9\r\nContent-Length: 2001\r\n\r\nxxx", HEALTH[:20]]


@tried(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(REQUESTS, st.sampled_from(ENDS), st.data())
async def test_any_split_of_a_stream(requests: list[tuple[bytes, bytes, int]], end: bytes, data: st.DataObject) -> None:
    """However a stream of requests is cut into pieces, the same requests are read and the same bytes answered."""
    stream = stream_of(requests) + end
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=12)) | {0, len(stream)})
    pieces = [stream[start:stop] for start, stop in itertools.pairwise(cuts)]
    pauses = data.draw(st.lists(st.booleans(), min_size=len(pieces), max_size=len(pieces)))
    seen, sent = await answers_to(pieces, pauses)
    assert (seen, sent) == await answers_to([stream], [False])
    read = [(method.encode(), body) for method, _, _, body in seen]
    assert read[: len(requests)] == [(method, body) for method, body, _ in requests]
    assert sent.count(b"HTTP/1.1 ") == len(requests) + (end in ENDS[1:3])


def test_the_time(serving: Serving) -> None:
    """The date is told anew every second."""
    peer = serving.peer()
    first = peer.send(HEALTH).answer().headers["date"]
    deadline = time.monotonic() + 20
    while peer.send(HEALTH).answer().headers["date"] == first and time.monotonic() < deadline:
        time.sleep(0.1)
    assert peer.send(HEALTH).answer().headers["date"] != first
