"""One line per event, with fields: `log.info("migrated", extra={"version": 3})`."""

from __future__ import annotations

import contextvars
import json
import logging
import sys
from datetime import UTC, datetime

from recollect.settings import Settings

request_id: contextvars.ContextVar[str | None] = contextvars.ContextVar("request_id", default=None)
"""The request being answered; every line logged meanwhile carries it."""

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
CHATTY = ("asyncio", "httpcore", "httpx", "openai")


def configure(settings: Settings) -> None:
    """Send everything that is logged in this process to standard error, in place of what did so before."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLine() if as_json else TextLine())
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def fields(record: logging.LogRecord) -> dict[str, object]:
    """Gather what belongs to an event besides its text."""
    found = {name: value for name, value in vars(record).items() if name not in STANDARD}
    if name := request_id.get():
        found = {"request_id": name} | found
    if record.exc_info:
        found["error"] = logging.Formatter().formatException(record.exc_info)
    return found


class JsonLine(logging.Formatter):
    """An event as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line: time, level, logger, event, then the fields."""
        line = {"time": moment(record), "level": record.levelname.lower(), "logger": record.name}
        return json.dumps(line | {"event": record.getMessage()} | fields(record), default=str)


class TextLine(logging.Formatter):
    """An event as one line for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line: time, level, logger, event, then the fields as key=value."""
        pairs = [f"{name}={quoted(value)}" for name, value in fields(record).items()]
        event = visible(record.getMessage())
        return " ".join([moment(record), f"{record.levelname.lower():7}", record.name, event, *pairs])


def moment(record: logging.LogRecord) -> str:
    """Return when an event happened, in UTC."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def quoted(value: object) -> str:
    """Quote what would not read as one word."""
    text = visible(str(value))
    if text and not any(character in text for character in ' "='):
        return text
    return '"' + text.replace('"', '\\"') + '"'


def visible(text: str) -> str:
    """Escape line ends and whatever else a terminal would obey instead of show."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
