"""Build the ONNX graph of a BERT-like sentence encoder from its weights. Pure: arrays in, bytes out.

The graph takes one text (`input_ids`, int64 [n]) and gives the last hidden states (`hidden`, float32 [n, width]). There is no batch
axis and no padding on purpose: int8 activations are scaled over the whole tensor, so a text that shared a batch with another would
get another vector. One text, one tensor, one result.

Weights are symmetric int8 per output column, limited to seven bits (+-63): the fast u8 x s8 kernels of CPUs without VNNI add two
products in 16 bits, and 255 * 63 * 2 is the most that fits. Measured on conversations, the eighth bit gains nothing and takes 1.6 times
as long.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from pydantic import BaseModel, ConfigDict

Array = NDArray[np.float32]
Weights = Mapping[str, Array]
OPSET = 20
LEVELS = 63


class Shape(BaseModel):
    """The architecture; the defaults are those of all-MiniLM-L6-v2."""

    model_config = ConfigDict(frozen=True)
    width: int = 384
    heads: int = 12
    layers: int = 6
    positions: int = 512
    epsilon: float = 1e-12


class Sketch:
    """Nodes and constants of a graph under construction; `add` returns the name of the node's output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def const(self, name: str, value: NDArray[np.generic]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output


def quantise_columns(weight: Array, levels: int = LEVELS) -> tuple[NDArray[np.int8], Array]:
    """Symmetric int8 per column of a [rows, columns] matrix: (values, scales [columns])."""
    scale = np.maximum(np.abs(weight).max(axis=0), 1e-12) / levels
    return np.rint(weight / scale).astype(np.int8), scale.astype(np.float32)


def _dense_float(sketch: Sketch, x: str, weight: Array, bias: Array, name: str) -> str:
    product = sketch.add("MatMul", [x, sketch.const(f"{name}.w", weight)], f"{name}.product")
    return sketch.add("Add", [product, sketch.const(f"{name}.b", bias)], f"{name}.out")


def _dense_int8(sketch: Sketch, x: str, weight: Array, bias: Array, name: str) -> str:
    values, scale = quantise_columns(weight)
    outputs = [f"{name}.x8", f"{name}.xs", f"{name}.xz"]
    sketch.nodes.append(helper.make_node("DynamicQuantizeLinear", [x], outputs, name=f"{name}.quantise"))
    operands = [outputs[0], sketch.const(f"{name}.w", values), outputs[2], sketch.const(f"{name}.z", np.array(0, np.int8))]
    whole = sketch.add("MatMulInteger", operands, f"{name}.int")
    cast = sketch.add("Cast", [whole], f"{name}.cast", to=TensorProto.FLOAT)
    scales = sketch.add("Mul", [outputs[1], sketch.const(f"{name}.s", scale)], f"{name}.scales")
    product = sketch.add("Mul", [cast, scales], f"{name}.product")
    return sketch.add("Add", [product, sketch.const(f"{name}.b", bias)], f"{name}.out")


def _norm(sketch: Sketch, x: str, weights: Weights, prefix: str, name: str, shape: Shape) -> str:
    scale = sketch.const(f"{name}.gain", weights[f"{prefix}.weight"])
    bias = sketch.const(f"{name}.bias", weights[f"{prefix}.bias"])
    return sketch.add("LayerNormalization", [x, scale, bias], name, axis=-1, epsilon=shape.epsilon)


def _embed(sketch: Sketch, weights: Weights, shape: Shape, int8: bool) -> str:
    table = weights["embeddings.word_embeddings.weight"]
    place = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    if int8:
        values, scale = quantise_columns(np.ascontiguousarray(table.T), levels=127)
        rows = sketch.add("Gather", [sketch.const("words", np.ascontiguousarray(values.T)), "input_ids"], "word.rows")
        whole = sketch.add("Cast", [rows], "word.cast", to=TensorProto.FLOAT)
        scales = sketch.add("Gather", [sketch.const("word.scale", scale.reshape(-1, 1)), "input_ids"], "word.scales")
        word = sketch.add("Mul", [whole, scales], "word.out")
    else:
        word = sketch.add("Gather", [sketch.const("words", table), "input_ids"], "word.out")
    for name, value in (("zero", [0]), ("one", [1])):
        sketch.const(name, np.array(value, dtype=np.int64))
    length = sketch.add("Shape", ["input_ids"], "length")
    positions = sketch.add("Slice", [sketch.const("positions", place), "zero", length, "zero", "one"], "position.out")
    return _norm(sketch, sketch.add("Add", [word, positions], "embedded"), weights, "embeddings.LayerNorm", "embedded.norm", shape)


def _attention(sketch: Sketch, x: str, weights: Weights, layer: int, shape: Shape, int8: bool) -> str:
    dense = _dense_int8 if int8 else _dense_float
    parts = [f"encoder.layer.{layer}.attention.self.{part}" for part in ("query", "key", "value")]
    joined = np.concatenate([weights[f"{part}.weight"].T for part in parts], axis=1)
    bias = np.concatenate([weights[f"{part}.bias"] for part in parts])
    name = f"layer{layer}.attention"
    each = shape.width // shape.heads
    split = sketch.const(f"{name}.split", np.array([-1, 3, shape.heads, each], dtype=np.int64))
    qkv = sketch.add("Reshape", [dense(sketch, x, joined, bias, f"{name}.qkv"), split], f"{name}.reshaped")
    moved = sketch.add("Transpose", [qkv], f"{name}.moved", perm=[1, 2, 0, 3])
    outputs = [f"{name}.q", f"{name}.k", f"{name}.v"]
    sketch.nodes.append(helper.make_node("Split", [moved], outputs, axis=0, num_outputs=3))
    turned = sketch.add("Transpose", [outputs[1]], f"{name}.kt", perm=[0, 1, 3, 2])
    raw = sketch.add("MatMul", [outputs[0], turned], f"{name}.raw")
    root = sketch.const(f"{name}.root", np.array(1.0 / np.sqrt(each), np.float32))
    weighted = sketch.add("Softmax", [sketch.add("Mul", [raw, root], f"{name}.scaled")], f"{name}.softmax", axis=-1)
    mixed = sketch.add("Transpose", [sketch.add("MatMul", [weighted, outputs[2]], f"{name}.mixed")], f"{name}.back", perm=[0, 2, 1, 3])
    flat = sketch.const(f"{name}.flat", np.array([-1, shape.width], dtype=np.int64))
    return sketch.add("Reshape", [mixed, flat], f"{name}.out")


def _layer(sketch: Sketch, x: str, weights: Weights, layer: int, shape: Shape, int8: bool) -> str:
    dense = _dense_int8 if int8 else _dense_float
    root, name = f"encoder.layer.{layer}", f"layer{layer}"

    def project(source: str, part: str, label: str) -> str:
        return dense(sketch, source, weights[f"{root}.{part}.weight"].T, weights[f"{root}.{part}.bias"], f"{name}.{label}")

    attended = project(_attention(sketch, x, weights, layer, shape, int8), "attention.output.dense", "mix")
    first = sketch.add("Add", [attended, x], f"{name}.first")
    normed = _norm(sketch, first, weights, f"{root}.attention.output.LayerNorm", f"{name}.norm1", shape)
    wide = sketch.add("Gelu", [project(normed, "intermediate.dense", "up")], f"{name}.gelu")
    second = sketch.add("Add", [project(wide, "output.dense", "down"), normed], f"{name}.second")
    return _norm(sketch, second, weights, f"{root}.output.LayerNorm", f"{name}.norm2", shape)


def build(weights: Weights, shape: Shape | None = None, *, int8: bool = True) -> bytes:
    """The serialised model: `input_ids` int64 [n] -> `hidden` float32 [n, width]."""
    shape = shape or Shape()
    sketch = Sketch()
    x = _embed(sketch, weights, shape, int8)
    for layer in range(shape.layers):
        x = _layer(sketch, x, weights, layer, shape, int8)
    sketch.add("Identity", [x], "hidden")
    graph = helper.make_graph(
        sketch.nodes,
        "sentence-encoder",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("hidden", TensorProto.FLOAT, ["n", shape.width])],
        initializer=sketch.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="tzurot")
    model.ir_version = 10
    return bytes(model.SerializeToString())
