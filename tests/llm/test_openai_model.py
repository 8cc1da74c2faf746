from __future__ import annotations

from language_model import Endpoint

from recollect.llm import Call, Prompt
from recollect.llm.configured import open_model


async def test_answer(endpoint: Endpoint) -> None:
    """A question is answered."""
    calls: list[Call] = []

    async def record(call: Call) -> None:
        calls.append(call)

    model = open_model(endpoint.settings(), record)
    assert model is not None
    prompt = Prompt("Be brief.", "<summary>\n\n</summary>\n<lines>\nAna: m #1\nAna: m #2\n</lines>")
    assert await model.complete("summarise", prompt, max_tokens=10) == "#1 #2"
    assert [call.task for call in calls] == ["summarise"]
    assert endpoint.asked()[0]["prompt"] == prompt.user
    await model.aclose()
