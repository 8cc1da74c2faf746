# Made by tools/unasync.py of tests/client/aio/test_aio_trouble.py: change that.
from __future__ import annotations

import json

import httpx
import pytest
from misbehaving import DROP, SILENCE, Misbehaving, answer

from recollect import (
    APIError,
    AuthError,
    Memory,
    Message,
    NotFoundError,
    OutOfSpace,
    Session,
    TooLarge,
    Unavailable,
    Unreachable,
    ZepClient,
    ZepClientError,
)

SESSIONS = answer(200, "[]")
BUSY = answer(503, "starting", Retry_After="0")


@pytest.mark.parametrize("trouble", [DROP, BUSY, answer(429), b"HTTP/1.1 200"], ids=["drop", "503", "429", "half"])
def test_reads_are_repeated(trouble: bytes) -> None:
    """A read that got no answer, or the advice to come back, is sent again until it gets one."""
    with Misbehaving(trouble, trouble, SESSIONS).running() as server, ZepClient(server.address) as client:
        assert client.memory.list_sessions() == []
    assert len(server.requests) == 3
    assert len(set(server.requests)) == 1


def test_repeated_messages_keep_their_uuids() -> None:
    """Adding memory is repeated with the same uuids, so that the server knows the messages again."""
    memory = Memory(messages=[Message(role="Ana", content="Hi")])
    with Misbehaving(DROP, answer(200, "OK")).running() as server, ZepClient(server.address) as client:
        assert client.memory.add_memory("trip", memory) == "OK"
    first, second = (json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.requests)
    assert first == second
    assert first["messages"][0]["uuid"]


@pytest.mark.parametrize("trouble", [DROP, BUSY])
def test_what_may_have_been_done_is_not_repeated(trouble: bytes) -> None:
    """Creating a session is not sent again when the answer is lost: it may exist by now."""
    with Misbehaving(trouble, SESSIONS).running() as server, ZepClient(server.address) as client:
        with pytest.raises((Unreachable, Unavailable)):
            client.memory.add_session(Session(session_id="trip"))
        assert len(server.requests) == 1


def test_what_never_arrived_is_repeated() -> None:
    """A call that could not even connect was not done, so that any is sent again."""
    attempts = []

    def handle(request: httpx.Request) -> httpx.Response:
        attempts.append(request)
        if len(attempts) < 3:
            raise httpx.ConnectError("refused")
        return httpx.Response(201, text='{"session_id": "trip"}')

    with ZepClient("http://test", transport=httpx.MockTransport(handle)) as client:
        assert client.memory.add_session(Session(session_id="trip")) == Session(session_id="trip")
    assert len(attempts) == 3


def test_repeating_ends() -> None:
    """After as many further attempts as were asked for the error of the last one is raised."""
    with Misbehaving(BUSY).running() as server, ZepClient(server.address, retries=2) as client:
        with pytest.raises(Unavailable, match="starting"):
            client.memory.list_sessions()
        assert len(server.requests) == 3


def test_nobody_waits_for_long() -> None:
    """Asked to wait for a minute, the client gives up at once and says why."""
    with Misbehaving(answer(503, "later", Retry_After="60")).running() as server, ZepClient(server.address) as client:
        with pytest.raises(Unavailable, match="later"):
            client.memory.list_sessions()
        assert len(server.requests) == 1


def test_silence_is_not_waited_for_for_ever() -> None:
    """A server that does not answer in time is told from one that is not there, and not asked again."""
    with Misbehaving(SILENCE).running() as server, ZepClient(server.address, timeout=0.2) as client:
        with pytest.raises(Unreachable, match="no answer in time") as caught:
            client.memory.list_sessions()
        assert len(server.requests) == 1
    assert "timeout=" in caught.value.hint


def test_a_server_that_is_not_there_is_told() -> None:
    """Nothing listens: the error names the address, and what to look at."""
    with Misbehaving(SESSIONS).running() as server:
        address = server.address
    with ZepClient(address, retries=1) as client, pytest.raises(Unreachable, match=address) as caught:
        client.check()
    assert "recollect serve" in caught.value.hint
    assert isinstance(caught.value, APIError)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AuthError), (404, NotFoundError), (413, TooLarge), (500, APIError), (502, APIError), (507, OutOfSpace)],
)
def test_statuses_become_errors(status: int, kind: type[ZepClientError]) -> None:
    """Each status is raised as the server's own error, with its text, the call, and what to do where that is known."""
    with (
        Misbehaving(answer(status, "that is why\n")).running() as server,
        ZepClient(server.address) as client,
        pytest.raises(ZepClientError, match="that is why") as caught,
    ):
        client.memory.get_session("a/b")
    assert type(caught.value) is kind
    assert caught.value.response_data == {"status_code": status, "message": "that is why\n"}
    said = f"GET {server.address}/api/v1/sessions/a%2Fb was answered with {status}"
    assert caught.value.__notes__ == [said, *filter(None, [caught.value.hint])]


def test_another_server_is_told() -> None:
    """What is no answer of this API is an APIError, whether a page of another server's or a redirect to it."""
    page = answer(200, "<html>")
    elsewhere = answer(307, Location="https://other.test/")
    with Misbehaving(page, elsewhere).running() as server, ZepClient(server.address) as client:
        with pytest.raises(APIError, match="is not what the API answers"):
            client.memory.list_sessions()
        with pytest.raises(APIError, match="a redirect") as caught:
            client.memory.list_sessions()
    assert "https://other.test/" in caught.value.hint


def test_a_wait_is_added_to_the_time_an_answer_may_take() -> None:
    """Waiting for messages to be found is asked of the server, and given to it."""
    seen = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.query, request.extensions["timeout"]["read"]))
        return httpx.Response(202, text="OK")

    with ZepClient("http://test", timeout=5, transport=httpx.MockTransport(handle)) as client:
        assert client.memory.add_memory("trip", Memory(), wait=2.5) == "stored"
    assert seen == [(b"wait=2.5", 7.5)]


def test_the_key_is_sent_with_every_call() -> None:
    """The token stands in the header, after a prefix of the address the API's own path."""
    with Misbehaving(SESSIONS).running() as server, ZepClient(f"{server.address}/prefix/", "secret") as client:
        client.memory.list_sessions(limit=1)
    lines = server.requests[0].decode().split("\r\n")
    assert lines[0] == "GET /prefix/api/v1/sessions?limit=1 HTTP/1.1"
    assert "authorization: bearer secret" in [line.lower() for line in lines]
