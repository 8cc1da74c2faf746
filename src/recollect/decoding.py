"""JSON from outside: read into structs, and refused where it could not be stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from recollect.errors import BadRequest

T = TypeVar("T")

MAX_DEPTH = 100
MAX_ID_BYTES = 255


def decode(decoder: msgspec.json.Decoder[T], text: bytes, what: str) -> T:
    """Parse a JSON text into what the decoder makes. Raises BadRequest naming the field, or `what` as a whole."""
    try:
        value = decoder.decode(text)
        if b"\\u0000" in text or text.count(b"{") + text.count(b"[") > MAX_DEPTH:
            _check(msgspec.json.decode(text), what)  # fields that nobody reads included
    except UnicodeDecodeError as error:
        raise BadRequest(f"{what} is not valid UTF-8") from error
    except msgspec.DecodeError as error:  # ValidationError is one
        raise BadRequest("EOF" if not text else str(error)) from error
    except RecursionError as error:
        raise BadRequest(f"{what} is nested deeper than {MAX_DEPTH} levels") from error
    return value


def _check(document: object, what: str) -> None:
    """Refuse what PostgreSQL cannot store (NUL) and what is nested too deeply, naming the place."""
    level: list[tuple[str, object]] = [("$", document)]
    depth = 0
    while level:
        depth += any(isinstance(value, list | dict) for _, value in level)
        if depth > MAX_DEPTH:
            raise BadRequest(f"{what} is nested deeper than {MAX_DEPTH} levels")
        level = [below for path, value in level for below in _inside(path, value)]


def _inside(path: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, str):
        if "\0" in value:
            raise BadRequest(f"{path} holds a NUL character")
    elif isinstance(value, list):
        yield from ((f"{path}[{place}]", item) for place, item in enumerate(value))
    elif isinstance(value, dict):
        for key, item in value.items():
            if "\0" in key:
                raise BadRequest(f"a key in {path} holds a NUL character")
            yield f"{path}.{key}", item


def checked_id(text: str, field: str) -> str:
    """Return an id as it was sent. Raises BadRequest when it is empty, over 255 bytes or holds a NUL."""
    if not text:
        raise BadRequest(f"{field} cannot be empty")
    if len(text.encode()) > MAX_ID_BYTES:
        raise BadRequest(f"{field} is longer than {MAX_ID_BYTES} bytes")
    if "\0" in text:
        raise BadRequest(f"{field} holds a NUL character")
    return text
