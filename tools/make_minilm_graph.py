"""Write src/recollect/embed/minilm.onnx: the graph of all-MiniLM-L6-v2 without its weights.

Usage: python tools/make_minilm_graph.py MODEL_FOLDER (needs onnx, which Recollect itself does not).

Every float tensor of the graph is a byte range inside the folder's own model.safetensors, named as ONNX external
data; onnxruntime reads them at load. The ranges hold for that one file, so recollect.embed.minilm checks its hash.
The network is BERT (Devlin et al. 2018) with mean pooling (Reimers and Gurevych 2019).
"""

from __future__ import annotations

import json
import math
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

LAYERS, HEADS, WIDTH = 6, 12, 384
WEIGHTS = "model.safetensors"
TARGET = Path(__file__).parents[1] / "src/recollect/embed/minilm.onnx"
FLOAT, INT = np.float32, np.int64


def weights(path: Path) -> list[onnx.TensorProto]:
    """Return every float tensor of a safetensors file as an external initializer."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header: dict[str, Any] = json.loads(file.read(length))
    found = []
    for name, entry in sorted(header.items()):
        if entry.get("dtype") != "F32" or name.startswith("pooler."):
            continue
        start, end = entry["data_offsets"]
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=entry["shape"])
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": WEIGHTS, "offset": 8 + length + start, "length": end - start}.items():
            tensor.external_data.add(key=key, value=str(value))
        found.append(tensor)
    return found


class _Graph:
    """Nodes in the order they are computed; each method returns the name of what it adds."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def constant(self, value: float | list[int], kind: type[np.generic] = INT) -> str:
        array: NDArray[Any] = np.asarray(value, dtype=kind)
        name = f"{array.dtype}({value})"
        self.constants[name] = numpy_helper.from_array(array, name)
        return name

    def add(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        name = output or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def linear(self, state: str, layer: str) -> str:
        weight = self.add("Transpose", f"{layer}.weight", perm=[1, 0])
        return self.add("Add", self.add("MatMul", state, weight), f"{layer}.bias")

    def norm(self, state: str, layer: str) -> str:
        return self.add("LayerNormalization", state, f"{layer}.weight", f"{layer}.bias", axis=-1, epsilon=1e-12)

    def embeddings(self) -> str:
        words = self.add("Gather", "embeddings.word_embeddings.weight", "input_ids")
        first = self.add("Gather", "embeddings.token_type_embeddings.weight", self.constant(0))
        length = self.add("Shape", "input_ids", start=1, end=2)
        places = self.add("Slice", "embeddings.position_embeddings.weight", self.constant([0]), length)
        return self.norm(self.add("Add", self.add("Add", words, first), places), "embeddings.LayerNorm")

    def split_heads(self, state: str, perm: list[int]) -> str:
        heads = self.add("Reshape", state, self.constant([0, 0, HEADS, WIDTH // HEADS]))
        return self.add("Transpose", heads, perm=perm)

    def attention(self, state: str, layer: str, bias: str) -> str:
        query = self.split_heads(self.linear(state, f"{layer}.self.query"), [0, 2, 1, 3])
        key = self.split_heads(self.linear(state, f"{layer}.self.key"), [0, 2, 3, 1])
        value = self.split_heads(self.linear(state, f"{layer}.self.value"), [0, 2, 1, 3])
        scale = self.constant(math.sqrt(WIDTH // HEADS), FLOAT)
        scores = self.add("Add", self.add("Div", self.add("MatMul", query, key), scale), bias)
        mixed = self.add("MatMul", self.add("Softmax", scores, axis=-1), value)
        merged = self.add("Reshape", self.add("Transpose", mixed, perm=[0, 2, 1, 3]), self.constant([0, 0, WIDTH]))
        summed = self.add("Add", self.linear(merged, f"{layer}.output.dense"), state)
        return self.norm(summed, f"{layer}.output.LayerNorm")

    def feed_forward(self, state: str, layer: str) -> str:
        inner = self.add("Gelu", self.linear(state, f"{layer}.intermediate.dense"))
        summed = self.add("Add", self.linear(inner, f"{layer}.output.dense"), state)
        return self.norm(summed, f"{layer}.output.LayerNorm")

    def pool(self, state: str, mask: str) -> str:
        """Average the states of real tokens, then scale to unit length."""
        weight = self.add("Unsqueeze", mask, self.constant([-1]))
        total = self.add("ReduceSum", self.add("Mul", state, weight), self.constant([1]), keepdims=0)
        count = self.add(
            "Max", self.add("ReduceSum", weight, self.constant([1]), keepdims=0), self.constant(1e-9, FLOAT)
        )
        mean = self.add("Div", total, count)
        length = self.add("ReduceL2", mean, self.constant([-1]), keepdims=1)
        return self.add("Div", mean, self.add("Max", length, self.constant(1e-12, FLOAT)), output="sentence_embedding")


def build(folder: Path) -> onnx.ModelProto:
    """Return the graph; of the folder only the header of its model.safetensors is read."""
    graph = _Graph()
    mask = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)
    padding = graph.add("Mul", graph.add("Sub", graph.constant(1.0, FLOAT), mask), graph.constant(-1e4, FLOAT))
    bias = graph.add("Unsqueeze", padding, graph.constant([1, 2]))
    state = graph.embeddings()
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        state = graph.feed_forward(graph.attention(state, f"{layer}.attention", bias), layer)
    graph.pool(state, mask)
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", WIDTH])
    tensors = [*weights(folder / WEIGHTS), *graph.constants.values()]
    # Opset 20 has the exact Gelu; version 10 of the file format is what onnxruntime 1.22 reads.
    return helper.make_model(
        helper.make_graph(graph.nodes, "all-MiniLM-L6-v2", inputs, [output], tensors),
        opset_imports=[helper.make_opsetid("", 20)],
        ir_version=10,
        producer_name="recollect",
    )


if __name__ == "__main__":
    TARGET.write_bytes(build(Path(sys.argv[1])).SerializeToString(deterministic=True))
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")
