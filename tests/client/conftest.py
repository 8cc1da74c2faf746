"""A server in a process of its own, so that calls that block have somebody to answer them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from recollect import CreateUserRequest, ZepClient

_numbers = itertools.count()


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Where a server with the local model answers. Tests share it, and name what they store by `name`."""
    if address := os.environ.get("RECOLLECT_TEST_ADDRESS"):
        yield address
        return
    from live import started  # noqa: PLC0415 -- it needs what the server needs

    with started(RECOLLECT_ENTITIES="false") as server:  # else messages change after they were added
        yield server.address


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"name-{next(_numbers)}"


@pytest.fixture
def client(address: str) -> Iterator[ZepClient]:
    """A client of the shared server."""
    with ZepClient(address) as client:
        yield client


@pytest.fixture
def user_id(client: ZepClient, name: str) -> str:
    """The id of a user."""
    return client.user.add(CreateUserRequest(user_id=name, first_name="Ana", metadata={"plan": "free"})).user_id
