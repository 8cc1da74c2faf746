"""Language models on the endpoint of language_model.py."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from language_model import Endpoint

from recollect.llm import Call
from recollect.llm.configured import open_model
from recollect.llm.model import Model

Opened = Callable[..., AbstractAsyncContextManager[Model]]


@pytest.fixture
def calls() -> list[Call]:
    """What the model has taken note of."""
    return []


@pytest.fixture
def opened(endpoint: Endpoint, calls: list[Call]) -> Opened:
    """Open a model on the endpoint, with settings of one's own."""

    async def record(call: Call) -> None:
        calls.append(call)

    @contextlib.asynccontextmanager
    async def open_it(**settings: Any) -> AsyncIterator[Model]:
        model = open_model(endpoint.settings(**settings), record)
        assert isinstance(model, Model)
        yield model
        await model.aclose()

    return open_it


@pytest.fixture(params=["openai", "azure", "anthropic"])
async def model(request: pytest.FixtureRequest, endpoint: Endpoint, opened: Opened) -> AsyncIterator[Model]:
    """A model of each provider."""
    base_url = endpoint.url if request.param == "openai" else endpoint.address
    async with opened(llm_provider=request.param, llm_base_url=base_url, llm_timeout=30) as model:
        yield model
