"""What the server shows of itself: the way in, the description of the API, and a page to read it on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from recollect.http.openapi import describe
from recollect.http.request import Handler, Request, Response, json

if TYPE_CHECKING:
    from recollect.http.routes import Route

HTML = b"text/html; charset=utf-8"
ALONE = (
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:",
    ),
    (b"x-content-type-options", b"nosniff"),
)
"""The pages load nothing from anywhere else, and browsers are told so."""

INDEX = Response((files(__package__) / "index.html").read_bytes(), content_type=HTML, headers=ALONE)
REFERENCE = Response((files(__package__) / "reference.html").read_bytes(), content_type=HTML, headers=ALONE)


async def index(request: Request) -> Response:
    """Show where to go from here."""
    del request
    return INDEX


async def page(request: Request) -> Response:
    """Show the API's reference, with every call ready to be tried."""
    del request
    return REFERENCE


def description_of(routes: Sequence[Route]) -> Handler:
    """Return the handler that describes these routes. The document is made when it is first asked for."""

    @cache
    def described() -> Response:
        return json(describe(routes))

    async def openapi(request: Request) -> Response:
        """Describe the API in OpenAPI 3.1."""
        del request
        return described()

    return openapi
