"""TFLite tables by name: the slots of the schema (version 3d) that the models use."""

from model_writers.flatbuffer import Blob, Refs, Scalar, Table, Text, Vector

TYPES = {"FLOAT32": 0, "FLOAT16": 1, "INT32": 2, "UINT8": 3, "INT64": 4, "STRING": 5,
         "BOOL": 6, "INT16": 7, "COMPLEX64": 8, "INT8": 9, "FLOAT64": 10, "COMPLEX128": 11,
         "UINT64": 12, "RESOURCE": 13, "VARIANT": 14, "UINT32": 15, "UINT16": 16, "INT4": 17,
         "BFLOAT16": 18, "INT2": 19, "UINT4": 20, "FLOAT8_E4M3FN": 21, "FLOAT8_E5M2": 22}
ADD, CONV_2D, FULLY_CONNECTED, CUSTOM, IF, CALL_ONCE = 0, 3, 9, 32, 118, 129

# Slots that the hostile generator falsifies.
MODEL_SUBGRAPHS, MODEL_BUFFERS, SUBGRAPH_TENSORS = 2, 4, 0
TENSOR_BUFFER, TENSOR_NAME, BUFFER_DATA, BUFFER_OFFSET, BUFFER_SIZE = 2, 3, 0, 1, 2


def u32(value: int) -> Scalar:
    return Scalar("I", value)


def i32(value: int) -> Scalar:
    return Scalar("i", value)


def u64(value: int) -> Scalar:
    return Scalar("Q", value)


def ints(values: list[int]) -> Vector:
    return Vector("i", values)


def buffer(data: bytes | None = None, offset: int | None = None,
           size: int | None = None) -> Table:
    return Table({0: None if data is None else Blob(data, align=16),
                  1: None if offset is None else u64(offset),
                  2: None if size is None else u64(size)})


def quantisation(scales: list[float], zero_points: list[int], axis: int = 0) -> Table:
    return Table({2: Vector("f", scales), 3: Vector("q", zero_points),
                  6: i32(axis) if axis else None})


def blockwise(scales: int, zero_points: int, block_size: int) -> Table:
    """Scales live in another tensor, named by its index."""
    details = Table({0: i32(scales), 1: i32(zero_points), 2: i32(block_size)})
    return Table({4: Scalar("B", 2), 5: details})


def csr_sparsity(rows: int, segments: list[int], indices: list[int]) -> Table:
    """Dense rows, compressed columns; segments as u16 and indices as u8 vectors."""
    dense = Table({1: i32(rows)})
    columns = Table({0: Scalar("b", 1), 2: Scalar("B", 2), 3: Table({0: Vector("H", segments)}),
                     4: Scalar("B", 3), 5: Table({0: Blob(bytes(indices))})})
    return Table({0: ints([0, 1]), 2: Refs([dense, columns])})


def tensor(name: str | bytes, type: str, shape: list[int] | None, buffer_index: int = 0,
           quantization: Table | None = None, sparsity: Table | None = None,
           signature: list[int] | None = None, external_buffer: int = 0) -> Table:
    return Table({
        0: None if shape is None else ints(shape),
        1: Scalar("b", TYPES[type]) if TYPES[type] else None,
        2: u32(buffer_index) if buffer_index else None,
        3: Text(name), 4: quantization, 6: sparsity,
        7: None if signature is None else ints(signature),
        8: Scalar("B", 1) if shape is not None else None,
        10: u32(external_buffer) if external_buffer else None})


def operator_code(builtin: int, custom: str | None = None) -> Table:
    """Codes above 127 do not fit the old byte field, which then holds 127."""
    return Table({0: Scalar("b", min(builtin, 127)), 1: Text(custom) if custom else None,
                  2: i32(1), 3: i32(builtin)})


def operator(code: int, inputs: list[int], outputs: list[int], options_type: int = 0,
             options: Table | None = None, custom_options: bytes | None = None,
             large_offset: int | None = None, large_size: int | None = None) -> Table:
    return Table({
        0: u32(code), 1: ints(inputs), 2: ints(outputs),
        3: Scalar("B", options_type) if options_type else None, 4: options,
        5: None if custom_options is None else Blob(custom_options),
        9: None if large_offset is None else u64(large_offset),
        10: None if large_size is None else u64(large_size)})


def subgraph(tensors: list[Table], inputs: list[int], outputs: list[int],
             operators: list[Table], name: str) -> Table:
    return Table({0: Refs(tensors), 1: ints(inputs), 2: ints(outputs), 3: Refs(operators),
                  4: Text(name)})


def metadata(name: str, buffer_index: int) -> Table:
    return Table({0: Text(name), 1: u32(buffer_index)})


def signature(key: str, inputs: dict[str, int], outputs: dict[str, int],
              subgraph_index: int = 0) -> Table:
    def tensor_maps(names: dict[str, int]) -> Refs:
        return Refs([Table({0: Text(name), 1: u32(at)}) for name, at in names.items()])
    return Table({0: tensor_maps(inputs), 1: tensor_maps(outputs), 2: Text(key),
                  4: u32(subgraph_index)})


def external_buffer(id: int, group: int, offset: int, length: int, packing: str) -> Table:
    return Table({0: u32(id), 1: u32(group), 2: u64(offset), 3: u64(length),
                  4: Text(packing)})


def model(codes: list[Table], subgraphs: list[Table], buffers: list[Table],
          description: str = "mallorn tiny", metadata_entries: list[Table] | None = None,
          signatures: list[Table] | None = None, groups: list[str | bytes] | None = None,
          external_buffers: list[Table] | None = None,
          metadata_buffer: list[int] | None = None) -> Table:
    return Table({
        0: u32(3), 1: Refs(codes), 2: Refs(subgraphs), 3: Text(description), 4: Refs(buffers),
        5: None if metadata_buffer is None else ints(metadata_buffer),
        6: Refs(metadata_entries) if metadata_entries else None,
        7: Refs(signatures) if signatures else None,
        8: Refs([Table({0: Text(name)}) for name in groups]) if groups else None,
        9: Refs(external_buffers) if external_buffers else None})
