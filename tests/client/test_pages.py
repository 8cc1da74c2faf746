"""Generators of pages against a server of their own, whatever is deleted and added while they run."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live import started

from recollect import CreateUserRequest, Session, ZepClient

_numbers = itertools.count()
DELETIONS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 7)), max_size=8)
"""(after how many pages, which row)"""


@pytest.fixture(scope="module")
def alone() -> Iterator[ZepClient]:
    """A client of a server that nobody else uses."""
    with started("--no-worker") as server, ZepClient(server.address) as client:
        yield client


def expected(names: list[str], gone: set[str], seen: list[str]) -> None:
    """What was never deleted was seen exactly once and in order, what was deleted at most once."""
    assert [name for name in seen if name not in gone] == [name for name in names if name not in gone]
    assert len(seen) == len(set(seen))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(0, 8), chunk_size=st.integers(1, 4), deletions=DELETIONS)
def test_every_session_comes_exactly_once(
    alone: ZepClient, count: int, chunk_size: int, deletions: list[tuple[int, int]]
) -> None:
    """Whatever sessions are deleted between pages, seen ones or others, each that stays is yielded exactly once."""
    names = [f"session-{next(_numbers)}" for _ in range(count)]
    for name in names:
        alone.memory.add_session(Session(session_id=name))
    seen: list[str] = []
    gone: set[str] = set()
    for page, sessions in enumerate(alone.memory.list_all_sessions(chunk_size)):
        assert 1 <= len(sessions) <= chunk_size
        seen += [session.session_id for session in sessions]
        for name in {names[row] for when, row in deletions if when == page and row < count} - gone:
            alone.memory.delete_memory(name)
            gone.add(name)
    expected(names, gone, seen)
    for name in set(names) - gone:
        alone.memory.delete_memory(name)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(0, 8), chunk_size=st.integers(1, 4), deletions=DELETIONS)
def test_every_user_comes_exactly_once(
    alone: ZepClient, count: int, chunk_size: int, deletions: list[tuple[int, int]]
) -> None:
    """The same holds for users, who are erased at once."""
    names = [f"user-{next(_numbers)}" for _ in range(count)]
    for name in names:
        alone.user.add(CreateUserRequest(user_id=name))
    seen: list[str] = []
    gone: set[str] = set()
    for page, users in enumerate(alone.user.list_chunked(chunk_size)):
        assert 1 <= len(users) <= chunk_size
        seen += [user.user_id for user in users]
        for name in {names[row] for when, row in deletions if when == page and row < count} - gone:
            alone.user.delete(name)
            gone.add(name)
    expected(names, gone, seen)
    for name in set(names) - gone:
        alone.user.delete(name)
