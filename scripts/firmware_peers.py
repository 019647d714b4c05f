"""What libraries of others take of a Cortex-M0+, compiled as the firmware is: code, memory and stack.

They apply patches, or decompress what patches are compressed with: none of them checks a digest or a
signature, or has slots. Sources are read from a folder with a clone of each.
"""
import dataclasses
import re
import subprocess
import tempfile
from pathlib import Path

from firmware_stack import Graph

FLAGS = ["-Os", "-ffunction-sections", "-fdata-sections", "-fcallgraph-info=su", "-DNDEBUG", "-w"]


@dataclasses.dataclass(frozen=True)
class Peer:
    name: str
    sources: tuple   # below the folder
    roots: tuple     # functions that an application calls
    struct: str      # what it keeps for an update
    header: str      # where that is
    flags: tuple = ()
    includes: tuple = ()
    text: str = ""   # of a source, where all is in a header
    beside: str = ""  # what the application gives beside `struct`


PEERS = [
    Peer("HPatchLite", ("HDiffPatch/libHDiffPatch/HPatchLite/hpatch_lite.c",),
         ("hpatch_lite_open", "hpatch_lite_patch"), "hpatchi_listener_t",
         "HDiffPatch/libHDiffPatch/HPatchLite/hpatch_lite.h", beside="a cache"),
    Peer("tinyuz", ("tinyuz/decompress/tuz_dec.c",),
         ("tuz_TStream_open", "tuz_TStream_decompress_partial"), "tuz_TStream",
         "tinyuz/decompress/tuz_dec.h", beside="dictionary and cache"),
    Peer("heatshrink", ("heatshrink/heatshrink_decoder.c",),
         ("heatshrink_decoder_reset", "heatshrink_decoder_sink", "heatshrink_decoder_poll",
          "heatshrink_decoder_finish"), "heatshrink_decoder", "heatshrink/heatshrink_decoder.h",
         flags=("-DHEATSHRINK_DYNAMIC_ALLOC=0",)),
    Peer("detools, with heatshrink", ("detools/c/detools.c", "detools/c/heatshrink/heatshrink_decoder.c"),
         ("detools_apply_patch_init", "detools_apply_patch_process", "detools_apply_patch_finalize"),
         "struct detools_apply_patch_t", "detools/c/detools.h",
         flags=("-DHEATSHRINK_DYNAMIC_ALLOC=0", "-DDETOOLS_CONFIG_FILE_IO=0",
                "-DDETOOLS_CONFIG_COMPRESSION_LZMA=0", "-DDETOOLS_CONFIG_COMPRESSION_CRLE=0",
                "-DDETOOLS_CONFIG_COMPRESSION_NONE=0"),
         includes=("detools/c/heatshrink",)),
    Peer("janpatch", (), ("apply",), "janpatch_ctx", "janpatch/janpatch.h",
         flags=("-DJANPATCH_STREAM=void", "-DJANPATCH_ERROR(...)="), text="int apply(janpatch_ctx* c, void* a, void* b, void* d) "
         "{ return janpatch(*c, a, b, d); }\n", beside="three buffers"),
]


def compile_source(target, peer, folder, source, made):
    subprocess.run([target.prefix + "gcc", *target.flags, *FLAGS, *peer.flags, f"-I{folder}",
                    *[f"-I{folder / path}" for path in peer.includes], "-c", source, "-o", made], check=True, cwd=made.parent)


def size_of(target, peer, folder, temporary):
    """sizeof(peer.struct), as the compiler has it."""
    source = temporary / "memory.c"
    source.write_text(f'#include <stdio.h>\n#include "{peer.header}"\n'
                      f"char size[sizeof({peer.struct})] = {{1}};\n", encoding="ascii")
    compile_source(target, peer, folder, source, temporary / "memory.o")
    symbols = subprocess.run([target.prefix + "nm", "-S", temporary / "memory.o"], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
    return int(re.search(r"^\w+ (\w+) \w size$", symbols, re.MULTILINE)[1], 16)


def measure_peer(target, peer, folder, link):
    """Code, memory, and the largest frame on the stack."""
    graph = Graph()
    with tempfile.TemporaryDirectory() as name:
        temporary = Path(name)
        sources = [folder / source for source in peer.sources]
        if peer.text:
            sources.append(temporary / "peer.c")
            sources[-1].write_text(f'#include <stdio.h>\n#include "{peer.header}"\n{peer.text}', encoding="ascii")
        objects = [temporary / f"{number}.o" for number in range(len(sources))]
        for source, made in zip(sources, objects):
            compile_source(target, peer, folder, source, made)
            graph.add(made.with_suffix(".ci").read_text(encoding="utf-8"), temporary)
        code, _ = link(target, temporary, objects, list(peer.roots))
        kept = subprocess.run([target.prefix + "nm", temporary / "size.elf"], check=True, text=True,
                              stdout=subprocess.PIPE).stdout
        frame = max(size for function, size in graph.frames.items()
                    if re.search(rf" {re.escape(function.split(':')[-1])}$", kept, re.MULTILINE))
        return code, size_of(target, peer, folder, temporary), frame


def print_peers(target, folder, link):
    """A table; `link` is linked() of firmware-size."""
    print("\n| on Cortex-M0+ | code, B | memory | largest frame |\n| --- | ---: | ---: | ---: |")
    for peer in PEERS:
        code, memory, frame = measure_peer(target, peer, folder, link)
        beside = f" and {peer.beside}" if peer.beside else ""
        print(f"| {peer.name} | {code:,} | {memory:,}{beside} | {frame:,} |")
