"""onnx_file.py - a model's prefill with made-up weights as an ONNX file, weights beside it.

    python3 onnx_file.py SHAPE TOKENS PATH

The graph takes `ids` [TOKENS] and gives the logits of the last token, in f32.
"""
import os
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

from shapes import SHAPES

OPSET = 17


class Builder:
    def __init__(self, shape, tokens):
        self.shape, self.tokens = shape, tokens
        self.nodes, self.weights, self.count = [], [], 0
        self.random = numpy.random.default_rng(1)

    def constant(self, value):
        self.count += 1
        name = f"c{self.count}"
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def random_matrix(self, rows, columns):
        made = self.random.standard_normal((rows, columns), dtype=numpy.float32)
        return self.constant(made * numpy.float32(0.02))

    def op(self, kind, *inputs, **attributes):
        self.count += 1
        name = f"v{self.count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def ints(self, *values):
        return self.constant(numpy.array(values, numpy.int64))

    def scalar(self, value):
        return self.constant(numpy.array(value, numpy.float32))

    def project(self, x, inputs, outputs):
        y = self.op("MatMul", x, self.random_matrix(inputs, outputs))
        if self.shape.family != "gpt2":
            return y
        return self.op("Add", y, self.constant(numpy.zeros(outputs, numpy.float32)))

    def norm(self, x):
        gain = self.constant(numpy.ones(self.shape.width, numpy.float32))
        if self.shape.family == "gpt2":
            bias = self.constant(numpy.zeros(self.shape.width, numpy.float32))
            return self.op("LayerNormalization", x, gain, bias, epsilon=1e-5)
        squares = self.op("ReduceMean", self.op("Mul", x, x), axes=[-1])
        size = self.op("Sqrt", self.op("Add", squares, self.scalar(1e-5)))
        return self.op("Mul", self.op("Div", x, size), gain)

    def split_heads(self, x, heads):
        x = self.op("Reshape", x, self.ints(self.tokens, heads, self.shape.head_dim))
        return self.op("Transpose", x, perm=[1, 0, 2])

    def rope(self, x):
        half = self.shape.head_dim // 2
        angle = numpy.outer(numpy.arange(self.tokens), 10000.0 ** (-numpy.arange(half) / half))
        cos = self.constant(numpy.concatenate([numpy.cos(angle)] * 2, 1).astype(numpy.float32))
        sin = self.constant(numpy.concatenate([numpy.sin(angle)] * 2, 1).astype(numpy.float32))
        low = self.op("Slice", x, self.ints(0), self.ints(half), self.ints(2))
        high = self.op("Slice", x, self.ints(half), self.ints(2 * half), self.ints(2))
        turned = self.op("Concat", self.op("Neg", high), low, axis=2)
        return self.op("Add", self.op("Mul", x, cos), self.op("Mul", turned, sin))

    def attention(self, x):
        s = self.shape
        kv, group = s.kv_heads * s.head_dim, s.heads // s.kv_heads
        q = self.split_heads(self.project(x, s.width, s.width), s.heads)
        k = self.split_heads(self.project(x, s.width, kv), s.kv_heads)
        v = self.split_heads(self.project(x, s.width, kv), s.kv_heads)
        if s.family == "llama":
            q, k = self.rope(q), self.rope(k)
        if group > 1:
            index = self.constant(numpy.arange(s.heads, dtype=numpy.int64) // group)
            k, v = self.op("Gather", k, index, axis=0), self.op("Gather", v, index, axis=0)
        scores = self.op("MatMul", q, self.op("Transpose", k, perm=[0, 2, 1]))
        scores = self.op("Mul", scores, self.scalar(s.head_dim ** -0.5))
        mask = numpy.triu(numpy.full((self.tokens, self.tokens), -1e9, numpy.float32), 1)
        weights = self.op("Softmax", self.op("Add", scores, self.constant(mask)), axis=-1)
        mixed = self.op("Transpose", self.op("MatMul", weights, v), perm=[1, 0, 2])
        mixed = self.op("Reshape", mixed, self.ints(self.tokens, s.width))
        return self.project(mixed, s.width, s.width)

    def mlp(self, x):
        s = self.shape
        up = self.project(x, s.width, s.hidden)
        if s.family == "gpt2":
            cube = self.op("Mul", self.op("Mul", up, up), up)
            inner = self.op("Add", up, self.op("Mul", cube, self.scalar(0.044715)))
            wave = self.op("Tanh", self.op("Mul", inner, self.scalar(0.7978845608)))
            half = self.op("Mul", up, self.scalar(0.5))
            hidden = self.op("Mul", half, self.op("Add", wave, self.scalar(1)))
        else:
            gate = self.project(x, s.width, s.hidden)
            hidden = self.op("Mul", self.op("Mul", gate, self.op("Sigmoid", gate)), up)
        return self.project(hidden, s.hidden, s.width)

    def model(self):
        s = self.shape
        x = self.op("Gather", self.random_matrix(s.vocab, s.width), "ids", axis=0)
        if s.family == "gpt2":
            x = self.op("Add", x, self.random_matrix(self.tokens, s.width))
        for _ in range(s.layers):
            x = self.op("Add", x, self.attention(self.norm(x)))
            x = self.op("Add", x, self.mlp(self.norm(x)))
        last = self.op("Slice", self.norm(x), self.ints(-1), self.ints(1 << 30), self.ints(0))
        logits = self.op("MatMul", last, self.random_matrix(s.width, s.vocab))
        ids = helper.make_tensor_value_info("ids", TensorProto.INT64, [self.tokens])
        out = helper.make_tensor_value_info(logits, TensorProto.FLOAT, [1, s.vocab])
        graph = helper.make_graph(self.nodes, "prefill", [ids], [out], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def write(name, tokens, path):
    model = Builder(SHAPES[name], int(tokens)).model()
    onnx.save_model(model, path + ".part", save_as_external_data=True, all_tensors_to_one_file=True,
                    location=os.path.basename(path) + ".data")
    os.replace(path + ".part", path)


if __name__ == "__main__":
    write(*sys.argv[1:4])
