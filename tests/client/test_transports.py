from __future__ import annotations

import httpx
import pytest
from live import reached

from recollect import Session, ZepClient
from recollect.http.app import App


async def test_a_transport_is_used(app: App) -> None:
    """With a transport the client goes another way than by the address."""
    async with reached(app) as transport, ZepClient("http://test", transport=transport) as client:
        made = await client.memory.aadd_session(Session(session_id="trip"))
        assert await client.memory.alist_sessions() == [made]


async def test_a_transport_of_the_other_kind_is_told() -> None:
    """A transport that cannot block is refused by the blocking half, and the other way round."""
    asynchronous = ZepClient("http://test", transport=httpx.AsyncHTTPTransport())
    with pytest.raises(TypeError, match="asynchronous calls only"):
        asynchronous.check()
    blocking = ZepClient("http://test", transport=httpx.HTTPTransport())
    with pytest.raises(TypeError, match="blocking calls only"):
        await blocking.acheck()


@pytest.mark.parametrize("address", ["127.0.0.1:8000", "localhost", "", "ftp://127.0.0.1", "http://", "http://a:b"])
def test_an_address_has_to_be_one(address: str) -> None:
    """What is no address of HTTP is refused, with an example of one."""
    with pytest.raises(ValueError, match=r"http://127\.0\.0\.1:8000"):
        ZepClient(address)
