"""The application: one way in, one way out.

There is no web framework in between. The protocol asks for routing on the undecoded path, for cleaning it without ever
redirecting, and for plain-text errors, which leaves a framework little to do; Starlette would add 23 us of CPU to a
get-memory of 139 us.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from recollect import __version__
from recollect.errors import (
    DatabaseUnavailable,
    Error,
    MethodNotAllowed,
    ModelUnavailable,
    TooLarge,
    Unauthorized,
    status,
)
from recollect.http.auth import check_token
from recollect.http.connection import TEXT, Incoming
from recollect.http.metrics import Metrics
from recollect.http.request import Request, Response
from recollect.http.routes import ROUTES, Route, Router, clean, split
from recollect.http.services import Services
from recollect.settings import Settings

log = logging.getLogger(__name__)

COMPATIBLE_WITH = "0.27.2"
"""Clients refuse servers older than 0.21.0, and read the version only in front of a dash."""
VERSION = f"{COMPATIBLE_WITH}-recollect.{__version__}".encode()
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

    async def answer(self, incoming: Incoming) -> Response:
        """Answer one request."""
        started = time.perf_counter()
        route: Route | None = None
        try:
            path, query = split(incoming.target)
            segments = clean(path)
            if segments[:1] == ["api"]:
                self._authorise(incoming.headers)
            route, parameters = self._router.find(incoming.method, segments)
            response = await self._handle(route, parameters, query, incoming)
        except Error as error:
            response = _refusal(error)
        except Exception:  # the last resort: one request fails, the server goes on
            log.exception("request failed", extra={"method": incoming.method, "route": route and route.path})
            response = Response(b"", 500, TEXT)
        self._note(incoming.method, route, response.status, time.perf_counter() - started)
        return response

    def _authorise(self, headers: dict[bytes, bytes]) -> None:
        if self.settings.auth_required:
            check_token(
                self.settings.auth_secret or "",
                headers.get(b"authorization", b"").decode("latin-1"),
                headers.get(b"cookie", b"").decode("latin-1"),
            )

    async def _handle(self, route: Route, parameters: tuple[str, ...], query: bytes, incoming: Incoming) -> Response:
        if incoming.body is None:
            raise TooLarge
        services = self.services
        if services is None:
            if route.path == "/healthz":
                return Response(b".", content_type=TEXT)
            raise DatabaseUnavailable(self._starting() or "starting")
        request = Request(services, headers=incoming.headers, query=query, parameters=parameters, body=incoming.body)
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
