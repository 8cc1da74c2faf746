from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

import jwt
import pytest

from recollect.errors import Unauthorized
from recollect.http.auth import check_token

Run = Callable[..., subprocess.CompletedProcess[str]]

SECRET = "a secret of more than thirty-two bytes"


def test_a_token_for_ever(run: Run) -> None:
    """The token has no claims, as a Zep server's has, and is accepted."""
    token = run("token", RECOLLECT_AUTH_SECRET=SECRET).stdout.strip()
    assert jwt.decode(token, SECRET, algorithms=["HS256"]) == {}
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    check_token(SECRET, f"Bearer {token}", None)


def test_a_token_that_expires(run: Run) -> None:
    """`--expires` limits the token's life by as much as it says."""
    before = time.time()
    token = run("token", "--expires", "2h", RECOLLECT_AUTH_SECRET=SECRET).stdout.strip()
    expiry = jwt.decode(token, SECRET, algorithms=["HS256"])["exp"]
    assert before + 7199 <= expiry <= time.time() + 7200
    expired = run("token", "--expires", "0s", RECOLLECT_AUTH_SECRET=SECRET).stdout.strip()
    with pytest.raises(Unauthorized, match=r"^token is expired$"):
        check_token(SECRET, f"Bearer {expired}", None)


@pytest.mark.parametrize("secret", ["short", "Schlüssel", "s" * 500])
def test_any_secret(run: Run, secret: str) -> None:
    """A secret of any length and alphabet will do, without a warning."""
    done = run("token", RECOLLECT_AUTH_SECRET=secret)
    assert (done.returncode, done.stderr) == (0, "")
    check_token(secret, f"Bearer {done.stdout.strip()}", None)


def test_no_secret(run: Run) -> None:
    """Without a secret there is no token, and the command says which setting is missing."""
    done = run("token")
    assert (done.returncode, done.stdout) == (2, "")
    assert "auth_secret" in done.stderr


@pytest.mark.parametrize("value", ["5x", "d", "-1d", "1.5h", "٣d"])
def test_what_is_no_duration(run: Run, value: str) -> None:
    """A life that cannot be read is refused with an example of one that can."""
    done = run("token", f"--expires={value}", RECOLLECT_AUTH_SECRET=SECRET)
    assert (done.returncode, done.stdout) == (2, "")
    assert "30d" in done.stderr
