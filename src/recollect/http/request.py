"""What a handler is given, and what it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from recollect.decoding import checked_id, decode
from recollect.errors import BadRequest

if TYPE_CHECKING:
    from recollect.http.services import Services

Body = TypeVar("Body")

Id = Annotated[str | None, msgspec.Meta(extra_json_schema={"type": "string", "minLength": 1, "maxLength": 255})]
"""An id that has to be there; `checked_id` says so, in the protocol's words, rather than the decoder."""

MAX_INT64 = 2**63 - 1
MAX_DIGITS = 20


class Response(msgspec.Struct, frozen=True):
    """A status, a body, and its content type."""

    body: bytes
    status: int = 200
    content_type: bytes = b"application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()


OK = Response(b"OK", content_type=b"text/plain; charset=utf-8")
"""What commands answer."""

encoder = msgspec.json.Encoder()


def json(value: object, status: int = 200) -> Response:
    """Answer a value as JSON, ended by a newline."""
    return Response(encoder.encode(value) + b"\n", status)


def as_it_is(document: bytes) -> Response:
    """Answer what is JSON already, ended by a newline."""
    return Response(document + b"\n")


class Request:
    """One request: the path's parameters, the query, the body, and what the server offers to answer it."""

    __slots__ = ("_query", "body", "headers", "parameters", "services")

    def __init__(
        self,
        services: Services,
        *,
        headers: dict[bytes, bytes],
        query: bytes = b"",
        parameters: tuple[str, ...] = (),
        body: bytes = b"",
    ) -> None:
        self.services = services
        self.headers = headers
        self.parameters = parameters
        self.body = body
        self._query = query

    @property
    def project(self) -> str:
        """The project everything in this request belongs to."""
        return "default"

    def name(self, place: int = 0) -> str:
        """Return a name out of the path. Raises BadRequest for one that could never have been stored."""
        return checked_id(self.parameters[place], "the id in the path")

    def uuid(self, place: int = 1) -> UUID:
        """Return a UUID out of the path. Raises BadRequest."""
        text = self.parameters[place]
        try:
            return UUID(text)
        except ValueError as error:
            raise BadRequest(f"unable to parse UUID: {text[:100]!r}") from error

    def query(self, name: str) -> str:
        """Return a query parameter; an empty value is an absent one."""
        if not self._query:
            return ""
        try:
            pairs = parse_qsl(self._query.decode("ascii"), errors="strict", max_num_fields=100)
        except ValueError as error:
            raise BadRequest("the query string is not valid") from error
        return next((value for key, value in pairs if key == name), "")

    def integer(self, name: str) -> int:
        """Return an integer query parameter, 0 when absent. Raises BadRequest."""
        text = self.query(name)
        if not text:
            return 0
        if not text.removeprefix("-").removeprefix("+").isdecimal() or not text.isascii():
            raise BadRequest(f"{name}: strconv.ParseInt: parsing {text[:50]!r}: invalid syntax")
        if len(text) > MAX_DIGITS or abs(int(text)) > MAX_INT64:
            raise BadRequest(f"{name}: strconv.ParseInt: parsing {text[:50]!r}: value out of range")
        return int(text)

    def decode(self, kind: type[Body]) -> Body:
        """Parse the body as JSON, whatever its content type. Raises BadRequest naming the field."""
        return decode(_decoder(kind), self.body, "the body")


Handler = Callable[[Request], Awaitable[Response]]


_decoders: dict[object, msgspec.json.Decoder[Any]] = {}


def _decoder(kind: type[Body]) -> msgspec.json.Decoder[Body]:
    if kind not in _decoders:
        _decoders[kind] = msgspec.json.Decoder(kind)
    return _decoders[kind]


def merged(metadata: dict[str, Any] | None, *, privileged: bool) -> dict[str, Any] | None:
    """Return what a merge may write: `system` is the server's own; nothing left means no change."""
    if metadata and not privileged:
        metadata = {key: value for key, value in metadata.items() if key != "system"}
    return metadata or None
