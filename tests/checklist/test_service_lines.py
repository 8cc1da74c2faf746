from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from talk import add_session, add_user, messages, patch_session, say, session

from recollect.http.app import App
from recollect.http.routes import ROUTES
from recollect.settings import Settings, load

LIMIT = 100_000


@pytest.fixture
def settings() -> Settings:
    return load({}, None, {"purge_every": 0, "max_request_size": LIMIT})


@pytest_asyncio.fixture
async def root(api: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """The same client, for paths outside of the API."""
    api.base_url = httpx.URL("http://test")
    yield api


async def test_001_healthz_is_one_dot(root: httpx.AsyncClient) -> None:
    """The health of the process is answered with exactly one dot."""
    for path in ("/healthz", "/HealthZ"):
        answer = await root.get(path)
        assert (answer.status_code, answer.text) == (200, ".")


async def test_002_healthz_answers_head(root: httpx.AsyncClient) -> None:
    """A HEAD request for the health is answered without a body."""
    answer = await root.head("/healthz")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_004_every_answer_names_the_version(app: App, root: httpx.AsyncClient) -> None:
    """Well, refused, not found, wrong method, broken or not yet started: the version header is always there."""
    answers = [await root.get(path) for path in ["/healthz", "/api/v1/sessions", "/api/v1/user/nobody", "/nowhere"]]
    answers += [await root.post("/healthz"), await root.post("/api/v1/sessions", content="{")]
    app.services = object()  # type: ignore[assignment]
    answers.append(await root.get("/api/v1/sessions"))
    app.services = None
    answers.append(await root.get("/api/v1/sessions"))
    assert [answer.status_code for answer in answers] == [200, 200, 404, 404, 405, 400, 500, 503]
    for answer in answers:
        assert re.match(r"^\d+\.\d+\.\d+-", answer.headers["X-Zep-Version"])


async def test_006_slashes_change_nothing(root: httpx.AsyncClient) -> None:
    """A path with too many slashes or with dots is answered at once, not redirected."""
    for path in ("sessions/", "/sessions", "//sessions//", "./sessions", "user/../sessions"):
        request = root.build_request("POST", "/", json={"session_id": path})
        request.url = request.url.copy_with(raw_path=f"/api/v1/{path}".encode())
        assert (await root.send(request)).status_code == 201
        request = root.build_request("GET", "/")
        request.url = request.url.copy_with(raw_path=f"/api/v1/{path}".encode())
        assert (await root.send(request)).json()[-1]["session_id"] == path


async def test_007_nothing_redirects(root: httpx.AsyncClient) -> None:
    """No route answers with a redirect, with or without slashes too many."""
    for route in ROUTES:
        path = re.sub(r"\{.*?\}", "anything", route.path)
        for form in (path, path + "/", path.replace("/", "//")):
            answer = await root.request(route.method, f"http://test{form}")
            assert not 300 <= answer.status_code < 400, f"{route.method} {form}"


async def test_008_unknown_paths_and_wrong_methods(api: httpx.AsyncClient) -> None:
    """A path that does not exist is not found; one that does lists the methods it takes."""
    for path in ("nothing", "sessions/a/b/c", "sessions/a/messages/b/c", "session"):
        assert (await api.get(path)).status_code == 404
    answer = await api.put("sessions")
    assert (answer.status_code, answer.text) == (405, "")
    assert {method.strip() for method in answer.headers["Allow"].split(",")} == {"GET", "POST"}
    assert (await api.delete("sessions/some")).status_code == 405


async def test_009_bodies_are_json_whatever_they_are_called(api: httpx.AsyncClient) -> None:
    """A body that calls itself plain text, or nothing at all, is read as JSON."""
    for header in ({"Content-Type": "text/plain;charset=UTF-8"}, {"Content-Type": "x/y"}, {}):
        name = f"for {len(header.get('Content-Type', ''))}"
        for method, path, body in [
            ("POST", "user", f'{{"user_id": "{name}"}}'),
            ("PATCH", f"user/{name}", '{"metadata": {"k": 1}}'),
            ("POST", "sessions", f'{{"session_id": "{name}"}}'),
            ("PATCH", f"sessions/{name}", '{"metadata": {"k": 1}}'),
            ("POST", f"sessions/{name}/memory", '{"messages": [{"role": "human", "content": "hi"}]}'),
        ]:
            answer = await api.request(method, path, content=body.encode(), headers=header)
            assert answer.is_success, answer.text
        message = (await messages(api, name))[0]
        path = f"sessions/{name}/messages/{message['uuid']}"
        answer = await api.patch(path, content=b'{"metadata": {"k": 1}}', headers=header)
        assert answer.json()["metadata"] == {"k": 1}
        assert (await session(api, name))["metadata"] == {"k": 1}


async def test_009_no_route_asks_for_a_content_type(root: httpx.AsyncClient) -> None:
    """Every route that takes a body reads one that calls itself plain text: this one is refused for what it is."""
    for route in ROUTES:
        if route.body:
            path = re.sub(r"\{.*?\}", "00000000-0000-0000-0000-000000000001", route.path)
            answer = await root.request(route.method, path, content=b"[{,", headers={"Content-Type": "text/plain"})
            assert answer.status_code == 400, f"{route.method} {path}"


async def test_010_unknown_fields_and_parameters_are_ignored(api: httpx.AsyncClient) -> None:
    """What the server does not know in a body or a query, it passes over."""
    answer = await api.post("sessions?colour=red", json={"session_id": "one", "memory_type": "perpetual", "facts": []})
    assert answer.status_code == 201
    assert (await api.get("sessions", params={"min_rating": 1})).status_code == 200
    await say(api, "one", {"role": "human", "content": "hi", "role_type": "user"})
    assert (await api.get("sessions/one/memory", params={"memoryType": "perpetual"})).status_code == 200


async def test_010_null_means_absent(api: httpx.AsyncClient) -> None:
    """A null stands for a field that was not sent, in every body."""
    nothing = {"user_id": None, "metadata": None, "uuid": None, "created_at": None, "deleted_at": None}
    await add_session(api, "one", **nothing)
    fields = {"email": None, "first_name": None, "last_name": None, "metadata": None, "uuid": None}
    await add_user(api, "ann", **fields)
    assert (await api.patch("user/ann", json=fields)).is_success
    await patch_session(api, "one", None)
    await say(api, "one", {"role": None, "content": None, "uuid": None, "metadata": None, "token_count": None})
    assert (await api.post("sessions/one/memory", json={"messages": None, "summary": None})).is_success
    assert len(await messages(api, "one")) == 1


async def _in_parts() -> AsyncIterator[bytes]:
    for _ in range(11):
        yield b" " * (LIMIT // 10)


@pytest.mark.parametrize("body", [lambda: b" " * (LIMIT + 1), _in_parts], ids=["declared", "chunked"])
async def test_011_a_body_over_the_limit(api: httpx.AsyncClient, body: Any) -> None:
    """A body over the limit is refused with 413 and the advice to send less at once, declared or not."""
    answer = await api.post("sessions", content=body())
    assert answer.status_code == 413
    assert answer.text.startswith("request body too large")


async def test_012_malformed_bodies(api: httpx.AsyncClient) -> None:
    """Whatever is not the JSON of a session is a bad request."""
    for body in ("", "{", "nonsense", '{"session_id": 1}', '{"session_id": "a"} {}', "[]", "null"):
        assert (await api.post("sessions", content=body)).status_code == 400, body


async def test_013_errors_are_plain_text(api: httpx.AsyncClient) -> None:
    """An error is a line of plain text, never JSON."""
    answers = [
        await api.get("nowhere"),
        await api.get("sessions/unknown"),
        await api.get("sessions?limit=abc"),
        await api.post("sessions", content="{"),
        await api.post("user", json={}),
        await api.post("sessions", content=b" " * (LIMIT + 1)),
        await api.get("sessions/one/messages/no-uuid"),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 400, 400, 400, 413, 400]
    for answer in answers:
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.text.endswith("\n")
        assert answer.text[0] not in "{["
    assert answers[1].text == "not found\n"


async def test_014_healthz_behind_two_slashes(root: httpx.AsyncClient) -> None:
    """A client that was given an address with a slash at the end asks for //healthz and is answered."""
    request = root.build_request("GET", "/")
    request.url = request.url.copy_with(raw_path=b"//healthz")
    assert (await root.send(request)).text == "."
