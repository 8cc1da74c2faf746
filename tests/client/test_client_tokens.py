from __future__ import annotations

import pytest
from live import reached

from recollect import AuthError, ZepClient
from recollect.http.app import App
from recollect.http.auth import make_token
from recollect.settings import Settings, load

SECRET = "do-not-use-this-secret-in-production"


@pytest.fixture
def settings() -> Settings:
    """Those of a server that wants tokens."""
    return load({}, None, {"purge_every": 0, "auth_required": True, "auth_secret": SECRET})


@pytest.mark.parametrize("key", [None, "wrong"])
async def test_without_a_token_the_error_says_what_to_do(app: App, key: str | None) -> None:
    """A missing or wrong token is an AuthError, with the server's text and a way out."""
    async with reached(app) as transport, ZepClient("http://test", key, transport=transport) as client:
        with pytest.raises(AuthError, match="no token found" if key is None else "unauthorized") as caught:
            await client.acheck()
    assert "recollect token" in caught.value.hint


async def test_a_token_opens_the_door(app: App) -> None:
    """With a token of the server's the client is let in."""
    async with reached(app) as transport, ZepClient("http://test", make_token(SECRET), transport=transport) as client:
        await client.acheck()
