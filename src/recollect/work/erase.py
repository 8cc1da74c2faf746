"""Jobs of kind `erase` and `erase_cleared`: what deleted sessions held."""

from __future__ import annotations

from recollect.store import Store, erasures
from recollect.store.jobs import Job


async def erase(store: Store, jobs: list[Job]) -> None:
    """Remove everything that sessions which are gone held."""
    for job in jobs:
        await erasures.erase(store, job.bucket, job.about)


async def erase_cleared(store: Store, jobs: list[Job]) -> None:
    """Remove what living sessions held before they were deleted and came back."""
    for job in jobs:
        await erasures.erase_cleared(store, job.bucket, job.about)
