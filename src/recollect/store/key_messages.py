"""Key messages: what is read to choose them."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from recollect.store import Store
from recollect.store.directory import Place


class Candidate(NamedTuple):
    """A message that may be chosen. `vector` holds a halfvec as sent, or None while there is none."""

    session_key: UUID
    seq: int
    characters: int
    vector: bytes | None


class Candidates(NamedTuple):
    """Messages of one session, oldest first."""

    bucket: int
    messages: list[Candidate]


async def candidates(
    store: Store, project: str, session_id: str, *, before: UUID | None, model: int, most: int, longest: int
) -> Candidates:
    """Return the newest messages before another one (None: of all); none for an unknown session.

    Characters beyond the longest are not counted.
    """

    async def run(place: Place) -> Candidates | None:
        rows = await store.database.fetch("key_messages.candidates", *place, before, model, most, longest)
        return Candidates(place.bucket, [Candidate(*row) for row in rows if row["seq"]]) if rows else None

    return await store.directory.at(project, session_id, run) or Candidates(0, [])
