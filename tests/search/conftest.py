from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from recollect.core.embeddings import Models
from recollect.settings import load
from recollect.store import Store


@pytest_asyncio.fixture
async def models(store: Store) -> AsyncIterator[Models]:
    """The local model."""
    opened = Models(store, load({}, None, {}))
    await opened.open()
    yield opened
    await opened.close()
