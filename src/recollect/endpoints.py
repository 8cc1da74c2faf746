"""Asking models over HTTP, whatever they are asked for: answers come to an end, in time, and errors keep secrets."""

from __future__ import annotations

import asyncio
import email.utils
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from recollect.errors import ModelMisbehaved, ModelUnavailable, SettingsError

LONGEST_WAIT = 86_400.0
"""Seconds; an endpoint that asks for more is asked again after a day."""

PACKAGES_OWN = "x-stainless-raw-response"
"""A header that the packages read back from their own request."""

SENT = (
    frozenset({"host", "connection", "user-agent", "accept", "accept-encoding", "content-type", "content-length"})
    | {"authorization", "api-key", "x-api-key", "anthropic-version"}
    | {PACKAGES_OWN}
)
"""The headers that leave the machine. The packages would add what it runs on, and what the environment holds."""

ERROR_CHARACTERS = 200
"""What is shown of an endpoint's own words."""


class _Bounded(httpx2.AsyncByteStream):
    """An answer that must come to an end."""

    def __init__(self, stream: httpx2.AsyncByteStream, noun: str, most_bytes: int) -> None:
        self._stream = stream
        self._noun = noun
        self._most_bytes = most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for part in self._stream:
            size += len(part)
            if size > self._most_bytes:
                raise ModelMisbehaved(f"The {self._noun} answered with more than {self._most_bytes} bytes.")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


class Endpoint:
    """One endpoint, which is spoken to through a package: `openai` or `anthropic`, whose errors have the same names.

    `noun` is what errors call it, `setting` the beginning of its settings' names. Give `http` to the package.
    """

    def __init__(
        self, package: Any, noun: str, setting: str, *, api_key: str | None, timeout: float, most_bytes: int
    ) -> None:
        self.key = (api_key or "").strip()
        if not (self.key.isascii() and self.key.isprintable()):
            raise SettingsError(f"{setting}_api_key holds characters that no HTTP header can carry.")
        self._package = package
        self._noun = noun
        self._setting = f"RECOLLECT_{setting.upper()}"
        self._timeout = timeout
        self._most_bytes = most_bytes
        self.http = httpx2.AsyncClient(
            headers={"accept-encoding": "identity"},
            event_hooks={"request": [self._strip], "response": [self._bound]},
            timeout=None,  # `asking` bounds the whole
        )

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        """Bound a question in time. Raises ModelUnavailable and ModelMisbehaved instead of the package's errors.

        None of the package's errors is chained: they quote what was sent and what came back.
        """
        try:
            async with asyncio.timeout(self._timeout):
                yield
        except TimeoutError:
            raise ModelUnavailable(f"The {self._noun} took more than {self._timeout:g} seconds.") from None
        except self._package.APIConnectionError as error:
            if isinstance(error.__cause__, ModelMisbehaved):
                raise error.__cause__ from None
            reason = type(error.__cause__).__name__
            raise ModelUnavailable(f"The {self._noun} did not answer ({reason}).") from None
        except self._package.APIStatusError as error:
            raise self._refusal(error) from None

    async def _strip(self, request: httpx2.Request) -> None:
        for name in [name for name in request.headers if name not in SENT]:
            del request.headers[name]
        request.headers["accept-encoding"] = "identity"

    async def _bound(self, response: httpx2.Response) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise ModelMisbehaved(f"The {self._noun} compressed its answer, which it was asked not to do.")
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Bounded(response.stream, self._noun, self._most_bytes)

    def _refusal(self, error: Any) -> ModelUnavailable:
        words = " ".join(said(error.body).split())
        if self.key:
            words = words.replace(self.key, "***")
        hints = {
            401: f"Check {self._setting}_API_KEY.",
            403: f"Check {self._setting}_API_KEY.",
            404: f"Check {self._setting}_BASE_URL and {self._setting}_MODEL.",
        }
        return ModelUnavailable(
            f"The {self._noun} answered {error.status_code}: {words[:ERROR_CHARACTERS]}",
            retry_after=retry_after(error.response.headers.get("retry-after", "")),
            hint=hints.get(error.status_code),
        )


def said(body: object) -> str:
    """Return an endpoint's own words about an error, as OpenAI, Anthropic and those like them wrap them up."""
    while isinstance(body, dict):
        body = body.get("error") or body.get("message") or body.get("detail")
    return str(body or "")


def retry_after(value: str) -> float | None:
    """Return the seconds of a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3)."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT) if math.isfinite(seconds) else None
