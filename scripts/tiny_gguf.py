"""The GGUF models of tests/vectors/models, and their old/new pairs."""

from model_writers.gguf import (ARRAY, BLOCK_TYPES, BOOL, F32, F64, I8, I16, I32, I64,
                                PLAIN_TYPES, STRING, U8, U16, U32, U64, GgufWriter,
                                make_blocks, nudge_blocks)
from model_writers.values import Made, Rng, Stored, bf16, nudge, pack, quantise

INTEGER_CODES = {"I8": "b", "I16": "h", "I32": "i", "I64": "q"}


def payload(name: str, type: str, elements: int, order: str = "<", moved: bool = False) -> bytes:
    """Data of one tensor, seeded by its name; `moved` is the slightly changed new version."""
    if type in BLOCK_TYPES:
        blocks = make_blocks(type, elements // BLOCK_TYPES[type].block, name, order)
        return nudge_blocks(type, blocks, name + " moved") if moved else blocks
    values = Rng(name).weights(elements)
    if moved:
        values = nudge(values, name + " moved")
    if type == "BF16":
        return bf16(values, order)
    if type in INTEGER_CODES:
        return pack(INTEGER_CODES[type], quantise(values, -128, 127), order)
    return pack({"F32": "f", "F16": "e", "F64": "d"}[type], values, order)


def type_id(type: str) -> int:
    return BLOCK_TYPES[type].id if type in BLOCK_TYPES else PLAIN_TYPES[type]


def add(writer: GgufWriter, made: list[Stored], name: str, type: str, *dims: int,
        seed: str = "", moved: bool = False) -> None:
    elements = 1
    for dim in dims:
        elements *= dim
    data = payload(seed or name, type, elements, writer.order, moved)
    writer.tensor(name, type_id(type), list(dims), data)
    made.append(Stored(name, type, dims, data))


def architecture(writer: GgufWriter, template: str = "{{ messages }}") -> None:
    """The keys that every language model carries, cut short."""
    writer.key("general.architecture", STRING, "llama")
    writer.key("general.name", STRING, "mallorn tiny")
    writer.key("llama.block_count", U32, 1)
    writer.key("llama.rope.freq_base", F32, 10000.0)
    writer.key("tokenizer.ggml.tokens", ARRAY, (STRING, ["<s>", "</s>", "a", "b", "é"]))
    writer.key("tokenizer.ggml.scores", ARRAY, (F32, [0.0, -1.0, -2.5, -3.0, -4.0]))
    writer.key("tokenizer.chat_template", STRING, template)


def all_types(moved: bool = False) -> Made:
    """Every value type and every tensor type of known size."""
    writer, made = GgufWriter(), []
    architecture(writer)
    for name, type, value in (
            ("u8", U8, 200), ("i8", I8, -100), ("u16", U16, 60000), ("i16", I16, -30000),
            ("u32", U32, 4000000000), ("i32", I32, -2000000000), ("f32", F32, 0.5),
            ("bool", BOOL, 1), ("string", STRING, "text"), ("u64", U64, 1 << 63),
            ("i64", I64, -1 << 62), ("f64", F64, 0.25)):
        writer.key("test." + name, type, value)
        writer.key(f"test.{name}_array", ARRAY, (type, [value] * 3))
    for type in PLAIN_TYPES:
        add(writer, made, f"plain.{type.lower()}.weight", type, 24, 2, moved=moved)
    for type, layout in BLOCK_TYPES.items():
        row = 256 if layout.block == 256 else 4 * layout.block
        add(writer, made, f"blk.0.{type.lower()}.weight", type, row, 1, moved=moved)
    return Made(writer.build(), made)


def small(version: int = 3, order: str = "<", alignment: int = 32) -> Made:
    """A few tensors whose sizes are no multiple of any alignment."""
    writer, made = GgufWriter(version, order, alignment), []
    architecture(writer)
    add(writer, made, "token_embd.weight", "F16", 33, 5)
    add(writer, made, "blk.0.attn_q.weight", "Q4_0", 64, 3)
    add(writer, made, "blk.0.attn_norm.weight", "F32", 13)
    add(writer, made, "blk.0.ffn_up.weight", "Q8_0", 32, 3)
    add(writer, made, "blk.0.ids", "I8", 7)
    add(writer, made, "output.weight", "BF16", 9, 3)
    return Made(writer.build(), made)


def unknown_type() -> Made:
    """Types without a known size, each running to the next offset; the last to the end."""
    writer, made = GgufWriter(), []
    architecture(writer)
    add(writer, made, "before", "F32", 16)
    for unknown, size in ((4, 64), (31, 160), (99, 96)):
        name = f"unknown.{unknown}"
        data = Rng(name).bytes(size)
        writer.tensor(name, unknown, [32, 2], data)
        made.append(Stored(name, str(unknown), (32, 2), data, "unknown"))
        add(writer, made, f"after.{unknown}", "F16", 16)
    data = Rng("last").bytes(128)
    writer.tensor("last", 1000, [64], data)
    made.append(Stored("last", "1000", (64,), data, "unknown"))
    return Made(writer.build(), made)


def duplicate_names() -> Made:
    writer, made = GgufWriter(), []
    architecture(writer)
    for occurrence in ("first", "second", "third"):
        add(writer, made, "blk.0.attn_q.weight", "Q4_0", 64, 2, seed=occurrence)
    add(writer, made, "output.weight", "F16", 40)
    return Made(writer.build(), made)


def no_tensors() -> Made:
    """Metadata alone, as tokenizer files are; nothing aligns the end."""
    writer = GgufWriter()
    architecture(writer)
    return Made(writer.build())


def nested_arrays() -> Made:
    writer, made = GgufWriter(), []
    architecture(writer)
    words = (STRING, ["x", "", "long enough to notice"])
    writer.key("test.matrix", ARRAY, (ARRAY, [(I32, [1, 2, 3]), (I32, []), (I32, [4])]))
    writer.key("test.mixed", ARRAY, (ARRAY, [words, (U8, [1, 2]), (ARRAY, [words])]))
    writer.key("test.empty", ARRAY, (STRING, []))
    add(writer, made, "output.weight", "F32", 20)
    return Made(writer.build(), made)


def odd_order() -> Made:
    """Legal for some readers only: offsets not in info order, junk as padding, two tensors
    on the same bytes, an empty tensor, a scalar, bytes after the last tensor."""
    writer, made = GgufWriter(pad=b"\xa5"), []
    architecture(writer)
    names = ["c.weight", "a.weight", "b.weight"]
    data = {name: payload(name, "F32", 21) for name in names}
    offsets = {name: writer.append(data[name]) for name in sorted(names)}
    for name in names:
        writer.info(name, type_id("F32"), [7, 3], offsets[name])
        made.append(Stored(name, "F32", (7, 3), data[name]))
    writer.info("a.tied", type_id("F32"), [21], offsets["a.weight"])
    made.append(Stored("a.tied", "F32", (21,), data["a.weight"]))
    writer.info("empty", type_id("F32"), [0, 8], offsets["b.weight"])
    scalar = pack("f", [0.7071])
    writer.tensor("scalar", type_id("F32"), [], scalar)
    made.append(Stored("scalar", "F32", (), scalar))
    return Made(writer.build(pad_end=False) + b"bytes that belong to no tensor", made)


def shard(number: int) -> Made:
    """Shard `number` (from 0) of three: metadata first, then two tensors each."""
    writer, made = GgufWriter(), []
    if number == 0:
        architecture(writer)
    writer.key("split.no", U16, number)
    writer.key("split.count", U16, 3)
    writer.key("split.tensors.count", I32, 4)
    if number > 0:
        add(writer, made, f"blk.{number}.attn_q.weight", "Q4_0", 64, 2)
        add(writer, made, f"blk.{number}.attn_norm.weight", "F32", 11)
    return Made(writer.build(), made)


LAYERS = (("token_embd.weight", "Q8_0", 64, 4), ("blk.0.attn_norm.weight", "F32", 30),
          ("blk.0.attn_q.weight", "Q4_K", 256, 2), ("blk.0.ffn_down.weight", "Q6_K", 256, 1),
          ("blk.0.ffn_up.weight", "Q4_0", 64, 3), ("output.weight", "F16", 50, 2))


def layers(order: tuple[int, ...] = (0, 1, 2, 3, 4, 5), template: str = "{{ messages }}",
           rename: bool = False, extra_rows: int = 0, retype: bool = False) -> Made:
    """The base of the pairs, with one thing changed."""
    writer, made = GgufWriter(), []
    architecture(writer, template)
    for index in order:
        name, type, *dims = LAYERS[index]
        seed = name
        if rename:
            name = name.replace("blk.0.", "model.layers.0.").replace("token_embd", "embed")
        if index == 0:
            dims[1] += extra_rows  # rows come last, so the old rows stay a prefix
        if retype and type == "Q4_K":
            type = "Q6_K"
        add(writer, made, name, type, *dims, seed=seed)
    return Made(writer.build(), made)


def converted(is_new: bool) -> Made:
    """Float types that change; the values of one tensor as well."""
    writer, made = GgufWriter(), []
    architecture(writer)
    for name, old, new, *dims in (
            ("token_embd.weight", "F32", "F16", 50, 6), ("blk.0.attn_q.weight", "F64", "BF16", 64, 3),
            ("blk.0.ffn_up.weight", "BF16", "F32", 40, 4), ("output.weight", "F32", "F16", 50, 2)):
        add(writer, made, name, new if is_new else old, *dims,
            moved=is_new and name == "output.weight")
    return Made(writer.build(), made)


LONG_TEMPLATE = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"


def models() -> dict[str, Made]:
    made = {
        "v1.gguf": small(version=1), "v2.gguf": small(version=2), "v3.gguf": small(),
        "big-endian.gguf": small(order=">"), "align8.gguf": small(alignment=8),
        "align64.gguf": small(alignment=64), "unknown-type.gguf": unknown_type(),
        "duplicate-names.gguf": duplicate_names(), "no-tensors.gguf": no_tensors(),
        "nested-arrays.gguf": nested_arrays(), "odd-order.gguf": odd_order(),
        "all-types.old.gguf": all_types(), "all-types.new.gguf": all_types(moved=True),
    }
    made["converted.old.gguf"], made["converted.new.gguf"] = converted(False), converted(True)
    for number in range(3):
        made[f"split-{number + 1:05}-of-00003.gguf"] = shard(number)
    for name, new in (("template", layers(template=LONG_TEMPLATE)),
                      ("reordered", layers(order=(5, 1, 0, 2, 4, 3))),
                      ("renamed", layers(rename=True)), ("grown", layers(extra_rows=2)),
                      ("retyped", layers(retype=True))):
        made[f"{name}.old.gguf"], made[f"{name}.new.gguf"] = layers(), new
    return made
