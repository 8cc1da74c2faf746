"""What a command over many sessions is about."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from recollect.store import Store
from recollect.store.keys import BUCKETS, bucket_of

BUCKETS_AT_ONCE = 64


class Scope(NamedTuple):
    """All sessions of a project, or one, or a user's; and of those only what has changed since a time."""

    project: str
    session_id: str | None = None
    user_id: str | None = None
    since: datetime | None = None


class Part(NamedTuple):
    """What one statement over a scope looks at, as its first arguments: the first and last bucket, and the scope."""

    first: int
    last: int
    project: str
    session_key: UUID | None
    user_id: str | None
    since: datetime | None


async def parts(store: Store, scope: Scope) -> list[Part]:
    """Return the parts of a scope: some buckets at a time, or the one that its session or user lies in."""
    key = None
    buckets = [(first, first + BUCKETS_AT_ONCE - 1) for first in range(0, BUCKETS, BUCKETS_AT_ONCE)]
    if scope.session_id is not None:
        place = await store.directory.look_up(scope.project, scope.session_id)
        if place is None:
            return []
        key, buckets = place.key, [(place.bucket, place.bucket)]
    elif scope.user_id is not None:
        buckets = [(bucket := bucket_of(scope.project, scope.user_id), bucket)]
    return [Part(*ends, scope.project, key, scope.user_id, scope.since) for ends in buckets]
