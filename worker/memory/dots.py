"""Products of int8 matrices in whole numbers, by onnxruntime's kernels: exact in any order and on any processor, without float copies."""

from functools import cache
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

OPSET: Final = 20


@cache
def _session(signed: bool) -> onnxruntime.InferenceSession:
    """uint8 [m, k] x (uint8 or int8) [k, n] -> int32 [m, n]; between two uint8, 128 stands for 0."""
    second = TensorProto.INT8 if signed else TensorProto.UINT8
    zeros = [] if signed else [helper.make_tensor("zero", TensorProto.UINT8, [], [128])]
    node = helper.make_node("MatMulInteger", ["a", "b"] if signed else ["a", "b", "zero", "zero"], ["y"])
    inputs = [helper.make_tensor_value_info("a", TensorProto.UINT8, ["m", "k"]), helper.make_tensor_value_info("b", second, ["k", "n"])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.INT32, ["m", "n"])]
    model = helper.make_model(
        helper.make_graph([node], "products", inputs, outputs, zeros), opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def raised(values: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Each number plus 128."""
    return np.ascontiguousarray(values).view(np.uint8) ^ np.uint8(128)


def lowered(values: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Each number less 128."""
    return (np.ascontiguousarray(values) ^ np.uint8(128)).view(np.int8)


def products(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.int32]:
    """[m, k] x [k, n] -> [m, n] of raised numbers. They are multiplied in 16 bits and added in 32, so nothing is cut off."""
    found: NDArray[np.int32] = _session(False).run(None, {"a": first, "b": np.ascontiguousarray(second)})[0]
    return found


def one_by_many(vector: NDArray[np.int32], columns: NDArray[np.int8], sums: NDArray[np.int32]) -> NDArray[np.int32]:
    """[k] x [k, n] -> [n]. `vector` holds whole numbers within +-64, `sums` the sum of each column.

    With the vector moved up to 0..128, two products of it fit 16 bits, which is what the fast kernel of CPUs without VNNI adds in.
    """
    raised = (vector + 64).astype(np.uint8)[None, :]
    found: NDArray[np.int32] = _session(True).run(None, {"a": raised, "b": columns})[0][0]
    found -= 64 * sums
    return found
