"""Every route, in one flat list, and the way from a path to one of them."""

from __future__ import annotations

from inspect import getdoc
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote_to_bytes
from uuid import UUID

import msgspec

from recollect.errors import BadRequest, MethodNotAllowed, NotFound
from recollect.http import (
    collections,
    documents,
    jobs,
    memory,
    messages,
    reference,
    search,
    service,
    sessions,
    summaries,
    users,
)
from recollect.http.request import Handler
from recollect.models import (
    Collection,
    Document,
    DocumentSearchResult,
    JobState,
    Memory,
    Message,
    MessagePage,
    RankedResult,
    SearchResult,
    Session,
    Summary,
    User,
)


class Parameter(NamedTuple):
    """A query parameter, for the documentation."""

    name: str
    kind: Any
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
    also: dict[int, str] = {}
    """Other ways in which it may succeed."""
    media: str = ""
    """The answer's media type, where it is neither plain text nor JSON."""
    missing: bool = True
    """Whether what is named in the path has to exist."""

    @property
    def summary(self) -> str:
        """What it does, in the handler's own first words."""
        return (getdoc(self.handler) or "").partition("\n\n")[0].replace("\n", " ")

    @property
    def description(self) -> str:
        """What more there is to say, in the handler's own words."""
        return (getdoc(self.handler) or "").partition("\n\n")[2]


COLLECTION = "/api/v1/collection/{collection_name}"
DOCUMENT = f"{COLLECTION}/document/uuid/{{document_uuid}}"
BARE_DOCUMENT = f"{COLLECTION}/document/{{document_uuid}}"  # as the published JavaScript client calls it

LIMIT = Parameter("limit", int, "At most so many; absent or 0: no limit.")
AFTER = Parameter("cursor", int, "Only rows whose id is greater.")

ROUTES = [
    Route("GET", "/", reference.index, answer=str, media="text/html"),
    Route("GET", "/docs", reference.page, answer=str, media="text/html"),
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
        query=(
            Parameter("lastn", int, "The last so many messages, whatever the summary."),
            Parameter("key_messages", memory.KeyMessages, "So many older messages that say most, quoted."),
        ),
        missing=False,
    ),
    Route(
        "POST",
        "/api/v1/sessions/{session_id}/memory",
        memory.add,
        body=memory.MemoryBody,
        answer=str,
        query=(Parameter("wait", memory.Wait, "Seconds to wait until the messages can be found by meaning."),),
        also={202: "Stored, but not to be found by meaning yet."},
        missing=False,
    ),
    Route("DELETE", "/api/v1/sessions/{session_id}/memory", memory.delete, answer=str),
    Route(
        "GET",
        "/api/v1/sessions/{session_id}/summaries",
        summaries.list_all,
        answer=list[Summary],
        query=(
            Parameter("limit", int, "At most so many; 100 unless said otherwise."),
            Parameter("cursor", UUID, "Only summaries after the one with this uuid."),
        ),
        missing=False,
    ),
    Route(
        "GET",
        "/api/v1/sessions/{session_id}/messages",
        messages.page,
        answer=MessagePage,
        query=(
            Parameter("limit", int, "Size of a page; absent or 0: everything."),
            Parameter("cursor", int, "Number of the page, from 1."),
        ),
        missing=False,
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
        answer=list[RankedResult] | list[SearchResult],
        query=(
            Parameter("limit", int, "At most so many; 10 unless said otherwise."),
            Parameter("explain", bool, "Whether a hybrid search says what each feature contributed to the score."),
        ),
        missing=False,
    ),
    Route(
        "POST",
        "/api/v1/user/{user_id}/search",
        search.user,
        body=search.UserSearchBody,
        answer=list[RankedResult],
        query=(
            Parameter("limit", int, "At most so many; 10 unless said otherwise."),
            Parameter("explain", bool, "Whether to say what each feature contributed to the score."),
        ),
    ),
    Route("GET", "/api/v1/user", users.list_all, answer=list[User], query=(LIMIT, AFTER)),
    Route("POST", "/api/v1/user", users.create, body=users.NewUser, answer=User, status=201),
    Route("GET", "/api/v1/user/{user_id}", users.get, answer=User),
    Route("PATCH", "/api/v1/user/{user_id}", users.patch, body=users.UserPatch, answer=User),
    Route("DELETE", "/api/v1/user/{user_id}", users.delete, answer=str),
    Route("GET", "/api/v1/user/{user_id}/sessions", sessions.list_of_user, answer=list[Session], missing=False),
    Route("GET", "/api/v1/collection", collections.list_all, answer=list[Collection]),
    Route("POST", COLLECTION, collections.create, body=collections.NewCollection, answer=str, missing=False),
    Route("GET", COLLECTION, collections.get, answer=Collection),
    Route("PATCH", COLLECTION, collections.patch, body=collections.CollectionPatch, answer=str),
    Route("DELETE", COLLECTION, collections.delete, answer=str),
    Route(
        "POST",
        f"{COLLECTION}/search",
        documents.search,
        body=documents.DocumentSearch,
        answer=DocumentSearchResult,
        query=(Parameter("limit", int, "At most so many; 20 unless said otherwise."),),
    ),
    Route(
        "POST",
        f"{COLLECTION}/index/create",
        collections.create_index,
        answer=str | collections.Recall,
        query=(
            Parameter("force", bool, "Taken and not needed."),
            Parameter("measure", bool, "Answer the index's recall against exact search instead."),
        ),
    ),
    Route("POST", f"{COLLECTION}/document", documents.add, body=list[documents.DocumentBody], answer=list[UUID]),
    Route("GET", DOCUMENT, documents.get, answer=Document),
    Route("PATCH", DOCUMENT, documents.patch, body=documents.DocumentPatch, answer=str),
    Route("DELETE", DOCUMENT, documents.delete, answer=str),
    Route("GET", BARE_DOCUMENT, documents.get, answer=Document),
    Route("PATCH", BARE_DOCUMENT, documents.patch, body=documents.DocumentPatch, answer=str),
    Route("POST", f"{COLLECTION}/document/list/get", documents.get_list, body=documents.Wanted, answer=list[Document]),
    Route("POST", f"{COLLECTION}/document/list/delete", documents.delete_list, body=list[UUID], answer=str),
    Route(
        "PATCH",
        f"{COLLECTION}/document/list/update",
        documents.patch_list,
        body=list[documents.ListedPatch],
        answer=str,
    ),
    Route(
        "GET",
        "/api/v1/jobs",
        jobs.list_all,
        answer=list[JobState],
        query=(
            Parameter("state", Literal[jobs.STATES], "Only jobs in this state."),
            Parameter("kind", str, "Only jobs of this kind."),
            Parameter("limit", int, "At most so many; 100 unless said otherwise."),
            Parameter("cursor", UUID, "Only jobs after the one with this id."),
        ),
    ),
    Route("POST", "/api/v1/jobs/{job_uuid}/retry", jobs.retry, answer=str),
]
# Last, so that the description describes itself.
ROUTES.append(Route("GET", "/openapi.json", reference.description_of(ROUTES), answer=dict[str, Any]))


class Router:
    """A tree of path segments. It works on the undecoded path, so that an id may hold an encoded slash."""

    def __init__(self, routes: list[Route]) -> None:
        self._root: dict[str, Any] = {}
        for route in routes:
            node = self._root
            for segment in filter(None, route.path.split("/")):
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


def split(target: bytes) -> tuple[bytes, bytes]:
    """Return the path and the query of a request's target; what is no path leads to the root."""
    if not target.startswith(b"/"):  # a proxy's form, with the host in it
        target = b"/" + target.partition(b"://")[2].partition(b"/")[2]
    path, _, query = target.partition(b"#")[0].partition(b"?")
    return path, query


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
