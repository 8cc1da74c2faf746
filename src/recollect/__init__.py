"""Recollect: a self-hosted memory server for AI assistants, and its client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recollect.client import (
        APIError,
        AuthError,
        BadRequest,
        CreateUserRequest,
        Document,
        DocumentClient,
        DocumentCollection,
        Feature,
        FoundMessage,
        Job,
        JobClient,
        Memory,
        MemoryClient,
        MemorySearchPayload,
        MemorySearchResult,
        Message,
        MessageClient,
        MethodNotAllowed,
        NotFoundError,
        OutOfSpace,
        Session,
        SettingsError,
        StartupError,
        Summary,
        TooLarge,
        Unavailable,
        Unreachable,
        UpdateUserRequest,
        User,
        UserClient,
        ZepClient,
        ZepClientError,
    )

__version__ = "0.1.0"

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


if not TYPE_CHECKING:  # a type checker is to see a misspelt name

    def __getattr__(name: str) -> Any:
        """Import the client when one of its names is first used: the server and the command line do without."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from recollect import client  # noqa: PLC0415 -- that is the point

        return getattr(client, name)
