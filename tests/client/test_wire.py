"""When a call is sent again, and how long the client waits before."""

from __future__ import annotations

import httpx
import pytest

from recollect.client.wire import FIRST_PAUSE, LONGEST_PAUSE, Call, Wire
from recollect.errors import Unreachable

READ = Call(str, "GET", "/sessions")
WRITE = Call(str, "POST", "/sessions")
CHANGE = Call(str, "PATCH", "/sessions/trip")
SAFE = Call(str, "POST", "/sessions/trip/memory", repeatable=True)
WIRE = Wire("http://test", {}, httpx.Timeout(10), retries=3)


def answer(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("attempt", range(3))
def test_pauses_double_and_scatter(attempt: int) -> None:
    """A pause is between half and one and a half of its mean, which doubles; no two clients come back together."""
    mean = FIRST_PAUSE * 2**attempt
    pauses = [WIRE.after_loss(READ, httpx.ReadError("lost"), attempt) for _ in range(200)]
    assert all(mean / 2 <= pause <= mean * 3 / 2 for pause in pauses)
    assert min(pauses) < mean * 0.8
    assert max(pauses) > mean * 1.2


def test_a_server_is_given_the_time_it_asks_for() -> None:
    """`Retry-After` is waited for on top of the pause, unless it asks for too long; a date in it is left aside."""
    for status in (429, 503):
        pause = WIRE.after_answer(READ, answer(status, Retry_After="2"), 0)
        assert pause is not None
        assert 2 < pause < 2 + 2 * FIRST_PAUSE
        assert WIRE.after_answer(READ, answer(status, Retry_After=str(int(LONGEST_PAUSE))), 0) is None
    pause = WIRE.after_answer(READ, answer(503, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"), 0)
    assert pause is not None
    assert pause < 2 * FIRST_PAUSE


@pytest.mark.parametrize(
    ("call", "status", "again"),
    [
        (READ, 503, True),
        (SAFE, 503, True),
        (CHANGE, 503, True),
        (WRITE, 503, False),
        (WRITE, 429, True),
        (READ, 500, False),
        (READ, 502, False),
        (READ, 200, False),
        (SAFE, 400, False),
    ],
)
def test_what_is_sent_again_after_an_answer(call: Call[str], status: int, again: bool) -> None:  # noqa: FBT001 -- a table
    """Sent again is what the server put off: reads and what can be done twice; after 429 anything, nothing was done."""
    assert (WIRE.after_answer(call, answer(status), 0) is not None) == again
    assert WIRE.after_answer(call, answer(status), WIRE.retries) is None


@pytest.mark.parametrize(
    ("call", "error", "again"),
    [
        (READ, httpx.ReadError(""), True),
        (SAFE, httpx.RemoteProtocolError(""), True),
        (CHANGE, httpx.ReadError(""), True),
        (WRITE, httpx.ReadError(""), False),
        (WRITE, httpx.ConnectError(""), True),
        (READ, httpx.ReadTimeout(""), False),
        (READ, httpx.ConnectTimeout(""), False),
        (READ, httpx.PoolTimeout(""), False),
    ],
)
def test_what_is_sent_again_after_a_loss(
    call: Call[str],
    error: httpx.TransportError,
    again: bool,  # noqa: FBT001 -- a table
) -> None:
    """Sent again is what was lost and can be done twice, or never arrived; what took too long is not."""
    if again:
        assert WIRE.after_loss(call, error, 0) > 0
    else:
        with pytest.raises(Unreachable, match="got no answer"):
            WIRE.after_loss(call, error, 0)
    with pytest.raises(Unreachable, match="got no answer"):
        WIRE.after_loss(call, error, WIRE.retries)
