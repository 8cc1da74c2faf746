"""kill -9 of the server and of its PostgreSQL under load; 200 times by `make soak`, a few times here."""

from __future__ import annotations

import pytest
from crash import crash, server_in

KILLS = 10


@pytest.mark.timeout(300)
@pytest.mark.parametrize("victim", ["server", "postgres"])
async def test_nothing_acknowledged_is_lost(victim: str) -> None:
    """After ten kills each acknowledged message is there once, batches are whole, and nothing else is there."""
    with server_in() as server:
        figures = await crash(server, victim, KILLS)
    assert figures.acked == figures.stored > 0
    assert (figures.lost, figures.duplicated, figures.disordered, figures.unasked) == (0, 0, 0, 0)
    assert set(figures.refused) <= {503}
