"""What each provider's endpoint answers, and what is made of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import msgspec
import pytest
from language_model import KEY, Endpoint

from recollect.errors import ModelMisbehaved, ModelUnavailable
from recollect.llm import Call, Prompt
from recollect.llm.model import Model

Opened = Callable[..., AbstractAsyncContextManager[Model]]

PROMPT = Prompt("Be brief.", "<summary>\nAna is 40.\n</summary>\n<lines>\nAna: I am #41 now, said #41.\n</lines>")


class Person(msgspec.Struct):
    """Somebody."""

    name: str
    age: int = 0


async def ask(model: Model) -> str:
    """Ask for a text."""
    return await model.complete("summarise", PROMPT, max_tokens=50)


async def ask_for_a_person(model: Model) -> Person:
    """Ask for a structure."""
    return await model.extract("people", PROMPT, Person, max_tokens=50)


async def test_texts(model: Model, endpoint: Endpoint, calls: list[Call]) -> None:
    """A prompt is sent as it is, once, and the answer's text comes back; what it cost is noted."""
    assert await ask(model) == "#41"
    (asked,) = endpoint.asked()
    assert asked["prompt"] == PROMPT.user
    assert PROMPT.system in str(asked["body"])
    assert asked["body"]["max_tokens"] == 50
    assert asked["body"]["model"] == "made-up"
    (call,) = calls
    assert call[:5] == ("summarise", "made-up", 0, 10, 1)
    assert call.seconds > 0


async def test_paths_and_keys(model: Model, endpoint: Endpoint, request: pytest.FixtureRequest) -> None:
    """Each provider is asked where and with the key as its API wants it: on Azure by deployment and version."""
    await ask(model)
    (asked,) = endpoint.asked()
    provider = request.node.callspec.params["model"]
    path, header, value = {
        "openai": ("/v1/chat/completions", "authorization", f"Bearer {KEY}"),
        "azure": ("/openai/deployments/made-up/chat/completions", "api-key", KEY),
        "anthropic": ("/v1/messages", "authorization", f"Bearer {KEY}"),
    }[provider]
    assert (asked["path"], asked["headers"][header]) == (path, value)
    assert asked["query"] == ({"api-version": "2024-10-21"} if provider == "azure" else {})


async def test_nothing_else_is_sent(model: Model, endpoint: Endpoint) -> None:
    """No header tells what the server runs on."""
    await ask(model)
    known = {"host", "connection", "user-agent", "accept", "accept-encoding", "content-type", "content-length"}
    keys = {"authorization", "api-key", "x-api-key", "anthropic-version", "x-stainless-raw-response"}
    assert endpoint.asked()[0]["headers"].keys() <= known | keys


async def test_structures(model: Model, endpoint: Endpoint) -> None:
    """A structure is asked for by its schema, all of whose fields are required and no others allowed."""
    endpoint.script([{"json": {"name": "Ana", "age": 41}}])
    assert await ask_for_a_person(model) == Person("Ana", 41)
    body = endpoint.asked()[0]["body"]
    form = body.get("response_format", {}).get("json_schema") or body["output_config"]["format"]
    assert form["schema"]["required"] == ["name", "age"]
    assert form["schema"]["additionalProperties"] is False


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Ana", "age": 41}',
        'Sure! Here it is:\n```json\n{"name": "Ana", "age": 41}\n```\nAnything else?',
        '{"name": "Ana", "age": 41,}',
        '{"name": "Ana", "age": "41", "city": "Rome"}',
        'I think {roughly}: {"name": "Ana", "age": 41} is {"name": "who", "age": 1} meant',
        '<think>{"name": "nobody", "age": 1}</think>\n{"name": "Ana", "age": 41}',
        '{"name": "A\\u0000na", "age": 41}',
        '\u200b{"name":\n"Ana",\r\n"age": 41.0}',
    ],
)
async def test_tolerance(model: Model, endpoint: Endpoint, text: str) -> None:
    """Fences, prose and thoughts around JSON, commas after it and fields too many are forgiven, with one question."""
    endpoint.script([{"text": text}])
    assert await ask_for_a_person(model) == Person("Ana", 41)
    assert len(endpoint.asked()) == 1


BROKEN = ['{"name": "Ana", "ag', "I cannot know that.", '{"city": "Rome"}', "{}", "[1]", '{"name": 7}', "{" * 5000]


@pytest.mark.parametrize("text", BROKEN)
async def test_repair(model: Model, endpoint: Endpoint, calls: list[Call], text: str) -> None:
    """What cannot be read is sent back once, with what is wrong about it, and the second answer counts."""
    endpoint.script([{"text": text}, {"json": {"name": "Ana", "age": 41}}])
    assert await ask_for_a_person(model) == Person("Ana", 41)
    first, second = endpoint.asked()
    turns = [turn for turn in second["body"]["messages"] if turn["role"] != "system"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert turns[0]["content"] == first["prompt"]
    assert turns[1]["content"] == text
    assert "cannot be read" in turns[2]["content"]
    assert [call.failures for call in calls] == [1, 0]


@pytest.mark.parametrize("text", BROKEN)
async def test_beyond_repair(model: Model, endpoint: Endpoint, text: str) -> None:
    """After one repair it is an error, which shows the beginning of what the model said; never an empty success."""
    endpoint.always({"text": text})
    with pytest.raises(ModelMisbehaved, match="cannot be read") as caught:
        await ask_for_a_person(model)
    assert len(endpoint.asked()) == 2
    assert caught.value.answer == text[:500]


@pytest.mark.parametrize(
    ("step", "words", "answer"),
    [
        ({"text": ""}, "nothing", ""),
        ({"text": "  \n<think>well</think> "}, "nothing", ""),
        ({"text": "Ana is", "finish": "length"}, "cut off after 2 tokens", "Ana is"),
        ({"text": '{"name": "A', "finish": "length"}, "cut off", '{"name": "A'),
        ({"refusal": "I will not."}, "refused", "I will not."),
    ],
)
async def test_no_answer(model: Model, endpoint: Endpoint, step: dict[str, str], words: str, answer: str) -> None:
    """An empty answer, one that was cut off and a refusal are errors that say so, asked once, for texts and others."""
    endpoint.always(step)
    for question in (ask, ask_for_a_person):
        with pytest.raises(ModelMisbehaved, match=words) as caught:
            await question(model)
        assert caught.value.answer == answer
    assert len(endpoint.asked()) == 2


async def test_reasoning_has_its_own_tokens(endpoint: Endpoint, opened: Opened) -> None:
    """What a model may think for comes on top of what its answer may take."""
    async with opened(llm_reasoning_tokens=1000) as model:
        await ask(model)
    assert endpoint.asked()[0]["body"]["max_tokens"] == 1050


async def test_probe(model: Model, endpoint: Endpoint) -> None:
    """Whether a model is there is asked in a few words; whatever it says, empty, cut off or refused, it is there."""
    for step in ({"text": "Yes"}, {"text": ""}, {"text": "Y", "finish": "length"}, {"refusal": "no"}):
        endpoint.script([step])
        await model.probe()
    assert {asked["body"]["max_tokens"] for asked in endpoint.asked()} == {16}
    for gone in ({"status": 500}, {"raw": "<html>Welcome</html>"}, {"raw": '{"error": "Unexpected endpoint"}'}):
        endpoint.script([gone])
        with pytest.raises(ModelUnavailable):
            await model.probe()


async def test_what_is_refused_is_left_out(endpoint: Endpoint, opened: Opened) -> None:
    """An endpoint that refuses parameters is asked without them from then on; the schema is put into words."""
    endpoint.refuse("response_format", "max_tokens", "temperature")
    async with opened() as model:
        endpoint.script([{}, {}, {}, {"text": '```{"name": "Ana", "age": 41}```'}])
        assert await ask_for_a_person(model) == Person("Ana", 41)
        assert len(endpoint.asked()) == 4
        endpoint.script([{"json": {"name": "Bo", "age": 2}}])
        assert await ask_for_a_person(model) == Person("Bo", 2)
    last = endpoint.asked()[4]["body"]
    assert last.keys() == {"model", "messages", "max_completion_tokens"}
    assert '"required": ["name", "age"]' in last["messages"][0]["content"]


async def test_an_anthropic_model_that_refuses(endpoint: Endpoint, opened: Opened) -> None:
    """Likewise with Anthropic."""
    endpoint.refuse("output_config")
    given = {"llm_provider": "anthropic", "llm_base_url": endpoint.address}
    async with opened(**given) as model:
        endpoint.script([{}, {"json": {"name": "Ana", "age": 41}}])
        assert await ask_for_a_person(model) == Person("Ana", 41)
    assert endpoint.asked()[1]["body"].keys() == {"model", "system", "messages", "max_tokens"}
    assert "schema" in endpoint.asked()[1]["body"]["system"]


async def test_what_does_not_help_is_not_remembered(endpoint: Endpoint, opened: Opened) -> None:
    """A request that is refused without the parameter, too, was refused for something else: the next one has it."""
    words = {"error": {"message": "response_format is fine, you are not", "param": None}}
    async with opened() as model:
        endpoint.script([{"status": 400, "body": words}, {"status": 400, "body": words}])
        with pytest.raises(ModelUnavailable, match="you are not"):
            await ask_for_a_person(model)
        endpoint.script([{"json": {"name": "Ana", "age": 41}}])
        await ask_for_a_person(model)
    assert ["response_format" in asked["body"] for asked in endpoint.asked()] == [True, False, True]


async def test_azure_s_filter(endpoint: Endpoint, opened: Opened) -> None:
    """What Azure's filter stops before the model sees it is a refusal."""
    body = {"error": {"message": "The prompt was filtered.", "code": "content_filter", "param": "prompt"}}
    given = {"llm_provider": "azure", "llm_base_url": endpoint.address}
    async with opened(**given) as model:
        endpoint.script([{"status": 400, "body": body}])
        with pytest.raises(ModelMisbehaved, match="refused") as caught:
            await ask(model)
    assert caught.value.answer == "The prompt was filtered."


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413, 429, 500, 503, 529])
async def test_refused(model: Model, endpoint: Endpoint, calls: list[Call], status: int) -> None:
    """A status other than success is an error that says it, in the endpoint's words; it is asked once, and only it."""
    body = {"error": {"message": "because of that"}}
    endpoint.script([{"status": status, "body": body, "headers": {"location": "http://192.0.2.1/"}}])
    with pytest.raises(ModelUnavailable, match=f"{status}: because of that") as caught:
        await ask(model)
    assert not isinstance(caught.value, ModelMisbehaved)
    assert len(endpoint.asked()) == 1
    assert [call.failures for call in calls] == [1]


@pytest.mark.parametrize(
    "step",
    [
        {"raw": "<html>Welcome</html>"},
        {"raw": ""},
        {"raw": "null"},
        {"raw": '{"choices": [], "content": null}'},
        {"raw": '{"choices": [{"mess'},
        {"raw": '{"error": {"message": "out of memory"}}'},
        {"raw": '{"x":' + "[" * 100_000},
        {"do": "flood"},
        {"text": "Ana is 41", "headers": {"content-encoding": "gzip"}},
    ],
    ids=["web page", "nothing", "null", "no choice", "cut off", "an error", "nested", "100 MB", "compressed"],
)
async def test_no_answer_at_all(model: Model, endpoint: Endpoint, step: dict[str, str]) -> None:
    """What is no answer of the provider's kind is named as such, 100 MB not read to their end; the next one is fine."""
    endpoint.script([step])
    with pytest.raises(ModelMisbehaved):
        await ask(model)
    assert await ask(model) == "#41"


@pytest.mark.parametrize("misdeed", ["hang", "trickle"])
async def test_time_limit(endpoint: Endpoint, opened: Opened, misdeed: str) -> None:
    """The limit holds for the answer as a whole: a silent endpoint ends at it, and one that trickles too."""
    endpoint.script([{"do": misdeed}])
    async with opened(llm_timeout=1) as model:
        with pytest.raises(ModelUnavailable, match="more than 1 seconds"):
            await ask(model)
        assert await ask(model) == "#41"


async def test_dropped_connection(model: Model, endpoint: Endpoint) -> None:
    """A connection that breaks in the middle of an answer is a model that does not answer; the next question is."""
    endpoint.script([{"do": "drop"}])
    with pytest.raises(ModelUnavailable, match="did not answer"):
        await ask(model)
    assert await ask(model) == "#41"


MISDEEDS = [
    {"status": 401, "body": {"error": {"message": f"Incorrect API key provided: {KEY}"}}},
    {"status": 500, "body": {"detail": f"header {KEY}"}},
    {"status": 429, "raw": f"slow down, {KEY}", "headers": {"retry-after": "1"}},
    {"raw": f"{KEY}"},
    {"do": "drop"},
]


@pytest.mark.parametrize("step", MISDEEDS, ids=["401", "500", "429", "garbage", "drop"])
async def test_key_is_not_told(
    model: Model, endpoint: Endpoint, caplog: pytest.LogCaptureFixture, step: dict[str, object]
) -> None:
    """An endpoint that repeats the key finds it in no error, traceback or log line of ours."""
    caplog.set_level(logging.DEBUG)
    endpoint.script([step])
    with pytest.raises(ModelUnavailable) as caught:
        await ask(model)
    assert KEY not in str(caught.getrepr(style="long", chain=True))
    logging.getLogger(__name__).error("failed", exc_info=caught.value)
    assert KEY not in caplog.text
