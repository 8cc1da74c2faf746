"""A circuit breaker (M. Nygard, Release It!, 2007): an endpoint that is away is left alone until it may be back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from recollect.errors import ModelUnavailable

FAILURES = 5
"""In a row, until the endpoint is left alone."""

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 120.0
"""Seconds; doubled with each question that is let through and fails."""

WHILE_TRYING = 1.0
"""Seconds after which to come again while one question is on its way to see whether the endpoint is back."""


class Breaker:
    """Lets questions pass, none while the endpoint is left alone, and one at a time to see whether it is back.

    An endpoint that says for how long it wants to be left alone (Retry-After) is, from its first failure on.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._closed_until = 0.0
        self._is_trying = False

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Ask inside. Raises ModelUnavailable, with the seconds to wait, when nothing is to be asked."""
        wait = self._closed_until - self._clock()
        if wait > 0 or self._is_trying:
            raise ModelUnavailable("The language model failed and is left alone.", retry_after=max(wait, WHILE_TRYING))
        trying = self._is_trying = self._closed_until > 0
        try:
            yield
        except ModelUnavailable as error:
            self._failed(error.retry_after)
            raise
        else:
            self._failures, self._closed_until = 0, 0.0
        finally:
            if trying:
                self._is_trying = False

    def _failed(self, retry_after: float | None) -> None:
        self._failures += 1
        pause = retry_after or 0.0
        if self._failures >= FAILURES:
            pause = max(pause, min(FIRST_PAUSE * 2.0 ** min(self._failures - FAILURES, 30), LONGEST_PAUSE))
        if pause:
            self._closed_until = max(self._closed_until, self._clock() + pause)
