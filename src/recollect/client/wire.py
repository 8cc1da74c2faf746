"""The half of the client that does not wait: what a call sends, what its answer means, and whether to ask again."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote
from uuid import UUID

import httpx
import msgspec

from recollect.errors import STATUS, APIError, BadRequest, Error, MethodNotAllowed, Unreachable

Answer = TypeVar("Answer")

API = "/api/v1"
CLOSED = "this client was closed: make another, or call within its `with` block"
HEADERS = {"Accept": "application/json, text/plain", "Accept-Encoding": "gzip, deflate", "User-Agent": "recollect"}
FIRST_PAUSE = 0.1
"""Seconds before the second attempt, on average; twice as long before each further one."""
LONGEST_PAUSE = 10.0
"""Seconds. Asked to wait longer, the client gives up and says so."""
LOST = (httpx.ConnectError, httpx.ReadError, httpx.WriteError, httpx.CloseError, httpx.RemoteProtocolError)
REPEATABLE = {"GET", "PATCH"}
"""Every PATCH of this API replaces or merges: what it was sent for holds after the second time as after the first."""
TOO_MANY = 429
UNAVAILABLE = 503
HINTS = {
    401: "Pass api_key=; `recollect token` makes one that the server takes.",
    404: "It was never added, or it was deleted.",
    413: "Send less in one call.",
    429: "Wait before you call again; retries= lets the client do so longer.",
    503: "Try again later; `recollect doctor` says what the server lacks.",
    507: "Free space on the disk of the server's database; it recovers by itself.",
}
BY_STATUS = {int(code): kind for kind, code in reversed(STATUS.items())}
"""The first class of the table wins where several share a status."""


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """One call of the API. `repeatable` says that doing it twice is doing it once, whatever its method."""

    reads: type[Answer]
    method: str
    path: str
    body: Any = None
    query: dict[str, Any] = field(default_factory=dict)
    repeatable: bool = False
    seconds: float = 0
    """How long the server was asked to wait before it answers, on top of the time an answer may take."""


def path(template: str, **ids: str | UUID) -> str:
    """Fill ids into a path, percent-encoded. Raises ValueError for an empty one, TypeError for what is no text."""
    for name, value in ids.items():
        if not isinstance(value, str | UUID):
            raise TypeError(f"{name} is {value!r}, not a text")
        if not value:
            raise ValueError(f"{name} is empty")
    return template.format_map({name: _quoted(str(value)) for name, value in ids.items()})


def _quoted(text: str) -> str:
    quoted = quote(text, safe="")
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E")  # `.` and `..` would walk the path


@dataclass(slots=True)
class Wire:
    """The server's address, where it is known, and how to deal with it."""

    base_url: str
    headers: dict[str, str]
    timeout: httpx.Timeout
    retries: int
    absent: str = "Is the server running (`recollect serve`), and is base_url its address?"
    """What to do when there is no answer."""

    def request(self, call: Call[Any]) -> httpx.Request:
        """Return a call as it is sent."""
        timeout = self.timeout.as_dict()
        if call.seconds and timeout["read"] is not None:
            timeout["read"] += call.seconds
        has_body = call.body is not None
        return httpx.Request(
            call.method,
            self.base_url + call.path,
            params={name: _text(value) for name, value in call.query.items() if value is not None} or None,
            headers=self.headers | ({"Content-Type": "application/json"} if has_body else {}),
            content=msgspec.json.encode(call.body) if has_body else None,
            extensions={"timeout": timeout},
        )

    def after_loss(self, call: Call[Any], error: httpx.TransportError, attempt: int) -> float:
        """Return after how many seconds to send a call again that got no answer, or raise Unreachable."""
        safe = call.repeatable or call.method in REPEATABLE or isinstance(error, httpx.ConnectError)
        if safe and isinstance(error, LOST) and attempt < self.retries:
            return _pause(attempt)
        late = isinstance(error, httpx.TimeoutException)
        raise Unreachable(
            f"{call.method} {self.base_url}{call.path} got no answer{' in time' if late else ''}: "
            f"{str(error) or type(error).__name__}",
            hint="Pass a longer timeout=, or see what keeps the server." if late else self.absent,
        ) from error

    def after_answer(self, call: Call[Any], response: httpx.Response, attempt: int) -> float | None:
        """Return after how many seconds to send a call again, None if the answer stands."""
        status = response.status_code
        safe = call.repeatable or call.method in REPEATABLE or status == TOO_MANY
        if status not in {TOO_MANY, UNAVAILABLE} or not safe or attempt >= self.retries:
            return None
        asked = response.headers.get("Retry-After", "")
        seconds = _pause(attempt) + (float(asked) if asked.isdecimal() else 0)
        return seconds if seconds <= LONGEST_PAUSE else None

    def read(self, call: Call[Answer], response: httpx.Response) -> Answer:
        """Return what an answer holds. Raises the error of its status, APIError for an answer of another kind."""
        if not response.is_success:
            raise _refusal(call, response)
        if call.reads is str:
            return cast("Answer", response.text if response.status_code == httpx.codes.OK else "stored")
        try:
            return msgspec.json.decode(response.content, type=call.reads)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            failure = APIError(
                f"the answer to {call.method} {response.url} is not what the API answers: {error}",
                hint="Is base_url the address of a Recollect server?",
            )
            raise _told(failure, response) from error


def _pause(attempt: int) -> float:
    return random.uniform(0.5, 1.5) * FIRST_PAUSE * float(2**attempt)  # noqa: S311 -- spreads clients out, keeps no secret


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refusal(call: Call[Any], response: httpx.Response) -> Error:
    """Return the error of the server's own tree that a status stands for, with the server's text."""
    status, text = response.status_code, response.text.strip()
    said = f"{call.method} {response.url} was answered with {status}"
    if response.has_redirect_location:
        hint = f"Take the address it leads to as base_url: {response.headers['Location']}"
        return _told(APIError(f"{said}, a redirect", hint=hint), response)
    kind = BY_STATUS.get(status, APIError)
    if kind is MethodNotAllowed:
        return _told(MethodNotAllowed(response.headers.get("Allow", "").split(", ")), response)
    error = kind(text or said, hint=HINTS.get(status, ""))
    if not isinstance(error, BadRequest):
        error.add_note(said)
    return _told(error, response)


def _told(error: Error, response: httpx.Response) -> Error:
    error.response_data = {"status_code": response.status_code, "message": response.text}
    if error.hint:
        error.add_note(error.hint)
    return error
