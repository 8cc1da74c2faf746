from __future__ import annotations

from collections.abc import Mapping

import jwt

from recollect.errors import Unauthorized

ALGORITHM = "HS256"
# Whoever holds the secret may do everything: only the times in a token are looked at, and only if it has any.
CHECKS: jwt.types.Options = {"verify_aud": False, "verify_iss": False, "verify_sub": False, "verify_jti": False}


def make_token(secret: str, claims: Mapping[str, object] | None = None) -> str:
    """Sign a token that gives full access, for ever unless the claims hold `exp` (seconds since 1970)."""
    return jwt.encode(dict(claims or {}), key(secret), algorithm=ALGORITHM)


def check_token(secret: str, authorization: str | None, cookie: str | None) -> None:
    """Check the token of a request, given its Authorization and Cookie headers; the former goes first.

    Raises Unauthorized, with the protocol's own texts.
    """
    token = bearer(authorization or "") or cookie_named("jwt", cookie or "")
    if not token:
        raise Unauthorized("no token found")
    try:
        jwt.decode(token, key(secret), algorithms=[ALGORITHM], options=CHECKS)
    except jwt.ExpiredSignatureError as error:
        raise Unauthorized("token is expired") from error
    except jwt.ImmatureSignatureError as error:
        raise Unauthorized("token is not valid yet") from error
    except (jwt.PyJWTError, RecursionError, UnicodeEncodeError) as error:
        raise Unauthorized("token is unauthorized") from error


def key(secret: str) -> bytes:
    """Return the HMAC key of a secret; HMAC pads a short one with zeros anyway, here it quietens PyJWT's warning."""
    return secret.encode().ljust(32, b"\0")


def bearer(authorization: str) -> str:
    """Return the token of an Authorization header, empty if it holds none."""
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def cookie_named(name: str, header: str) -> str:
    """Return a cookie's value, empty if it was not sent; by hand, since http.cookies drops all after an odd one."""
    for pair in header.split(";"):
        key, _, value = pair.strip().partition("=")
        if key == name:
            return value.strip('"')
    return ""
