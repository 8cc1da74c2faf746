"""The purge: what was deleted leaves the disk."""

from __future__ import annotations

import asyncio
import logging

from recollect.errors import Error
from recollect.store import Store, documents, embeddings, sessions, summary_embeddings

BATCH = 1000

log = logging.getLogger(__name__)


async def purge_regularly(store: Store, seconds: float) -> None:
    """Purge now and then every so many seconds; a database that is away is asked again the next time."""
    while True:
        try:
            gone, cleared = await sessions.purge(store)
            for texts in (embeddings, summary_embeddings, documents):
                while await texts.drop_retired(store, BATCH) == BATCH:
                    pass
        except Error as error:
            log.warning("purge failed", extra={"reason": error.message})
        else:
            if gone or cleared:
                log.info("purged", extra={"sessions": gone, "revived_sessions": cleared})
        await asyncio.sleep(seconds)
