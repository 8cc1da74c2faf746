"""What no well-meant client sends: refused with a text that names the place, or stored as it is; never a 500."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest

MEMORY = "sessions/s/memory"
UUID = "11111111-2222-4333-8444-555555555555"
LIMIT = 5 * 2**20


def refused(answer: httpx.Response, status: int, text: str = "") -> None:
    """Check that an answer is a refusal as the protocol has them."""
    assert (answer.status_code, text in answer.text) == (status, True), answer.text[:500]
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-zep-version"].startswith("0.27.2-")
    assert answer.text.endswith("\n")


def path(name: str) -> str:
    """Write an id as one segment of a path, dots included, since `..` would be a step back."""
    return quote(name, safe="").replace(".", "%2E")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "EOF"),
        (b" ", "truncated"),
        (b"{", "truncated"),
        (b'{"messages"', "truncated"),
        (b"{}}", "trailing characters (byte 3)"),
        (b"{} {}", "trailing characters"),
        (b"{'messages': []}", "malformed"),
        (b'{"messages": [],}', "malformed"),
        (b'{"messages": [{}}', "malformed"),
        (b'{"messages": [{"content": "a\nb"}]}', "malformed"),
        (b'{"messages": [{"content": "\\x"}]}', "malformed"),
        (b'{"messages": [{"metadata": {"a": 01}}]}', "malformed"),
        (b'{"messages": [{"metadata": {"a": +1}}]}', "malformed"),
        (b"\xef\xbb\xbf{}", "malformed"),
        (b"\xff\xfe{\x00}\x00", "malformed"),
        (b'{"messages": [{"content": "\xff"}]}', "UTF-8"),
        (b'{"messages": [{"content": "\xed\xa0\x80"}]}', "UTF-8"),
        (b"null", "got `null`"),
        (b"[]", "got `array`"),
        (b'"messages"', "got `str`"),
        (b"1", "got `int`"),
    ],
)
async def test_malformed_json(api: httpx.AsyncClient, body: bytes, text: str) -> None:
    """What is not one JSON object is refused with the reason."""
    refused(await api.post(MEMORY, content=body), 400, text)


@pytest.mark.parametrize(
    ("method", "url", "body", "field"),
    [
        ("POST", MEMORY, {"messages": 1}, "$.messages"),
        ("POST", MEMORY, {"messages": {"content": "a"}}, "$.messages"),
        ("POST", MEMORY, {"messages": [1]}, "$.messages[0]"),
        ("POST", MEMORY, {"messages": [None]}, "$.messages[0]"),
        ("POST", MEMORY, {"messages": [{"role": 1}]}, "$.messages[0].role"),
        ("POST", MEMORY, {"messages": [{"content": ["a"]}]}, "$.messages[0].content"),
        ("POST", MEMORY, {"messages": [{"metadata": []}]}, "$.messages[0].metadata"),
        ("POST", MEMORY, {"messages": [{"metadata": "{}"}]}, "$.messages[0].metadata"),
        ("POST", MEMORY, {"messages": [{"token_count": "1"}]}, "$.messages[0].token_count"),
        ("POST", MEMORY, {"messages": [{"token_count": 1.5}]}, "$.messages[0].token_count"),
        ("POST", MEMORY, {"messages": [{"token_count": 2**31}]}, "$.messages[0].token_count"),
        ("POST", MEMORY, {"messages": [{"uuid": ""}]}, "$.messages[0].uuid"),
        ("POST", MEMORY, {"messages": [{"uuid": "not-a-uuid"}]}, "$.messages[0].uuid"),
        ("POST", MEMORY, {"messages": [{"uuid": 7}]}, "$.messages[0].uuid"),
        ("POST", MEMORY, {"messages": [{"created_at": 7}]}, "$.messages[0].created_at"),
        ("POST", MEMORY, {"messages": [{"uuid": UUID}, {"uuid": UUID.upper()}]}, "messages"),
        ("POST", "sessions", {"session_id": 5}, "$.session_id"),
        ("POST", "sessions", {"session_id": ""}, "session_id"),
        ("POST", "sessions", {}, "session_id"),
        ("POST", "sessions", {"session_id": None}, "session_id"),
        ("POST", "sessions", {"session_id": "s", "user_id": ["u"]}, "$.user_id"),
        ("POST", "sessions", {"session_id": "s", "metadata": "m"}, "$.metadata"),
        ("PATCH", "sessions/s", {"metadata": [1]}, "$.metadata"),
        ("PATCH", "sessions/s", {"metadata": 1}, "$.metadata"),
        ("PATCH", f"sessions/s/messages/{UUID}", {"metadata": True}, "$.metadata"),
        ("PATCH", f"sessions/s/messages/{UUID}", {"token_count": []}, "$.token_count"),
        ("PATCH", "sessions/s/messages/not-a-uuid", {}, "not-a-uuid"),
        ("GET", "sessions/s/messages/not-a-uuid", None, "not-a-uuid"),
        ("GET", "sessions/s/messages/%00", None, "UUID"),
        ("POST", "user", {"user_id": 1}, "$.user_id"),
        ("POST", "user", {"user_id": "u", "email": {}}, "$.email"),
        ("POST", "user", {"user_id": "u", "first_name": 1}, "$.first_name"),
        ("POST", "user", {"user_id": "u", "last_name": False}, "$.last_name"),
        ("POST", "user", {"user_id": "u", "metadata": 0}, "$.metadata"),
        ("PATCH", "user/u", {"metadata": "m"}, "$.metadata"),
        ("PATCH", "user/u", {"email": 1}, "$.email"),
        ("GET", f"{MEMORY}?lastn=x", None, "lastn"),
        ("GET", f"{MEMORY}?lastn=-1", None, "lastn"),
        ("GET", f"{MEMORY}?lastn=1.0", None, "lastn"),
        ("GET", f"{MEMORY}?lastn={'9' * 5000}", None, "lastn"),
        ("GET", f"{MEMORY}?lastn=%D9%A1", None, "lastn"),
        ("GET", "sessions?cursor=abc", None, "cursor"),
        ("GET", "sessions?cursor=9223372036854775808", None, "cursor"),
        ("GET", "sessions?limit=1e3", None, "limit"),
        ("GET", "sessions?limit=%00", None, "limit"),
        ("GET", "user?limit=1%00", None, "limit"),
        ("GET", "user?cursor=--1", None, "cursor"),
        ("GET", "sessions?limit=%ED%A0%80", None, "query"),
        ("GET", "sessions?limit=%FF", None, "query"),
        ("GET", f"sessions?{'&'.join(['a=1'] * 500)}&limit=1", None, "query"),
    ],
)
async def test_wrong_types(api: httpx.AsyncClient, method: str, url: str, body: Any, field: str) -> None:
    """A value of the wrong kind is refused with the path of its field."""
    refused(await api.request(method, url, content=None if body is None else json.dumps(body)), 400, field)


@pytest.mark.parametrize("url", ["sessions?limit=9223372036854775807", "user?cursor=-9223372036854775807&limit=-5"])
async def test_extreme_pages(api: httpx.AsyncClient, url: str) -> None:
    """The largest numbers a page can be asked for with are taken."""
    answer = await api.get(url)
    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize(
    "query", ["limit=%00", "limit=x&cursor=y", "limit=9223372036854775807&cursor=9223372036854775807"]
)
async def test_pages_of_messages_forgive(api: httpx.AsyncClient, query: str) -> None:
    """The one list that the protocol wants lenient falls back to its defaults, or finds nothing."""
    await api.post(MEMORY, json={"messages": [{"role": "a", "content": "b"}]})
    answer = await api.get(f"sessions/s/messages?{query}")
    assert answer.status_code == 200
    assert answer.json()["row_count"] == (0 if "cursor=9" in query else 1)


NUMBERS = [
    b"NaN",
    b"-NaN",
    b"Infinity",
    b"-Infinity",
    b"1e400",
    b"-1e400",
    b"1e200000",
    b"9" * 5000,
    b"-" + b"9" * 5000,
]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:10].decode())
async def test_numbers_that_are_none(api: httpx.AsyncClient, number: bytes) -> None:
    """Not-a-number, infinity, and what no double and no reader can hold is refused wherever metadata is taken."""
    metadata = b'{"metadata": {"deep": [{"n": ' + number + b"}]}"
    refused(await api.post("sessions", content=metadata + b', "session_id": "s"}'), 400)
    refused(await api.post("user", content=metadata + b', "user_id": "u"}'), 400)
    refused(await api.post(MEMORY, content=b'{"messages": [' + metadata + b"}]}"), 400)
    refused(await api.patch("sessions/s", content=metadata + b"}"), 400)


@pytest.mark.parametrize("number", [0, -1, 2**53 + 1, 2**63, -(2**64), 10**300, 2.0**1000, -1e-300, 0.1])
async def test_numbers_come_back(api: httpx.AsyncClient, number: float) -> None:
    """A number that is one comes back with the value that was sent, however large."""
    await api.post("sessions", json={"session_id": "s", "metadata": {"n": number}})
    found = (await api.get("sessions/s")).json()["metadata"]["n"]
    assert type(number)(found) == number  # written out in full, so that a float may read as an integer


OBJECTS, LISTS, EMPTY = (b'{"a":', b"1", b"}"), (b"[", b"1", b"]"), (b'{"a":', b"", b"}")


def nested(levels: int, kind: tuple[bytes, bytes, bytes]) -> bytes:
    """Write a session whose JSON is so many objects or lists deep in all."""
    opening, heart, closing = kind
    inside = levels - 2
    body = opening * inside + heart + closing * inside
    if not heart:
        body = opening * (inside - 1) + b"{}" + closing * (inside - 1)
    return b'{"session_id": "deep", "metadata": {"a": ' + body + b"}}"


@pytest.mark.parametrize("kind", [OBJECTS, LISTS, EMPTY], ids=["objects", "lists", "empty"])
async def test_a_hundred_levels(api: httpx.AsyncClient, kind: tuple[bytes, bytes, bytes]) -> None:
    """100 levels are stored and read; one more is refused, and so is any number beyond."""
    body = nested(100, kind)
    assert (await api.post("sessions", content=body)).status_code == 201
    assert (await api.get("sessions/deep")).json()["metadata"] == json.loads(body)["metadata"]
    assert (await api.patch("sessions/deep", content=body)).json()["metadata"] == json.loads(body)["metadata"]
    for levels in (101, 1_000, 20_000, 400_000):
        refused(await api.post("sessions", content=nested(levels, kind)), 400, "deeper than 100 levels")
        refused(await api.patch("sessions/deep", content=nested(levels, kind)), 400, "deeper than 100 levels")


@pytest.mark.parametrize("levels", [101, 20_000])
async def test_depth_in_fields_nobody_reads(api: httpx.AsyncClient, levels: int) -> None:
    """The limit holds for unknown fields as well."""
    body = b'{"unknown": ' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"
    refused(await api.post(MEMORY, content=body), 400, "deeper than 100 levels")


BAD_TEXTS = [r"\u0000", r"a\u0000b", r"\ud800", r"a\udc00b", r"\udc00\ud800", r"\ud83d\u0041"]


@pytest.mark.parametrize("text", BAD_TEXTS)
@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("POST", MEMORY, '{"messages": [{"content": "%s"}]}'),
        ("POST", MEMORY, '{"messages": [{"role": "%s"}]}'),
        ("POST", MEMORY, '{"messages": [{"metadata": {"%s": 1}}]}'),
        ("POST", MEMORY, '{"messages": [{}, {"metadata": {"a": [{"b": "%s"}]}}]}'),
        ("POST", MEMORY, '{"messages": [{"uuid": "%s"}]}'),
        ("POST", MEMORY, '{"messages": [{"created_at": "%s"}]}'),
        ("POST", "sessions", '{"session_id": "%s"}'),
        ("POST", "sessions", '{"session_id": "s", "user_id": "%s"}'),
        ("POST", "sessions", '{"session_id": "s", "metadata": {"a": {"%s": 1}}}'),
        ("PATCH", "sessions/s", '{"metadata": {"a": "%s"}}'),
        ("PATCH", f"sessions/s/messages/{UUID}", '{"metadata": {"%s": null}}'),
        ("POST", "user", '{"user_id": "%s"}'),
        ("POST", "user", '{"user_id": "u", "email": "%s"}'),
        ("POST", "user", '{"user_id": "u", "first_name": "%s"}'),
        ("POST", "user", '{"user_id": "u", "last_name": "%s"}'),
        ("POST", "user", '{"user_id": "u", "metadata": {"%s": []}}'),
        ("PATCH", "user/u", '{"email": "%s"}'),
        ("PATCH", "user/u", '{"metadata": {"a": ["%s"]}}'),
    ],
)
async def test_texts_that_cannot_be_stored(api: httpx.AsyncClient, method: str, url: str, body: str, text: str) -> None:
    """A NUL or half a surrogate pair is refused in every field, key and depth; nothing of the call is stored."""
    refused(await api.request(method, url, content=body % text), 400)
    assert (await api.get(MEMORY)).json()["messages"] == []
    assert (await api.get("sessions")).json() == (await api.get("user")).json() == []


@pytest.mark.parametrize("segment", ["%00", "a%00b", "%FF", "%ED%A0%80", "%C3", "a%ED%B0%80"])
@pytest.mark.parametrize(("method", "rest"), [("GET", ""), ("PATCH", ""), ("GET", "/memory"), ("POST", "/memory")])
async def test_paths_that_are_no_text(api: httpx.AsyncClient, segment: str, method: str, rest: str) -> None:
    """An id in a path that no text can be made of, or that holds a NUL, is refused."""
    refused(await api.request(method, f"sessions/{segment}{rest}", content=b"{}"), 400)


NAMES = [
    *(
        "a/b",
        "/",
        "//",
        "a%2Fb",
        "%",
        "%00",
        "..",
        ".",
        "../..",
        "a?b=c&d",
        "a#b",
        "a b",
        " a ",
        "\t\n\r\x7f\x01",
        "a+b",
    ),
    *("😀", "👩‍👩‍👧", "שלום עולם", "مرحبا", "\u202eabc\u202c", "é", "e\u0301", "ÅÅ", "\ufeff", "\U0010ffff"),
    *("'; DROP TABLE sessions; --", '"', "\\", "$1", "{}", "null", "0", "memory", "x" * 255, "ü" * 127, "界" * 85),
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
async def test_names_come_back(api: httpx.AsyncClient, name: str) -> None:
    """Any text of up to 255 bytes names a user and a session, in a body and as one segment of a path."""
    user = await api.post("user", json={"user_id": name})
    assert (user.status_code, user.json()["user_id"]) == (201, name)
    assert (await api.get(f"user/{path(name)}")).json() == user.json()
    session = await api.post("sessions", json={"session_id": name, "user_id": name})
    assert (session.status_code, session.json()["session_id"], session.json()["user_id"]) == (201, name, name)
    assert (await api.get(f"sessions/{path(name)}")).json() == session.json()
    assert (await api.get(f"user/{path(name)}/sessions")).json() == [session.json()]
    message = {"role": name, "content": name, "metadata": {name: name}}
    assert (await api.post(f"sessions/{path(name)}/memory", json={"messages": [message]})).text == "OK"
    assert (await api.get("sessions")).json()[0]["id"] == session.json()["id"]
    (found,) = (await api.get(f"sessions/{path(name)}/memory")).json()["messages"]
    assert {key: found[key] for key in message} == message
    assert (await api.delete(f"sessions/{path(name)}/memory")).text == "OK"
    assert (await api.delete(f"user/{path(name)}")).text == "OK"


async def test_names_are_not_normalised(api: httpx.AsyncClient) -> None:
    """Names that look alike are different names."""
    alike = ["é", "e\u0301", "E\u0301", "é ", "Å", "\u212b"]
    for name in alike:
        assert (await api.post("sessions", json={"session_id": name})).status_code == 201
    assert [session["session_id"] for session in (await api.get("sessions")).json()] == alike


@pytest.mark.parametrize("name", ["x" * 256, "ü" * 128, "界" * 86, "x" * 1_000_000], ids=lambda name: str(len(name)))
async def test_names_too_long(api: httpx.AsyncClient, name: str) -> None:
    """An id over 255 bytes is refused wherever it stands."""
    refused(await api.post("sessions", json={"session_id": name}), 400, "session_id is longer than 255 bytes")
    body = {"session_id": "s", "user_id": name}
    refused(await api.post("sessions", json=body), 400, "user_id is longer than 255 bytes")
    refused(await api.post("user", json={"user_id": name}), 400, "user_id is longer than 255 bytes")
    if len(name) < 1000:
        refused(await api.get(f"sessions/{path(name)}"), 400, "longer than 255 bytes")
        refused(await api.post(f"sessions/{path(name)}/memory", json={}), 400, "longer than 255 bytes")
        refused(await api.delete(f"user/{path(name)}"), 400, "longer than 255 bytes")


@pytest.mark.parametrize(
    "time",
    [
        *("10000-01-01T00:00:00Z", "+10000-01-01T00:00:00Z", "99999-12-31T23:59:59Z", "-0001-01-01T00:00:00Z"),
        *("0000-01-01T00:00:00Z", "infinity", "-infinity", "now", "epoch", "", "yesterday", "1700000000"),
        *("2023-02-30T00:00:00Z", "2023-13-01T00:00:00Z", "2023-01-01T24:00:01Z", "2023-01-01T00:60:00Z"),
        *("2023-01-01", "2023-01-01T00:00:00", "2023-01-01T00:00:00+25:00", "2023-01-01T00:00:00 CET"),
        *("0001-01-01T00:30:00+01:00", "9999-12-31T23:30:00-01:00"),
    ],
)
async def test_times_that_are_none(api: httpx.AsyncClient, time: str) -> None:
    """A time that does not exist, has no zone or lies outside of the years 1 to 9999 in UTC is refused by name."""
    answer = await api.post(MEMORY, json={"messages": [{}, {"content": "a", "created_at": time}]})
    refused(answer, 400, "created_at")
    assert (await api.get("sessions/s")).status_code == 404


@pytest.mark.parametrize(
    ("time", "stored"),
    [
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ("0001-01-01T01:00:00+01:00", "0001-01-01T00:00:00Z"),
        ("1583-10-15T12:00:00.5-12:00", "1583-10-16T00:00:00.5Z"),
        ("2023-01-01T00:00:00.120Z", "2023-01-01T00:00:00.12Z"),
        ("2023-01-01t00:00:00z", "2023-01-01T00:00:00Z"),
    ],
)
async def test_times_come_back(api: httpx.AsyncClient, time: str, stored: str) -> None:
    """A time between the years 1 and 9999 is kept to the microsecond and shown in UTC."""
    await api.post(MEMORY, json={"messages": [{"content": "a", "created_at": time}]})
    (message,) = (await api.get(MEMORY)).json()["messages"]
    assert message["created_at"] == stored


async def test_a_message_of_two_megabytes(api: httpx.AsyncClient) -> None:
    """More distinct words than a full text index takes in one row are stored and read all the same."""
    content = " ".join(f"word{number:x}" for number in range(220_000))
    assert len(content) > 2_000_000
    assert (await api.post(MEMORY, json={"messages": [{"role": "user", "content": content}]})).text == "OK"
    (message,) = (await api.get(MEMORY)).json()["messages"]
    assert message["content"] == content


async def test_one_word_of_two_megabytes(api: httpx.AsyncClient) -> None:
    """Neither does a text without a single space fail, nor one of the widest characters."""
    for content in ("x" * 2_000_000, "😀" * 500_000, "\u0001" * 300_000):
        assert (await api.post(MEMORY, json={"messages": [{"role": "user", "content": content}]})).text == "OK"
        assert (await api.get(f"{MEMORY}?lastn=1")).json()["messages"][0]["content"] == content


async def test_a_thousand_messages(api: httpx.AsyncClient) -> None:
    """A thousand messages of one call are stored in their order."""
    sent = [{"role": "user", "content": f"number {number}", "metadata": {"n": number}} for number in range(1000)]
    assert (await api.post(MEMORY, json={"messages": sent})).text == "OK"
    page = (await api.get("sessions/s/messages")).json()
    assert (page["total_count"], page["row_count"]) == (1000, 1000)
    assert [{key: message[key] for key in sent[0]} for message in page["messages"]] == sent


async def test_a_long_session(api: httpx.AsyncClient) -> None:
    """The messages of a long session are listed in one answer, which doesn't count them once for each."""
    for first in range(0, 6000, 1000):
        sent = [{"role": "user", "content": f"{first + number}"} for number in range(1000)]
        assert (await api.post(MEMORY, json={"messages": sent})).text == "OK"
    page = (await api.get("sessions/s/messages")).json()
    assert (page["total_count"], page["row_count"]) == (6000, 6000)
    assert [message["content"] for message in page["messages"]] == [str(number) for number in range(6000)]


async def test_mutilated_bodies(api: httpx.AsyncClient) -> None:
    """However a good body is damaged, the answer is a refusal or a success."""
    dice = random.Random(4096)
    good = json.dumps(
        {
            "session_id": "s",
            "metadata": {"a": [1, 2.5, None, {"b": "ü\u2028"}]},
            "messages": [{"uuid": UUID, "role": "user", "content": "hello", "created_at": "2023-01-01T00:00:00Z"}],
        },
        ensure_ascii=False,
    ).encode()
    for _ in range(600):
        body = bytearray(good)
        for _ in range(dice.randint(1, 4)):
            start = dice.randrange(len(body))
            body[start : start + dice.randint(0, 3)] = dice.choice(
                [
                    b"",
                    b"\0",
                    b"\xff",
                    b'"',
                    b"{",
                    b"]",
                    b"1e999",
                    b"\\u0000",
                    b"\\ud800",
                    b"null",
                    bytes([dice.randrange(256)]),
                ]
            )
        method, url = dice.choice([("POST", MEMORY), ("POST", "sessions"), ("PATCH", "sessions/s"), ("POST", "user")])
        answer = await api.request(method, url, content=bytes(body))
        assert answer.status_code in {200, 201, 400, 404}, bytes(body)
        if answer.status_code >= 400:
            refused(answer, answer.status_code)


async def test_a_body_over_the_limit(api: httpx.AsyncClient) -> None:
    """A body of one byte too many is refused, one of exactly the limit is read."""
    body = b'{"messages": []}'.ljust(LIMIT)
    assert (await api.post(MEMORY, content=body)).text == "OK"
    refused(await api.post(MEMORY, content=body + b" "), 413, "request body too large")
    refused(await api.patch("sessions/s", content=b"x" * (LIMIT + 1)), 413, "request body too large")


async def _exchange(url: str, *parts: bytes) -> bytes:
    """Send parts over a socket of our own as long as somebody reads them; return the first answer."""
    reader, writer = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
    try:
        answer = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))
        for part in parts:
            if answer.done():
                break
            writer.write(part)
            await asyncio.wait([asyncio.create_task(writer.drain()), answer], return_when=asyncio.FIRST_COMPLETED)
        return await asyncio.wait_for(answer, 30)
    finally:
        writer.transport.abort()


HEAD = b"POST /api/v1/sessions/s/memory HTTP/1.1\r\nHost: test\r\n"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (HEAD + b"Content-Length: %d\r\n\r\n" % (LIMIT + 1), b"413"),
        (HEAD + b"Content-Length: 999999999999\r\n\r\n", b"413"),
        (HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", b"400"),
        (HEAD + b"Content-Length: -1\r\n\r\n", b"400"),
        (HEAD + b"Content-Length: x\r\n\r\n", b"400"),
        (HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"400"),
        (b"POST /api/v1/sessions/\xff HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n{}", b"400"),
    ],
    ids=["over", "huge", "digits", "negative", "letters", "both", "tls", "byte"],
)
async def test_requests_that_are_none(url: str, head: bytes, status: bytes) -> None:
    """What is announced too large is refused before it is read, and so is what isn't HTTP; as plain text."""
    answer = await _exchange(url, head)
    assert answer.split()[1] == status
    assert b"content-type: text/plain; charset=utf-8" in answer.lower()
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{url}/healthz")).text == "."


async def test_a_body_without_a_length(url: str) -> None:
    """A body that comes in chunks is refused as soon as it is over the limit, though it never ends."""
    chunk = b"%x\r\n" % 65536 + b" " * 65536 + b"\r\n"
    answer = await _exchange(url, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 200)
    assert answer.split()[1] == b"413"
    assert b"content-type: text/plain; charset=utf-8" in answer.lower()


async def test_a_body_in_small_pieces(url: str) -> None:
    """A body that arrives byte by byte is read as one."""
    body = b'{"messages": [{"role": "a", "content": "b"}]}'
    pieces = [b"1\r\n%c\r\n" % byte for byte in body]
    answer = await _exchange(url, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *pieces, b"0\r\n\r\n")
    assert answer.split()[1] == b"200"
