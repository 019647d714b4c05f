"""ONNX messages by name, each returned as the bytes of its content (without its own tag).

Wrap with `protobuf.data(FIELD, content)` to put one message into another.
"""

from model_writers import protobuf as pb

TYPES = {"FLOAT": 1, "UINT8": 2, "INT8": 3, "UINT16": 4, "INT16": 5, "INT32": 6, "INT64": 7,
         "STRING": 8, "BOOL": 9, "FLOAT16": 10, "DOUBLE": 11, "UINT32": 12, "UINT64": 13,
         "COMPLEX64": 14, "COMPLEX128": 15, "BFLOAT16": 16, "FLOAT8E4M3FN": 17,
         "FLOAT8E4M3FNUZ": 18, "FLOAT8E5M2": 19, "FLOAT8E5M2FNUZ": 20, "UINT4": 21,
         "INT4": 22, "FLOAT4E2M1": 23, "FLOAT8E8M0": 24, "UINT2": 25, "INT2": 26}

# Field numbers of what contains tensors.
MODEL_GRAPH, MODEL_TRAINING, MODEL_FUNCTIONS = 7, 20, 25
GRAPH_NODE, GRAPH_NAME, GRAPH_INITIALIZER, GRAPH_SPARSE = 1, 2, 5, 15
NODE_ATTRIBUTE, ATTRIBUTE_TENSOR, ATTRIBUTE_GRAPH, ATTRIBUTE_SPARSE = 5, 5, 6, 22
(TENSOR_DIMS, TENSOR_TYPE, TENSOR_SEGMENT, FLOAT_DATA, INT32_DATA, STRING_DATA, INT64_DATA,
 TENSOR_NAME, RAW_DATA, DOUBLE_DATA, UINT64_DATA, TENSOR_DOC, EXTERNAL_DATA,
 DATA_LOCATION) = range(1, 15)


def entry(key: str, value: str | bytes) -> bytes:
    return pb.data(1, key) + pb.data(2, value)


def tensor_head(name: str | bytes, type: str, dims: list[int]) -> bytes:
    return (b"".join(pb.integer(TENSOR_DIMS, dim) for dim in dims)
            + pb.integer(TENSOR_TYPE, TYPES[type]) + pb.data(TENSOR_NAME, name))


def raw_tensor(name: str | bytes, type: str, dims: list[int], raw: bytes,
               doc: str = "") -> bytes:
    return (tensor_head(name, type, dims) + pb.data(RAW_DATA, raw)
            + (pb.data(TENSOR_DOC, doc) if doc else b""))


def external_tensor(name: str, type: str, dims: list[int],
                    entries: list[tuple[str, str | bytes]]) -> bytes:
    return (tensor_head(name, type, dims)
            + b"".join(pb.data(EXTERNAL_DATA, entry(*pair)) for pair in entries)
            + pb.integer(DATA_LOCATION, 1))


def sparse_tensor(values: bytes, indices: bytes, dims: list[int]) -> bytes:
    return (pb.data(1, values) + pb.data(2, indices)
            + b"".join(pb.integer(3, dim) for dim in dims))


def value_info(name: str, type: str, dims: list[int]) -> bytes:
    shape = b"".join(pb.data(1, pb.integer(1, dim)) for dim in dims)
    tensor_type = pb.integer(1, TYPES[type]) + pb.data(2, shape)
    return pb.data(1, name) + pb.data(2, pb.data(1, tensor_type))


def attribute(name: str, type: int, content: bytes) -> bytes:
    """`content` holds the value field; `type` is AttributeProto.AttributeType."""
    return pb.data(1, name) + content + pb.integer(20, type)


def tensor_attribute(name: str, tensor: bytes) -> bytes:
    return attribute(name, 4, pb.data(ATTRIBUTE_TENSOR, tensor))


def graph_attribute(name: str, graph: bytes) -> bytes:
    return attribute(name, 5, pb.data(ATTRIBUTE_GRAPH, graph))


def sparse_attribute(name: str, sparse: bytes) -> bytes:
    return attribute(name, 11, pb.data(ATTRIBUTE_SPARSE, sparse))


def node(op: str, inputs: list[str], outputs: list[str], attributes: list[bytes] = [],
         domain: str = "", name: str = "", doc: str = "") -> bytes:
    return (b"".join(pb.data(1, input) for input in inputs)
            + b"".join(pb.data(2, output) for output in outputs)
            + (pb.data(3, name) if name else b"") + pb.data(4, op)
            + b"".join(pb.data(NODE_ATTRIBUTE, content) for content in attributes)
            + (pb.data(6, doc) if doc else b"") + (pb.data(7, domain) if domain else b""))


def graph(name: str, nodes: list[bytes], initializers: list[bytes] = [],
          inputs: list[bytes] = [], outputs: list[bytes] = [], sparse: list[bytes] = [],
          doc: str = "") -> bytes:
    parts = [pb.data(GRAPH_NODE, content) for content in nodes]
    parts.append(pb.data(GRAPH_NAME, name))
    parts += [pb.data(GRAPH_INITIALIZER, content) for content in initializers]
    parts.append(pb.data(10, doc) if doc else b"")
    parts += [pb.data(11, content) for content in inputs]
    parts += [pb.data(12, content) for content in outputs]
    parts += [pb.data(GRAPH_SPARSE, content) for content in sparse]
    return b"".join(parts)


def opset(domain: str, version: int) -> bytes:
    return (pb.data(1, domain) if domain else b"") + pb.integer(2, version)


def model(graph: bytes, ir_version: int = 8, producer: str = "mallorn", version: str = "1",
          domains: list[str] = [], properties: dict[str, str] = {}, doc: str = "",
          functions: list[bytes] = [], training: list[bytes] = [], opset_version: int = 17
          ) -> bytes:
    return (pb.integer(1, ir_version) + pb.data(2, producer) + pb.data(3, version)
            + (pb.data(6, doc) if doc else b"") + pb.data(MODEL_GRAPH, graph)
            + pb.data(8, opset("", opset_version))
            + b"".join(pb.data(8, opset(domain, 1)) for domain in domains)
            + b"".join(pb.data(14, entry(*pair)) for pair in properties.items())
            + b"".join(pb.data(MODEL_TRAINING, content) for content in training)
            + b"".join(pb.data(MODEL_FUNCTIONS, content) for content in functions))
