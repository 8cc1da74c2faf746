"""The Python client. It needs httpx and msgspec, and nothing of the server's but its errors."""

from __future__ import annotations

from recollect.client.client import (
    DocumentClient,
    JobClient,
    MemoryClient,
    MessageClient,
    UserClient,
    ZepClient,
)
from recollect.client.collection import DocumentCollection
from recollect.client.models import (
    CreateUserRequest,
    Document,
    Feature,
    FoundMessage,
    Job,
    Memory,
    MemorySearchPayload,
    MemorySearchResult,
    Message,
    Session,
    Summary,
    UpdateUserRequest,
    User,
)
from recollect.errors import (
    APIError,
    BadRequest,
    MethodNotAllowed,
    OutOfSpace,
    SettingsError,
    StartupError,
    TooLarge,
    Unavailable,
    Unreachable,
)
from recollect.errors import Error as ZepClientError
from recollect.errors import NotFound as NotFoundError
from recollect.errors import Unauthorized as AuthError

__all__ = [
    "APIError",
    "AuthError",
    "BadRequest",
    "CreateUserRequest",
    "Document",
    "DocumentClient",
    "DocumentCollection",
    "Feature",
    "FoundMessage",
    "Job",
    "JobClient",
    "Memory",
    "MemoryClient",
    "MemorySearchPayload",
    "MemorySearchResult",
    "Message",
    "MessageClient",
    "MethodNotAllowed",
    "NotFoundError",
    "OutOfSpace",
    "Session",
    "SettingsError",
    "StartupError",
    "Summary",
    "TooLarge",
    "Unavailable",
    "Unreachable",
    "UpdateUserRequest",
    "User",
    "UserClient",
    "ZepClient",
    "ZepClientError",
]
