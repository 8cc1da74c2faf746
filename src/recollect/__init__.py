"""Recollect: a self-hosted memory server for AI assistants, and its client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recollect.client import (
        APIError as APIError,
    )
    from recollect.client import (
        AuthError as AuthError,
    )
    from recollect.client import (
        BadRequest as BadRequest,
    )
    from recollect.client import (
        CreateUserRequest as CreateUserRequest,
    )
    from recollect.client import (
        Document as Document,
    )
    from recollect.client import (
        DocumentClient as DocumentClient,
    )
    from recollect.client import (
        DocumentCollection as DocumentCollection,
    )
    from recollect.client import (
        Feature as Feature,
    )
    from recollect.client import (
        FoundMessage as FoundMessage,
    )
    from recollect.client import (
        Job as Job,
    )
    from recollect.client import (
        JobClient as JobClient,
    )
    from recollect.client import (
        Memory as Memory,
    )
    from recollect.client import (
        MemoryClient as MemoryClient,
    )
    from recollect.client import (
        MemorySearchPayload as MemorySearchPayload,
    )
    from recollect.client import (
        MemorySearchResult as MemorySearchResult,
    )
    from recollect.client import (
        Message as Message,
    )
    from recollect.client import (
        MessageClient as MessageClient,
    )
    from recollect.client import (
        MethodNotAllowed as MethodNotAllowed,
    )
    from recollect.client import (
        NotFoundError as NotFoundError,
    )
    from recollect.client import (
        OutOfSpace as OutOfSpace,
    )
    from recollect.client import (
        Session as Session,
    )
    from recollect.client import (
        SettingsError as SettingsError,
    )
    from recollect.client import (
        StartupError as StartupError,
    )
    from recollect.client import (
        Summary as Summary,
    )
    from recollect.client import (
        TooLarge as TooLarge,
    )
    from recollect.client import (
        Unavailable as Unavailable,
    )
    from recollect.client import (
        Unreachable as Unreachable,
    )
    from recollect.client import (
        UpdateUserRequest as UpdateUserRequest,
    )
    from recollect.client import (
        User as User,
    )
    from recollect.client import (
        UserClient as UserClient,
    )
    from recollect.client import (
        ZepClient as ZepClient,
    )
    from recollect.client import (
        ZepClientError as ZepClientError,
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
