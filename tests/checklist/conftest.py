from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

sys.path.append(str(Path(__file__).parents[1] / "embed"))  # where the misbehaving endpoint lives

import endpoint as fake


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[fake.Endpoint]:
    """An embedding endpoint that misbehaves on demand."""
    async with fake.endpoint() as running:
        yield running
