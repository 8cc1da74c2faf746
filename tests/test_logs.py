from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

PREAMBLE = """
import logging, warnings
from recollect import logs
from recollect.settings import Settings
log = logging.getLogger("recollect.somewhere")
def divide():
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("a\\nb\\x1b[31m", extra={"field": "c\\r\\nd\\u2028e", "half": "\\ud800"})
"""


def logged(program: str, settings: str = "") -> str:
    """Return what a process writes to standard error, which is a pipe; it writes nothing to standard output."""
    text = f"{PREAMBLE}\nlogs.configure(Settings({settings}))\n{program}"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == ""
    return done.stderr


def events(program: str, settings: str = "") -> list[dict[str, Any]]:
    return [json.loads(line) for line in logged(program, settings).splitlines()]


def test_json_when_not_a_terminal() -> None:
    """Away from a terminal an event is one JSON object: time in UTC, level, logger, event, fields."""
    (line,) = events('log.info("migrated", extra={"version": 3, "names": ["a", "ü"]})')
    moment = datetime.fromisoformat(line.pop("time"))
    assert timedelta(0) <= datetime.now(UTC) - moment < timedelta(minutes=1)
    assert line == {
        "level": "info",
        "logger": "recollect.somewhere",
        "event": "migrated",
        "version": 3,
        "names": ["a", "ü"],
    }


def test_text_on_a_terminal() -> None:
    """On a terminal an event is a line of words and key=value, quoted where a word would not do."""
    ours, theirs = pty.openpty()
    program = (
        'log.warning("slow", extra={"seconds": 1.5, "what": \'a "b"\', "none": None, "empty": "", "path": "/a/ü"})'
    )
    text = f"{PREAMBLE}\nlogs.configure(Settings())\n{program}"
    subprocess.run([sys.executable, "-c", text], stderr=theirs, check=True, timeout=60)
    os.close(theirs)
    time, rest = os.read(ours, 10_000).decode().split(" ", 1)
    os.close(ours)
    assert time.endswith("Z")
    assert rest.strip() == 'warning recollect.somewhere slow seconds=1.5 what="a \\"b\\"" none=None empty="" path=/a/ü'


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_one_line_per_event(log_format: str) -> None:
    """Line ends and terminal commands in texts, fields and tracebacks do not break the line."""
    text = logged("divide()", f"log_format={log_format!r}")
    assert len(text.splitlines()) == 1
    assert "\x1b" not in text
    assert "ZeroDivisionError" in text


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_the_request(log_format: str) -> None:
    """While a request is answered, each line carries its id; afterwards none does."""
    program = 'token = logs.request_id.set("r-1"); log.info("a"); logs.request_id.reset(token); log.info("b")'
    within, without = logged(program, f"log_format={log_format!r}").splitlines()
    assert "request_id" in within
    assert "r-1" in within
    assert "request_id" not in without


def test_levels() -> None:
    """What is below the level is not logged."""
    assert [line["event"] for line in events('log.info("quiet"); log.warning("loud")', "log_level='warning'")] == [
        "loud"
    ]
    assert [line["level"] for line in events('log.debug("x"); log.error("y")', "log_level='debug'")] == [
        "debug",
        "error",
    ]


def test_other_libraries() -> None:
    """Libraries that tell of every request are heard from warnings on."""
    program = """
logging.getLogger("httpx").info("GET http://somewhere")
logging.getLogger("openai").warning("a warning")
"""
    assert [line["event"] for line in events(program, "log_level='debug'")] == ["a warning"]


def test_warnings_are_events() -> None:
    """A Python warning is logged as one line too."""
    (line,) = events('warnings.warn("beware")')
    assert line["level"] == "warning"
    assert "beware" in line["event"]


def test_configured_twice() -> None:
    """Configuring again replaces what was there: no event is logged twice."""
    assert len(events('logs.configure(Settings()); log.info("once")')) == 1
