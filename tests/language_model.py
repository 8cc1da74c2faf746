"""A language model's endpoint in a process of its own, which answers by rule and misbehaves on demand.

It speaks as OpenAI does (`.../chat/completions`, on Azure's paths too) and as Anthropic does (`.../v1/messages`). The
fixture `endpoint` gives an `Endpoint`; each test has a room of its own (a path), so that nobody hears another's calls.

    endpoint.url                            what to set as RECOLLECT_LLM_BASE_URL
    endpoint.settings(summaries=False)      Settings that ask it, and others as given
    endpoint.script([{"status": 500}, {"text": "yes"}])     the next answers, one each; then by rule again
    endpoint.always({"do": "hang"})         the same from now on; `endpoint.always({})` answers by rule again
    endpoint.rule(function)                 how to answer from now on, see below
    endpoint.refuse("response_format")      answer 400 to requests with such a parameter, as OpenAI does
    endpoint.asked()                        the requests so far: path, query, headers, body, prompt, structured
    endpoint.most_busy()                    how many requests were ever answered at once

A step is an answer: `{"text": "..."}` or `{"json": ...}` (what the model says), with `"finish": "length"` cut off
there, `{"refusal": "..."}`, `{"status": 429, "headers": {"retry-after": "1"}, "body": ...}`, `{"raw": "..."}` (the
whole body of the response), or `{"do": "hang" | "trickle" | "drop" | "flood"}`. Any may have `"delay": seconds` before
it. An empty step answers by rule.

By rule a request for text is answered with what the prompt tells: all `#words` in it from its last `<summary>` on, each
once and in order; if there are none, the last summary and the last lines, put together. So a summary holds whatever
it was made of. A request for a structure is answered with the smallest value that its schema allows; if that is a list
of `messages`, with one for each message that has a number in the prompt. A function given
to `rule` takes the prompt, a text, and returns a text or what is to be JSON; it is sent to the process as its source,
so it may use nothing but what it imports itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from recollect.settings import Settings, load

Json = dict[str, Any]
KEY = "sk-canary-5d1f0c"
"""The key that `settings` gives; nobody may ever see it."""


class Endpoint:
    """The tests' side: what to answer, and what was asked."""

    def __init__(self, address: str, room: str) -> None:
        self.address = f"{address}/{room}"
        self.url = f"{self.address}/v1"
        self._control = httpx.Client(base_url=f"{address}/{room}/control/", trust_env=False, timeout=30)

    def settings(self, **others: object) -> Settings:
        """Return settings that ask this endpoint."""
        given = {"purge_every": 0, "llm_base_url": self.url, "llm_api_key": KEY, "llm_model": "made-up"}
        return load({}, None, given | others)

    def script(self, steps: list[Json]) -> None:
        """Answer the next requests with these."""
        self._tell("script", steps)

    def always(self, step: Json) -> None:
        """Answer every request with this, once the script is through."""
        self._tell("always", step)

    def rule(self, function: Callable[[str], object]) -> None:
        """Answer by a function of the prompt."""
        source = textwrap.dedent(inspect.getsource(function))
        self._tell("rule", {"name": function.__name__, "source": source})

    def refuse(self, *parameters: str) -> None:
        """Answer 400 to requests that have one of these parameters."""
        self._tell("refuse", list(parameters))

    def asked(self) -> list[Json]:
        """Return the requests so far."""
        return list(self._control.get("asked").json())

    def most_busy(self) -> int:
        """Return how many requests were under way at once."""
        return int(self._control.get("most_busy").json())

    def close(self) -> None:
        """Let go of the connection."""
        self._control.close()

    def _tell(self, what: str, value: object) -> None:
        self._control.post(what, json=value).raise_for_status()


@contextlib.contextmanager
def started() -> Iterator[str]:
    """Run the process; give its address."""
    argv = [sys.executable, __file__]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate()  # it ends with its standard input


class Room:
    """One test's endpoint, on the side of the process."""

    def __init__(self) -> None:
        self.steps: list[Json] = []
        self.step: Json = {}
        self.answer: Callable[[str], object] | None = None
        self.refused: list[str] = []
        self.asked: list[Json] = []
        self.busy = self.most_busy = 0

    def control(self, what: str, value: Any) -> Any:
        """Do what the test says; return what it wants to know."""
        match what:
            case "script":
                self.steps = list(value)
            case "always":
                self.step = value
            case "refuse":
                self.refused = value
            case "rule":
                made: dict[str, Any] = {}
                exec(f"from __future__ import annotations\n{value['source']}", made)
                self.answer = made[value["name"]]
            case "asked" | "most_busy":
                return getattr(self, what)
        return None

    async def respond(self, path: str, query: str, headers: Json, body: Json, writer: asyncio.StreamWriter) -> None:
        """Answer one request of a client."""
        structured = schema_in(body)
        prompt = prompt_in(body)
        seen = {"path": path, "query": dict(parse_qsl(query)), "headers": headers, "body": body}
        self.asked.append(seen | {"prompt": prompt, "structured": structured is not None})
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            step = self.steps.pop(0) if self.steps else self.step
            await asyncio.sleep(step.get("delay", 0))
            if refused := next((name for name in self.refused if name in body), None):
                step = {"status": 400, "body": refusal_of(refused)}
            elif not step.keys() - {"delay", "finish"}:
                step = step | self._by_rule(prompt, structured)
            if "do" in step:
                await MISDEEDS[step["do"]](writer)
            else:
                writer.write(written(step, anthropic=path.endswith("/messages"), model=body.get("model", "")))
                await writer.drain()
        finally:
            self.busy -= 1

    def _by_rule(self, prompt: str, structured: Json | None) -> Json:
        if self.answer is not None:
            said = self.answer(prompt)
            return {"text": said} if isinstance(said, str) else {"json": said}
        return {"text": told(prompt)} if structured is None else {"json": answered(structured, prompt)}


def told(prompt: str) -> str:
    """Return what the prompt tells."""
    end = prompt[max(prompt.rfind("<summary>"), 0) :]
    if marks := re.findall(r"#\w+", end):
        return " ".join(dict.fromkeys(marks))
    parts = re.findall(r"<(?:summary|lines)>\n(.*?)\n</", end, re.DOTALL)
    return "\n".join(part for part in parts if part) or end


def smallest(schema: Json, root: Json) -> Any:
    """Return the smallest value that a schema allows."""
    if reference := schema.get("$ref"):
        return smallest(root["$defs"][reference.rpartition("/")[2]], root)
    for choice in schema.get("anyOf", []):
        return smallest(choice, root)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: smallest(properties[name], root) for name in schema.get("required", [])}
    return {"array": [], "string": "", "integer": 0, "number": 0, "boolean": False}.get(str(kind))


def answered(schema: Json, prompt: str) -> Any:
    """Return the smallest value that a schema allows, with one message for each that the prompt numbers."""
    value = smallest(schema, schema)
    if isinstance(value, dict) and "messages" in value:
        root = schema["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        one = smallest(root["properties"]["messages"]["items"], schema)
        value["messages"] = [one | {"number": int(number)} for number in re.findall(r'"number":(\d+)', prompt)]
    return value


def schema_in(body: Json) -> Json | None:
    """Return the schema of the structure that is asked for, if one is."""
    given = body.get("response_format", {}).get("json_schema", {}).get("schema")
    given = given or body.get("output_config", {}).get("format", {}).get("schema")
    return given or next((tool.get("input_schema") for tool in body.get("tools", [])), None)


def prompt_in(body: Json) -> str:
    """Return what was asked, but for who the model is to be."""
    asked = [turn["content"] for turn in body.get("messages", []) if turn["role"] == "user"]
    return "\n\n".join(part if isinstance(part, str) else part[0]["text"] for part in asked)


def refusal_of(parameter: str) -> Json:
    """Return what OpenAI says of a parameter that a model does not take."""
    instead = " Use 'max_completion_tokens' instead." if parameter == "max_tokens" else ""
    message = f"Unsupported parameter: '{parameter}' is not supported with this model.{instead}"
    return {"error": {"message": message, "param": parameter, "code": "unsupported_parameter"}}


def written(step: Json, *, anthropic: bool, model: str) -> bytes:
    """Return a step as a whole response."""
    if "raw" in step:
        content = step["raw"].encode()
    elif "status" in step:
        content = json.dumps(step.get("body", {"error": {"message": "made to fail"}})).encode()
    else:
        text = json.dumps(step["json"]) if "json" in step else step.get("text")
        made = as_anthropic if anthropic else as_openai
        content = json.dumps(made(text, step.get("finish"), step.get("refusal"), model)).encode()
    given = {"content-type": "application/json", "content-length": str(len(content))} | step.get("headers", {})
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"HTTP/1.1 {step.get('status', 200)} Words\r\n{lines}\r\n".encode() + content


def as_openai(text: str | None, finish: str | None, refusal: str | None, model: str) -> Json:
    """Return an answer as OpenAI gives it; it costs ten tokens to ask and one per word to answer."""
    message = {"role": "assistant", "content": text, "refusal": refusal}
    words = len((text or "").split())
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish or "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 10, "completion_tokens": words, "total_tokens": 10 + words},
    }


def as_anthropic(text: str | None, finish: str | None, refusal: str | None, model: str) -> Json:
    """Return an answer as Anthropic gives it, at the same price."""
    reason = "refusal" if refusal else {"length": "max_tokens"}.get(finish or "", finish or "end_turn")
    said = [text] if text is not None else [refusal] if refusal else []
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": part} for part in said],
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": len((text or "").split())},
    }


async def hang(_: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def trickle(writer: asyncio.StreamWriter) -> None:
    """Send the answer byte by byte, often enough for each single read to succeed."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def drop(writer: asyncio.StreamWriter) -> None:
    """Close the connection in the middle of the answer."""
    writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{"choices": [')
    await writer.drain()
    writer.close()


async def flood(writer: asyncio.StreamWriter) -> None:
    """Send 100 MB."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
    for _part in range(1_000):
        writer.write(b" " * 100_000)
        await writer.drain()


MISDEEDS = {"hang": hang, "trickle": trickle, "drop": drop, "flood": flood}


async def serve(rooms: dict[str, Room], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while head := await reader.readuntil(b"\r\n\r\n"):
            first, *lines = head.decode().split("\r\n")[:-2]
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            url = urlsplit(first.split(" ")[1])
            _, name, *rest = url.path.split("/")
            room = rooms.setdefault(name, Room())
            value = json.loads(body) if body else None
            if rest[0] == "control":
                writer.write(written({"raw": json.dumps(room.control(rest[1], value))}, anthropic=False, model=""))
                await writer.drain()
            else:
                await room.respond("/" + "/".join(rest), url.query, headers, value, writer)
    writer.close()


async def main() -> None:
    """Serve until standard input ends."""
    rooms: dict[str, Room] = {}
    server = await asyncio.start_server(lambda *pipes: serve(rooms, *pipes), "127.0.0.1", 0)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
