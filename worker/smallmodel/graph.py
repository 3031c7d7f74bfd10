"""Build the ONNX graph of a Llama-like language model from its weights. Pure: arrays in, bytes out.

`x` float32 [1, n, width] are the rows of the tokens that are new; `logits` [1, 1, words] are those of the last one. Keys and values of
what came before lie in buffers of `window` places that are given as `past.*` and, the very same, as `present.*`: nothing is copied.
Weights are 8 bit with a scale for each 32: the forms in which ONNX Runtime has fast kernels for a CPU.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from worker.memory.graph import Array, Sketch
from worker.smallmodel.architecture import Architecture

BLOCK: Final = 32
FUSED: Final = "com.microsoft"
Weight = Callable[[str], Array]


def packed(weight: Array) -> tuple[NDArray[np.uint8], Array]:
    """8 bit per 32 values of a row, around 128: (values [rows, blocks, 32], scales [rows, blocks])."""
    rows, columns = weight.shape
    blocks = weight.reshape(rows, columns // BLOCK, BLOCK)
    scale = np.maximum(np.abs(blocks).max(axis=2), 1e-12) / 127.0
    return (np.rint(blocks / scale[:, :, None]) + 128).astype(np.uint8), scale.astype(np.float32)


def _dense(sketch: Sketch, x: str, weight: Array, name: str) -> str:
    values, scale = packed(weight)
    inputs = [x, sketch.const(f"{name}.w", values), sketch.const(f"{name}.s", scale.reshape(-1))]
    rows, columns = weight.shape
    return sketch.add("MatMulNBits", inputs, name, domain=FUSED, K=columns, N=rows, bits=8, block_size=BLOCK, accuracy_level=4)


def _norm(sketch: Sketch, x: str, gain: Array, name: str, shape: Architecture) -> str:
    return sketch.add("SimplifiedLayerNormalization", [x, sketch.const(f"{name}.gain", gain)], name, axis=-1, epsilon=shape.epsilon)


def turns(shape: Architecture) -> tuple[Array, Array]:
    """Cosine and sine [window, head / 2] by which the pairs of a head are turned at each place."""
    speeds = 1.0 / shape.base ** (np.arange(0, shape.head, 2, dtype=np.float64) / shape.head)
    angles = np.arange(shape.window, dtype=np.float64)[:, None] * speeds
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def _attention(sketch: Sketch, x: str, weight: Weight, layer: int, shape: Architecture) -> str:
    name, root = f"attention.{layer}", f"blk.{layer}.attn_"
    joined = np.concatenate([weight(f"{root}{part}.weight") for part in "qkv"])
    query = _dense(sketch, x, joined, f"{name}.qkv")
    inputs = [query, "", "", f"past.k.{layer}", f"past.v.{layer}", "last", "total", "cosines", "sines"]
    outputs = [f"{name}.mixed", f"present.k.{layer}", f"present.v.{layer}"]
    options: dict[str, Any] = {"num_heads": shape.heads, "kv_num_heads": shape.groups, "do_rotary": 1, "rotary_interleaved": 1}
    sketch.nodes.append(helper.make_node("GroupQueryAttention", inputs, outputs, name=name, domain=FUSED, **options))
    return _dense(sketch, outputs[0], weight(f"{root}output.weight"), f"{name}.out")


def _feed(sketch: Sketch, x: str, weight: Weight, layer: int, shape: Architecture) -> str:
    name, root = f"feed.{layer}", f"blk.{layer}.ffn_"
    joined = np.concatenate([weight(f"{root}{part}.weight") for part in ("gate", "up")])
    both = _dense(sketch, x, joined, f"{name}.both")
    halves = [f"{name}.gate", f"{name}.up"]
    sketch.nodes.append(helper.make_node("Split", [both], halves, axis=-1, num_outputs=2))
    opened = sketch.add("QuickGelu", [halves[0]], f"{name}.opened", domain=FUSED, alpha=1.0)
    product = sketch.add("Mul", [opened, halves[1]], f"{name}.product")
    return _dense(sketch, product, weight(f"{root}down.weight"), f"{name}.out")


def build(weight: Weight, shape: Architecture) -> bytes:
    """The serialised model; `weight` gives a tensor by its name in the file."""
    sketch = Sketch()
    for name, table in zip(("cosines", "sines"), turns(shape), strict=True):
        sketch.const(name, table)
    x = "x"
    for layer in range(shape.layers):
        normed = _norm(sketch, x, weight(f"blk.{layer}.attn_norm.weight"), f"norm.{layer}.1", shape)
        x = sketch.add("Add", [x, _attention(sketch, normed, weight, layer, shape)], f"sum.{layer}.1")
        normed = _norm(sketch, x, weight(f"blk.{layer}.ffn_norm.weight"), f"norm.{layer}.2", shape)
        x = sketch.add("Add", [x, _feed(sketch, normed, weight, layer, shape)], f"sum.{layer}.2")
    newest = sketch.add("Gather", [x, sketch.const("newest", np.array([-1], np.int64))], "newest.row", axis=1)
    _dense(sketch, _norm(sketch, newest, weight("output_norm.weight"), "norm.last", shape), weight("token_embd.weight"), "logits")
    return _serialised(sketch, shape)


def _serialised(sketch: Sketch, shape: Architecture) -> bytes:
    floats, whole = TensorProto.FLOAT, TensorProto.INT32
    inputs: list[tuple[str, int, list[str | int | None]]] = [
        ("x", floats, [1, "n", shape.width]),
        ("last", whole, [1]),
        ("total", whole, []),
    ]
    outputs: list[tuple[str, int, list[str | int | None]]] = [("logits", floats, [1, 1, shape.words])]
    held: list[str | int | None] = [1, shape.groups, shape.window, shape.head]
    for layer in range(shape.layers):
        for part in "kv":
            inputs.append((f"past.{part}.{layer}", floats, held))
            outputs.append((f"present.{part}.{layer}", floats, held))
    infos = [[helper.make_tensor_value_info(*each) for each in side] for side in (inputs, outputs)]
    graph = helper.make_graph(sketch.nodes, "language-model", infos[0], infos[1], initializer=sketch.constants)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid(FUSED, 1)]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="tzurot")
    model.ir_version = 10
    return bytes(model.SerializeToString())
