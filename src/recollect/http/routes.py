"""Every route, in one flat list, and the way from a path to one of them."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec

from recollect.errors import BadRequest, MethodNotAllowed, NotFound
from recollect.http import jobs, memory, messages, search, service, sessions, users
from recollect.http.request import Handler
from recollect.models import JobState, Memory, Message, MessagePage, SearchResult, Session, User


class Parameter(NamedTuple):
    """A query parameter, for the documentation."""

    name: str
    kind: type
    text: str


class Route(msgspec.Struct, frozen=True):
    """One route. `{name}` in a path takes one segment; the rest describes it for the documentation."""

    method: str
    path: str
    handler: Handler
    body: Any = None
    answer: Any = None
    status: int = 200
    query: tuple[Parameter, ...] = ()

    @property
    def summary(self) -> str:
        """What it does, in the handler's own words."""
        return (self.handler.__doc__ or "").strip()


LIMIT = Parameter("limit", int, "At most so many; absent or 0: no limit.")
AFTER = Parameter("cursor", int, "Only rows whose id is greater.")

ROUTES = [
    Route("GET", "/healthz", service.health, answer=str),
    Route("HEAD", "/healthz", service.health),
    Route("GET", "/readyz", service.ready, answer=str),
    Route("GET", "/metrics", service.metrics, answer=str),
    Route("GET", "/api/v1/sessions", sessions.list_all, answer=list[Session], query=(LIMIT, AFTER)),
    Route("POST", "/api/v1/sessions", sessions.create, body=sessions.NewSession, answer=Session, status=201),
    Route("GET", "/api/v1/sessions/{session_id}", sessions.get, answer=Session),
    Route("PATCH", "/api/v1/sessions/{session_id}", sessions.patch, body=sessions.SessionPatch, answer=Session),
    Route(
        "GET",
        "/api/v1/sessions/{session_id}/memory",
        memory.get,
        answer=Memory,
        query=(Parameter("lastn", int, "The last so many messages, whatever the summary."),),
    ),
    Route(
        "POST",
        "/api/v1/sessions/{session_id}/memory",
        memory.add,
        body=memory.MemoryBody,
        answer=str,
        query=(Parameter("wait", float, "Seconds to wait until the messages can be found by meaning."),),
    ),
    Route("DELETE", "/api/v1/sessions/{session_id}/memory", memory.delete, answer=str),
    Route(
        "GET",
        "/api/v1/sessions/{session_id}/messages",
        messages.page,
        answer=MessagePage,
        query=(
            Parameter("limit", int, "Size of a page; absent or 0: everything."),
            Parameter("cursor", int, "Number of the page, from 1."),
        ),
    ),
    Route("GET", "/api/v1/sessions/{session_id}/messages/{message_uuid}", messages.get, answer=Message),
    Route(
        "PATCH",
        "/api/v1/sessions/{session_id}/messages/{message_uuid}",
        messages.patch,
        body=messages.MessagePatch,
        answer=Message,
    ),
    Route(
        "POST",
        "/api/v1/sessions/{session_id}/search",
        search.session,
        body=search.SearchBody,
        answer=list[SearchResult],
        query=(Parameter("limit", int, "At most so many; 10 unless said otherwise."),),
    ),
    Route("GET", "/api/v1/user", users.list_all, answer=list[User], query=(LIMIT, AFTER)),
    Route("POST", "/api/v1/user", users.create, body=users.NewUser, answer=User, status=201),
    Route("GET", "/api/v1/user/{user_id}", users.get, answer=User),
    Route("PATCH", "/api/v1/user/{user_id}", users.patch, body=users.UserPatch, answer=User),
    Route("DELETE", "/api/v1/user/{user_id}", users.delete, answer=str),
    Route("GET", "/api/v1/user/{user_id}/sessions", sessions.list_of_user, answer=list[Session]),
    Route(
        "GET",
        "/api/v1/jobs",
        jobs.list_all,
        answer=list[JobState],
        query=(
            Parameter("state", str, "Only jobs that are due, leased or failed."),
            Parameter("kind", str, "Only jobs of this kind."),
            Parameter("limit", int, "At most so many; 100 unless said otherwise."),
            Parameter("cursor", str, "Only jobs after the one with this id."),
        ),
    ),
    Route("POST", "/api/v1/jobs/{job_id}/retry", jobs.retry, answer=str),
]


class Router:
    """A tree of path segments. It works on the undecoded path, so that an id may hold an encoded slash."""

    def __init__(self, routes: list[Route]) -> None:
        self._root: dict[str, Any] = {}
        for route in routes:
            node = self._root
            for segment in route.path.strip("/").split("/"):
                node = node.setdefault("*" if segment.startswith("{") else segment, {})
            node.setdefault("", {})[route.method] = route

    def find(self, method: str, segments: list[str]) -> tuple[Route, tuple[str, ...]]:
        """Return the route and the path's parameters, decoded once. Raises NotFound, MethodNotAllowed, BadRequest."""
        node = self._root
        parameters = []
        for segment in segments:
            below = node.get(segment)
            if below is None:
                below = node.get("*")
                if below is None:
                    raise NotFound("404 page not found")
                parameters.append(segment)
            node = below
        methods = node.get("")
        if methods is None:
            raise NotFound("404 page not found")
        if method not in methods:
            raise MethodNotAllowed(sorted(methods))
        return methods[method], tuple(map(_decoded, parameters))


def clean(raw_path: bytes) -> list[str]:
    """Split a path as v1 does: empty segments and `.` vanish, `..` takes one back; never a redirect."""
    segments: list[str] = []
    for segment in raw_path.decode("latin-1").split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in {"", "."}:
            segments.append(segment)
    if len(segments) == 1 and segments[0].lower() == "healthz":
        return ["healthz"]
    return segments


def _decoded(segment: str) -> str:
    if "%" not in segment and segment.isascii():
        return segment
    try:
        return unquote_to_bytes(segment.encode("latin-1")).decode()
    except UnicodeDecodeError as error:
        raise BadRequest("the path is not valid UTF-8") from error
