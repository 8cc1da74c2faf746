from __future__ import annotations

import base64
import json
import time

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect.errors import Unauthorized
from recollect.http.auth import check_token, make_token

SECRET = "do-not-use-this-secret-in-production"
OF_ZEP = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.12zfcf0Bz8NTzH4bU58lst3WN8qQpKjqsm7D83exRvw"
"""The token a Zep server makes with that secret: always the same."""


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def refusal(authorization: str | None = None, cookie: str | None = None) -> str:
    with pytest.raises(Unauthorized) as caught:
        check_token(SECRET, authorization, cookie)
    return caught.value.message


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
def test_in_the_header(scheme: str) -> None:
    """A token is accepted in the Authorization header, however the scheme is written."""
    check_token(SECRET, scheme + make_token(SECRET), None)


@pytest.mark.parametrize("cookie", ["jwt={}", "a=b; jwt={}; c=d", "odd;jwt={}", 'jwt="{}"', "x=é; jwt={}"])
def test_in_the_cookie(cookie: str) -> None:
    """A token is accepted in the cookie `jwt`, whatever other cookies are like."""
    check_token(SECRET, None, cookie.format(make_token(SECRET)))
    check_token(SECRET, "Basic dTpw", cookie.format(make_token(SECRET)))


def test_the_header_goes_first() -> None:
    """A bad token in the header is not made good by one in the cookie."""
    assert refusal("Bearer x.y.z", f"jwt={make_token(SECRET)}") == "token is unauthorized"


@pytest.mark.parametrize(
    ("authorization", "cookie"),
    [
        (None, None),
        ("", ""),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic dTpw", None),
        (None, "njwt=x"),
        (None, "jwt="),
    ],
)
def test_none(authorization: str | None, cookie: str | None) -> None:
    """Without a token the text is `no token found`."""
    assert refusal(authorization, cookie) == "no token found"


@pytest.mark.parametrize(
    "token",
    [
        "garbage",
        "a.b.c",
        "é.é.é",
        "\ud800",
        "..",
        make_token("another secret"),
        make_token(SECRET)[:-2],
        f"{part({'alg': 'none'})}.{part({})}.",
        f"{part({'alg': ['HS256']})}.{part({})}.AAAA",
        f"{part([])}.{part({})}.AAAA",
        jwt.encode({}, SECRET.ljust(64), algorithm="HS512"),
        "[" * 20_000,
        base64.urlsafe_b64encode(b"[" * 20_000).decode().rstrip("=") + ".e30.AAAA",
    ],
    ids=str.__len__,
)
def test_not_ours(token: str) -> None:
    """What was not signed with the secret by HS256 is refused, however it is built."""
    assert refusal(f"Bearer {token}") == "token is unauthorized"


@given(st.text())
def test_nothing_else_is_raised(text: str) -> None:
    """No header makes anything but Unauthorized happen."""
    for authorization in (text, f"Bearer {text}", f"Bearer {part({})}.{part(text)}.{text}"):
        with pytest.raises(Unauthorized):
            check_token(SECRET, authorization, text)


def test_a_token_of_the_original_server() -> None:
    """A token that a Zep server made with the same secret is accepted."""
    check_token(SECRET, f"Bearer {OF_ZEP}", None)


def test_times_count_if_they_are_there() -> None:
    """`exp` and `nbf` are enforced; other claims, of whatever type, are not looked at."""
    now = int(time.time())
    assert refusal("Bearer " + make_token(SECRET, {"exp": now - 1})) == "token is expired"
    assert refusal("Bearer " + make_token(SECRET, {"nbf": now + 600})) == "token is not valid yet"
    assert refusal("Bearer " + make_token(SECRET, {"exp": "soon"})) == "token is unauthorized"
    claims = {"exp": now + 600, "nbf": now - 1, "iat": now - 1, "aud": "x", "sub": "y", "jti": "z", "iss": "i"}
    check_token(SECRET, "Bearer " + make_token(SECRET, claims), None)
    check_token(SECRET, f"Bearer {jwt.encode({'sub': 'u', 'name': 1}, SECRET, algorithm='HS256')}", None)
