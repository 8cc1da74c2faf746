"""Jobs about indexes and collections: `index_collection`, `index_messages`, `erase_collection`."""

from __future__ import annotations

from recollect.store import Store, collections, indexes
from recollect.store.jobs import Job


async def index_collection(store: Store, jobs: list[Job]) -> None:
    """Build the approximate indexes of large collections."""
    for job in jobs:
        await indexes.build(store, job.bucket, job.about)


async def index_messages(store: Store, jobs: list[Job]) -> None:
    """Index messages by their words."""
    del jobs  # there is but one thing to do
    await indexes.build_words(store)


async def erase_collection(store: Store, jobs: list[Job]) -> None:
    """Remove everything that collections which are gone held."""
    for job in jobs:
        await indexes.drop(store, job.about)
        await collections.erase(store, job.bucket, job.about)
