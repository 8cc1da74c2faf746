from __future__ import annotations

import subprocess
import time
from pathlib import Path

import httpx
import jwt
import pytest
from live import ENVIRON, RECOLLECT

from recollect.settings import load

SECRET = "do-not-use-this-secret-in-production"
ZEPS_OWN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.12zfcf0Bz8NTzH4bU58lst3WN8qQpKjqsm7D83exRvw"
"""As the original server printed it for this secret."""

protected = pytest.mark.parametrize(
    "settings", [load({}, None, {"purge_every": 0, "auth_required": True, "auth_secret": SECRET})], ids=["protected"]
)


@protected
async def test_003_healthz_needs_no_token(api: httpx.AsyncClient) -> None:
    """A watchdog without a token can ask for the health."""
    assert (await api.get("http://test/healthz")).text == "."


async def test_015_without_auth_any_header_will_do(api: httpx.AsyncClient) -> None:
    """Where no token is asked for, a bad one does no harm."""
    for headers in ({}, {"Authorization": "Bearer garbage"}, {"Authorization": "Basic Og=="}, {"Cookie": "jwt=x"}):
        assert (await api.get("sessions", headers=headers)).status_code == 200


@protected
async def test_016_no_token_or_a_wrong_one(api: httpx.AsyncClient) -> None:
    """Without a token signed with the secret, every path of the API answers 401, as a line of text."""
    forged = jwt.encode({}, "another secret of more than thirty-two bytes", algorithm="HS256")
    for path in ("sessions", "user/ann", "sessions/a/memory", "nowhere", ""):
        answer = await api.get(path)
        assert (answer.status_code, answer.text) == (401, "no token found\n")
        for token in (forged, "garbage", "a.b.c", ZEPS_OWN + "x"):
            assert (await api.get(path, headers={"Authorization": f"Bearer {token}"})).status_code == 401


@protected
async def test_016_a_token_without_a_signature(api: httpx.AsyncClient) -> None:
    """A token that says it needs no signature is not believed."""
    unsigned = jwt.encode({}, None, algorithm="none")
    assert (await api.get("sessions", headers={"Authorization": f"Bearer {unsigned}"})).status_code == 401


@protected
async def test_017_tokens_of_the_original_server(api: httpx.AsyncClient) -> None:
    """A token that Zep made with the same secret still opens the door."""
    assert (await api.get("sessions", headers={"Authorization": f"Bearer {ZEPS_OWN}"})).status_code == 200


@protected
@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"bearer {ZEPS_OWN}"},
        {"authorization": f"BEARER {ZEPS_OWN}"},
        {"Cookie": f"jwt={ZEPS_OWN}"},
        {"Cookie": f"theme=dark; jwt={ZEPS_OWN}; x=y"},
    ],
)
async def test_018_ways_to_send_a_token(api: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """The scheme may be in lower case, and a cookie will do."""
    assert (await api.get("sessions", headers=headers)).status_code == 200


@protected
async def test_019_times_in_a_token_count(api: httpx.AsyncClient) -> None:
    """A token is refused after its end and before its beginning."""
    key = SECRET.encode()
    for claims, status in [({"exp": time.time() + 60}, 200), ({"exp": time.time() - 60}, 401), ({"nbf": 2**33}, 401)]:
        token = jwt.encode(claims, key, algorithm="HS256")
        assert (await api.get("sessions", headers={"Authorization": f"Bearer {token}"})).status_code == status


@protected
async def test_020_tokens_of_the_command_line(api: httpx.AsyncClient, tmp_path: Path) -> None:
    """What `recollect token` prints, the server accepts."""
    printed = subprocess.run(
        [RECOLLECT, "token"],
        cwd=tmp_path,
        env=ENVIRON | {"RECOLLECT_AUTH_SECRET": SECRET},
        capture_output=True,
        text=True,
        check=True,
    )
    token = printed.stdout.strip()
    assert (await api.get("sessions", headers={"Authorization": f"Bearer {token}"})).status_code == 200
