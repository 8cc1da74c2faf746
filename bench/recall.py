"""Whether search finds the messages that hold the answer, on marked chats in the format of LoCoMo.

Usage: python bench/recall.py FOLDER --url http://127.0.0.1:8000 [--token T] [--kind hybrid] [--one-user]
       python bench/recall.py FOLDER --in-process [--one-user]

FOLDER holds JSON files: `session_N` (a list of {speaker, dia_id, text}), `session_N_date_time`, and `qa` (question,
evidence, category). Each file becomes a user, each of its sessions a session, each turn a message; with --one-user all
become one user. Every question with evidence is asked, 50 results are read, and printed are, by category: the share of
the evidence among the first 5, 10, 20 and 50, whether any of it is among the first 10, the mean reciprocal rank of the
first piece, and nDCG at 10. Categories 1 to 4 are the headline; 5 asks for what was never said.

--in-process ranks by the same functions, without a server, and then once more for each feature with its weight at 0,
and with groups of them: what each is worth.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import httpx
import numpy as np

from recollect.core import query, rank
from recollect.core.corpus import Corpus, Entry
from recollect.embed.local import LocalEmbedder

DEPTH = 50
MEASURES = ["R@5", "R@10", "R@20", "R@50", "any@10", "MRR", "nDCG@10"]
CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
GROUPS = {
    "context": ["window", "session", "answer"],
    "words": ["words", "phrase", "window", "session", "answer"],
    "habits": ["question", "time", "when"],
}
"""Features that speak of the same thing, switched off together."""


class Turn(NamedTuple):
    """A message of a chat; `id` names it within all files, and `session` its session."""

    id: str
    session: str
    speaker: str
    text: str
    at: datetime


class Question(NamedTuple):
    """A question and the ids of the turns that hold its answer."""

    text: str
    category: int
    evidence: frozenset[str]


class Chat(NamedTuple):
    """One file."""

    name: str
    first_speaker: str
    turns: list[Turn]
    questions: list[Question]


def read(file: Path) -> Chat:
    """Read a file. Evidence is written in several ways: `D8:6; D9:17`, `D:11:26`, `D10:019`."""
    data = json.loads(file.read_text(encoding="utf-8"))
    turns = []
    for number in sorted(int(key.split("_")[1]) for key in data if re.fullmatch(r"session_\d+", key)):
        start = datetime.strptime(f"{data[f'session_{number}_date_time'].strip()} +0000", "%I:%M %p on %d %B, %Y %z")
        for place, turn in enumerate(data[f"session_{number}"]):
            at = start + timedelta(seconds=20 * place)
            text = turn.get("text") or " "
            turns.append(Turn(f"{file.stem}/{turn['dia_id']}", f"{file.stem}-{number}", turn["speaker"], text, at))
    known = {turn.id for turn in turns}
    questions = []
    for asked in data["qa"]:
        named = re.findall(r"D:?(\d+):0*(\d+)", " ".join(map(str, asked.get("evidence") or [])))
        evidence = known.intersection(f"{file.stem}/D{session}:{turn}" for session, turn in named)
        if evidence:
            questions.append(Question(asked["question"], asked["category"], frozenset(evidence)))
    return Chat(file.stem, data["speaker_a"], turns, questions)


def measures(found: Sequence[str], evidence: frozenset[str]) -> list[float]:
    """Score one ranking, best first, in the order of MEASURES."""
    hits = np.array([turn in evidence for turn in found[:DEPTH]] + [False] * (DEPTH - len(found)))
    recalls = [hits[:depth].sum() / len(evidence) for depth in (5, 10, 20, 50)]
    gains = 1 / np.log2(np.arange(2, 12))
    reciprocal = 1 / (1 + hits.argmax()) if hits.any() else 0.0
    return [*recalls, hits[:10].any(), reciprocal, gains[hits[:10]].sum() / gains[: len(evidence)].sum()]


def table(rows: Mapping[str, Sequence[Sequence[float]]]) -> None:
    """Print the means of some groups of scores."""
    print(f"{'':24}" + "".join(f"{name:>9}" for name in MEASURES) + f"{'questions':>11}")
    for name, scores in rows.items():
        if scores:
            print(f"{name:24}" + "".join(f"{mean:9.3f}" for mean in np.mean(scores, axis=0)) + f"{len(scores):11}")


def by_category(questions: Sequence[Question], scores: Sequence[Sequence[float]]) -> dict[str, list[Sequence[float]]]:
    """Group scores: the headline first, then each category."""

    def of(categories: Iterable[int]) -> list[Sequence[float]]:
        return [row for question, row in zip(questions, scores, strict=True) if question.category in categories]

    return {"categories 1-4": of((1, 2, 3, 4))} | {name: of([number]) for number, name in CATEGORIES.items()}


class Remote:
    """A running server. Users and sessions get names that were never used before."""

    def __init__(self, url: str, token: str | None, kind: str) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.client = httpx.AsyncClient(base_url=f"{url.rstrip('/')}/api/v1/", headers=headers, timeout=120)
        self.kind = kind
        self.run = uuid4().hex[:8]
        self.times: list[float] = []

    async def post(self, path: str, body: object) -> httpx.Response:
        """Send one request; end the run if it is refused."""
        answer = await self.client.post(path, json=body)
        if answer.is_error:
            raise SystemExit(f"{path}: {answer.status_code} {answer.text[:300]}")
        return answer

    async def store(self, user: str, chats: Sequence[Chat]) -> None:
        """Store chats as a user's, and wait until they can be found by meaning."""
        first_name = chats[0].first_speaker if len(chats) == 1 else ""
        await self.post("user", {"user_id": f"{user}-{self.run}", "first_name": first_name})
        for session in dict.fromkeys(turn.session for chat in chats for turn in chat.turns):
            said = [turn for chat in chats for turn in chat.turns if turn.session == session]
            name = f"{session}-{self.run}"
            await self.post("sessions", {"session_id": name, "user_id": f"{user}-{self.run}"})
            bodies = [
                {
                    "role": turn.speaker,
                    "content": turn.text,
                    "created_at": turn.at.isoformat(),
                    "metadata": {"t": turn.id},
                }
                for turn in said
            ]
            answer = await self.post(f"sessions/{name}/memory?wait=60", {"messages": bodies})
            if answer.status_code != httpx.codes.OK:
                raise SystemExit(f"{name}: not embedded after 60 seconds")

    async def ask(self, user: str, question: str) -> list[str]:
        """Return the ids of the turns found."""
        began = time.perf_counter()
        body = {"text": question, "search_type": self.kind}
        answer = await self.post(f"user/{user}-{self.run}/search?limit={DEPTH}", body)
        self.times.append(1000 * (time.perf_counter() - began))
        return [result["message"]["metadata"]["t"] for result in answer.json()]


class InProcess:
    """The functions of the server's hybrid search, over the same messages."""

    def __init__(self) -> None:
        self.embedder = LocalEmbedder()
        self.corpora: dict[str, tuple[Corpus, list[str]]] = {}
        self.vectors: dict[str, np.ndarray] = {}
        self.weights = dict(rank.WEIGHTS)

    async def store(self, user: str, chats: Sequence[Chat]) -> None:
        """Read chats as a user's."""
        first_name = chats[0].first_speaker if len(chats) == 1 else ""
        turns = [turn for chat in chats for turn in chat.turns]
        corpus = Corpus(self.embedder.model.width, user=(first_name,))
        entries = [
            Entry(turn.session, place, turn.speaker, turn.text, turn.at.timestamp()) for place, turn in enumerate(turns)
        ]
        corpus.add(entries, await self.embedder.embed([turn.text for turn in turns]))
        self.corpora[user] = corpus, [turn.id for turn in turns]

    async def ask(self, user: str, question: str) -> list[str]:
        """Return the ids of the turns found."""
        corpus, ids = self.corpora[user]
        asked = query.read(question, corpus, now=time.time())
        if asked.text not in self.vectors:
            self.vectors[asked.text] = (await self.embedder.embed([asked.text]))[0]
        ranking = rank.rank(corpus, asked, self.vectors[asked.text], limit=DEPTH, weights=self.weights)
        return [ids[row] for row in ranking.rows]


async def scores(searched: Remote | InProcess, asked: Sequence[tuple[str, Question]]) -> list[list[float]]:
    """Ask every question of its user."""
    return [measures(await searched.ask(user, question.text), question.evidence) for user, question in asked]


async def ablate(searched: InProcess, asked: Sequence[tuple[str, Question]]) -> None:
    """Print the headline with each feature, and each group of them, off."""
    headline = [pair for pair in asked if pair[1].category in {1, 2, 3, 4}]
    off = {f"without {name}": [name] for name in rank.WEIGHTS}
    off |= {f"without all {name}": features for name, features in GROUPS.items()}
    rows = {}
    for name, features in ({"all features": []} | off).items():
        searched.weights = {key: 0.0 if key in features else weight for key, weight in rank.WEIGHTS.items()}
        rows[name] = await scores(searched, headline)
    print()
    table(rows)


async def main() -> None:
    """Read the arguments, store the chats, ask the questions, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--url")
    where.add_argument("--in-process", action="store_true")
    parser.add_argument("--token")
    parser.add_argument("--kind", default="hybrid", choices=["hybrid", "similarity", "mmr"])
    parser.add_argument("--one-user", action="store_true")
    arguments = parser.parse_args()
    chats = [read(file) for file in sorted(arguments.folder.glob("*.json"))]
    searched = InProcess() if arguments.in_process else Remote(arguments.url, arguments.token, arguments.kind)
    users = {"all": chats} if arguments.one_user else {chat.name: [chat] for chat in chats}
    for user, said in users.items():
        await searched.store(user, said)
    asked = [(user, question) for user, said in users.items() for chat in said for question in chat.questions]
    table(by_category([question for _, question in asked], await scores(searched, asked)))
    if isinstance(searched, InProcess):
        await ablate(searched, asked)
        await searched.embedder.aclose()
    else:
        middle, late = np.percentile(searched.times, [50, 99])
        print(f"time of a question: p50 {middle:.1f} ms, p99 {late:.1f} ms")
        await searched.client.aclose()


if __name__ == "__main__":
    asyncio.run(main())
