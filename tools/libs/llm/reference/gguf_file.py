"""A minimal GGUF version 3 writer, and the ternary block formats, from their specification.

Written apart from the engine's own writer so that a misreading in one does not hide in the other.
"""

import struct

import numpy as np
from gguf import GGMLQuantizationType as Q
from gguf.quants import dequantize, quantize

F32, F16, Q8_0, Q4_K, Q6_K, TQ1_0, TQ2_0, I2_S, Q2_0, PQ2_0 = 0, 1, 8, 12, 14, 34, 35, 36, 42, 142


def _string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value):
    if isinstance(value, bool):
        return struct.pack("<IB", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + _string(value)
    if isinstance(value, list) and isinstance(value[0], str):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(_string(v) for v in value)
    if isinstance(value, list) and isinstance(value[0], float):
        return struct.pack("<IIQ", 9, 6, len(value)) + struct.pack(f"<{len(value)}f", *value)
    if isinstance(value, list):
        return struct.pack("<IIQ", 9, 5, len(value)) + struct.pack(f"<{len(value)}i", *value)
    raise TypeError(type(value))


def write(path, metadata, tensors):
    """tensors: (name, shape slowest first, type id, bytes)."""
    align = 32
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(metadata))
    for key, value in metadata.items():
        head += _string(key) + _value(value)
    offset = 0
    for name, shape, kind, data in tensors:
        head += _string(name) + struct.pack("<I", len(shape))
        head += struct.pack(f"<{len(shape)}Q", *reversed(shape))
        head += struct.pack("<IQ", kind, offset)
        offset += -(-len(data) // align) * align
    head += b"\0" * (-len(head) % align)
    with open(path, "wb") as file:
        file.write(head)
        for _, _, _, data in tensors:
            file.write(data + b"\0" * (-len(data) % align))


def two_bit(codes, scales, group):
    """Q2_0: per group an fp16 scale, then 2 bits a weight, lowest bits first; weight = (code - 1) * scale."""
    codes = codes.reshape(-1, group // 4, 4).astype(np.uint8)
    packed = codes[..., 0] | codes[..., 1] << 2 | codes[..., 2] << 4 | codes[..., 3] << 6
    scales = scales.astype(np.float16).reshape(-1, 1).view(np.uint8)
    return np.concatenate([scales, packed], axis=1).tobytes()


def i2_s(codes, scale):
    """I2_S as bitnet.cpp writes it on x86: 128 weights in 32 bytes, then the tensor's scale and padding to 32 bytes."""
    codes = codes.reshape(-1, 4, 32).astype(np.uint8)
    packed = codes[:, 0] << 6 | codes[:, 1] << 4 | codes[:, 2] << 2 | codes[:, 3]
    return packed.tobytes() + struct.pack("<f", scale) + b"\0" * 28


def k_blocks(rng, count, spread, kind):
    """Random K-quant blocks of 256 numbers about zero, `spread` wide. They are made as they are stored: what is tested is reading."""
    bits = rng.integers(0, 256, (count, {Q4_K: 140, Q6_K: 192}[kind]), np.uint8)
    if kind == Q4_K:
        # Scales and mins have 6 bits each and lie in 12 bytes; with all of them about 32, the mins take off half of what 4 bits give.
        scale = (rng.uniform(0.7, 1.3, (count, 1)) * spread / (4.6 * 36)).astype(np.float16)
        return np.concatenate([scale.view(np.uint8), (scale * 7.5).astype(np.float16).view(np.uint8), bits], 1)
    scales = (rng.choice([-1, 1], (count, 16)) * rng.integers(20, 45, (count, 16))).astype(np.int8).view(np.uint8)
    scale = (rng.uniform(0.7, 1.3, (count, 1)) * spread / (18.5 * 33)).astype(np.float16)
    return np.concatenate([bits, scales, scale.view(np.uint8)], 1)


class Weights:
    """Random ternary matrices: what they are, and how a format stores them."""

    def __init__(self, rng, encoding):
        self.rng, self.encoding = rng, encoding
        self.tensors = []

    def matrix(self, name, rows, cols, gain=1.0):
        """A ternary rows x cols matrix whose output is about `gain` large for inputs of size one. Returns float32."""
        rng, group = self.rng, {"q2_0": 64, "pq2_0": 128, "tq1_0": 256, "tq2_0": 256, "i2_s": rows * cols}[self.encoding]
        codes = rng.choice(3, size=(rows, cols), p=[0.31, 0.38, 0.31])
        if self.encoding in ("q2_0", "pq2_0"):
            codes[rng.random((rows, cols)) < 0.02] = 3
        base = gain * np.sqrt(1.6 / cols)
        count = rows * cols // group
        scales = (base * rng.uniform(0.6, 1.4, size=count)).astype(np.float16).astype(np.float32)
        if self.encoding == "i2_s":
            scales = np.array([np.float32(base * rng.uniform(0.8, 1.2))], np.float32)
        values = ((codes.reshape(count, group) - 1) * scales[:, None]).reshape(rows, cols).astype(np.float32)
        if self.encoding == "q2_0":
            kind, data = Q2_0, two_bit(codes, scales, 64)
        elif self.encoding == "pq2_0":
            kind, data = PQ2_0, two_bit(codes, scales, 128)
        elif self.encoding == "i2_s":
            kind, data = I2_S, i2_s(codes, scales[0])
        else:
            kind, which = {"tq1_0": (TQ1_0, Q.TQ1_0), "tq2_0": (TQ2_0, Q.TQ2_0)}[self.encoding]
            data = quantize(values, which).tobytes()
        self.tensors.append((name, (rows, cols), kind, data))
        return values

    def vector(self, name, size, mean=1.0, spread=0.2):
        values = (mean + spread * self.rng.standard_normal(size)).astype(np.float32)
        self.tensors.append((name, (size,), F32, values.tobytes()))
        return values

    def half(self, name, rows, cols, gain=1.0):
        values = (gain / np.sqrt(cols) * self.rng.standard_normal((rows, cols))).astype(np.float16)
        self.tensors.append((name, (rows, cols), F16, values.tobytes()))
        return values.astype(np.float32)
