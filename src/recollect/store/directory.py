"""Where a session lies: its bucket and key, by its name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar
from uuid import UUID

from recollect.store.database import Database
from recollect.store.keys import bucket_of

Found = TypeVar("Found")

REMEMBERED = 100_000
"""Names kept in the process; about 300 bytes each."""


class Place(NamedTuple):
    """Where a session's rows are."""

    bucket: int
    key: UUID


class Directory:
    """The table session_names with a bounded memory in front of it.

    An entry never changes until its session is purged, so what is remembered can only be missing or stale; a stale
    place has no row, which the statement that was sent there shows.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._places: dict[tuple[str, str], Place] = {}

    def remember(self, project: str, name: str, place: Place) -> None:
        """Keep a place; beyond the bound the oldest entry goes."""
        if len(self._places) >= REMEMBERED:
            del self._places[next(iter(self._places))]
        self._places[project, name] = place

    def remembered(self, project: str, name: str) -> Place | None:
        """Return the place if it is remembered."""
        return self._places.get((project, name))

    async def look_up(self, project: str, name: str) -> Place | None:
        """Ask the table, and remember what it says."""
        row = await self._database.row("sessions.lookup", bucket_of(project, name), project, name)
        if row is None:
            self._places.pop((project, name), None)
            return None
        place = Place(row["bucket"], row["session_key"])
        self.remember(project, name, place)
        return place

    async def at(self, project: str, name: str, run: Callable[[Place], Awaitable[Found | None]]) -> Found | None:
        """Run a statement where the session lies; again, when a remembered place proves stale. None: no such row."""
        remembered = self.remembered(project, name)
        if remembered is not None:
            found = await run(remembered)
            if found is not None:
                return found
        place = await self.look_up(project, name)
        return None if place is None or place == remembered else await run(place)
