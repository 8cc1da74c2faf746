"""The ASGI application: one way in, one way out.

There is no web framework in between. The protocol asks for routing on the undecoded path, for cleaning it without ever
redirecting, and for plain-text errors, which leaves a framework little to do; Starlette would add 23 us of CPU to a
get-memory of 139 us.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from uuid import uuid4

from recollect import __version__
from recollect.errors import (
    BadRequest,
    DatabaseUnavailable,
    Error,
    MethodNotAllowed,
    ModelUnavailable,
    TooLarge,
    Unauthorized,
    status,
)
from recollect.http.auth import check_token
from recollect.http.metrics import Metrics
from recollect.http.request import Request, Response
from recollect.http.routes import ROUTES, Route, Router, clean
from recollect.http.services import Services
from recollect.logs import request_id
from recollect.settings import Settings

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = logging.getLogger(__name__)

COMPATIBLE_WITH = "0.27.2"
"""Clients refuse servers older than 0.21.0, and read the version only in front of a dash."""
VERSION_HEADER = (b"x-zep-version", f"{COMPATIBLE_WITH}-recollect.{__version__}".encode())
TEXT = b"text/plain; charset=utf-8"
NOSNIFF = ((b"x-content-type-options", b"nosniff"),)


class App:
    """Routes requests to handlers once `services` are there; until then says why not."""

    def __init__(self, settings: Settings, *, starting: Callable[[], str]) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.services: Services | None = None
        self.address = ""
        self._starting = starting
        self._router = Router(ROUTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        headers = dict(scope["headers"])
        identity = headers.get(b"x-request-id", b"").decode("latin-1")[:64] or uuid4().hex
        token = request_id.set(identity)
        route: Route | None = None
        try:
            try:
                segments = clean(scope["raw_path"])
                if segments[:1] == ["api"]:
                    self._authorise(headers)
                route, parameters = self._router.find(scope["method"], segments)
                body = await self._body(headers, receive)
                response = await self._answer(route, parameters, scope, headers, body)
            except Error as error:
                response = _refusal(error)
            except Exception:  # the last resort: one request fails, the server goes on
                log.exception("request failed", extra={"method": scope["method"], "route": route and route.path})
                response = Response(b"", 500, TEXT)
            await _send(response, send, identity, head=scope["method"] == "HEAD")
            self._note(scope["method"], route, response.status, time.perf_counter() - started)
        finally:
            request_id.reset(token)

    def _authorise(self, headers: dict[bytes, bytes]) -> None:
        if self.settings.auth_required:
            check_token(
                self.settings.auth_secret or "",
                headers.get(b"authorization", b"").decode("latin-1"),
                headers.get(b"cookie", b"").decode("latin-1"),
            )

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        limit = self.settings.max_request_size
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > limit:
            raise TooLarge
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise BadRequest("the client left before the end of the body")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > limit:
                raise TooLarge
            more = message.get("more_body", False)
        return b"".join(parts)

    async def _answer(
        self, route: Route, parameters: tuple[str, ...], scope: Scope, headers: dict[bytes, bytes], body: bytes
    ) -> Response:
        services = self.services
        if services is None:
            if route.path == "/healthz":
                return Response(b".", content_type=TEXT)
            raise DatabaseUnavailable(self._starting() or "starting")
        request = Request(services, headers=headers, query=scope["query_string"], parameters=parameters, body=body)
        return await route.handler(request)

    def _note(self, method: str, route: Route | None, code: int, seconds: float) -> None:
        path = route.path if route else "none"
        self.metrics.observe(method if route else "none", path, code, seconds)
        if log.isEnabledFor(logging.DEBUG):
            log.debug(
                "request", extra={"method": method, "route": path, "status": code, "ms": round(seconds * 1000, 1)}
            )


def _refusal(error: Error) -> Response:
    code = status(error)
    headers: tuple[tuple[bytes, bytes], ...] = NOSNIFF
    if isinstance(error, MethodNotAllowed):
        return Response(b"", code, TEXT, (*headers, (b"allow", ", ".join(error.allowed).encode())))
    if isinstance(error, DatabaseUnavailable | ModelUnavailable):
        headers = (*headers, (b"retry-after", str(round(error.retry_after or 1)).encode()))
        log.warning("unavailable", extra={"reason": error.message})
    if isinstance(error, Unauthorized):
        headers = (*headers, (b"www-authenticate", b"Bearer"))
    return Response(error.message.encode() + b"\n", code, TEXT, headers)


async def _send(response: Response, send: Send, identity: str, *, head: bool) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": [
                (b"content-type", response.content_type),
                (b"content-length", str(len(response.body)).encode()),
                VERSION_HEADER,
                (b"x-request-id", identity.encode("latin-1")),
                *response.headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": b"" if head else response.body})
