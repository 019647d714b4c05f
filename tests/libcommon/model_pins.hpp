// What the models of libcommon/core make of fixed inputs. Every patch depends on these
// numbers: if they change, so does the format. A test that fails prints the lines that
// would be right now:
//
//     build/tests/libcommon/libcommon-test -tc='models: pinned*' | grep '{"'
#pragma once

#include <cstddef>
#include <cstdint>

namespace mallorn::test {

struct ModelPin {
  const char* input;
  size_t coded_bytes;
  uint32_t crc32c;  // of the coded bytes
};

constexpr ModelPin kModelPins[] = {
    {"numbers", 2363, 0x20C522CF},    {"steps", 1421, 0x36F1C182},
    {"zeros", 2, 0x2BD45F9B},         {"noise", 1013, 0x9F883384},
    {"text", 2363, 0x624FFB91},       {"edited base", 250, 0xCCDD4071},
    {"moved words", 323, 0xA307A044}, {"grown numbers", 22, 0xA07F6486},
    {"derived", 801, 0xC0ADF5E7},
};

// Of BlockModel: blocks of each dtype, then bytes of one that is not whole, and
// pieces with ranks.
constexpr ModelPin kBlockPins[] = {
    {"q4_0", 3446, 0x05DA538D},
    {"q4_1", 2992, 0x4277CF29},
    {"q5_0", 4087, 0x5D3AE92F},
    {"q5_1", 3548, 0xB5F48EE5},
    {"q8_0", 6484, 0xB4BB253D},
    {"q2_k", 9996, 0x73E0AE8F},
    {"q3_k", 16929, 0x028E106E},
    {"q4_k", 20444, 0xCCA6FA44},
    {"q5_k", 24993, 0xF5FA284C},
    {"q6_k", 31685, 0xB4D37373},
    {"iq4_nl", 3538, 0x94B03EBF},
    {"iq4_xs", 22102, 0x920AC35E},
    {"mxfp4", 3922, 0xC24FF564},
    {"bytes", 126, 0xFEC64E3B},
    {"q4_k with ranks", 12210, 0xD467141B},
    {"iq4_nl with ranks", 4292, 0x8CBB6414},
};

// Of BlockModel: blocks of each dtype from weights of another.
constexpr ModelPin kWeightPins[] = {
    {"q2_k", 3126, 0x6CBD7490},   {"q3_k", 4261, 0xCE130798}, {"q4_k", 4417, 0x9FAE2CD5},
    {"q5_k", 5276, 0x8324ADE9},   {"q6_k", 7468, 0xED04FF01}, {"iq4_nl", 696, 0x7214AD3F},
    {"iq4_xs", 4569, 0x833894C5}, {"mxfp4", 583, 0x52D61346},
};

// Of MaskModel: a mask; two, of which the second follows the first; one full, one empty.
constexpr ModelPin kMaskPins[] = {
    {"one", 465, 0xEE044417},
    {"two", 697, 0x93D9D59C},
    {"full and empty", 7, 0x2411890E},
};

// Of MixedModel: floats that follow a base and one another, codes of which most are zero,
// extremes, integers.
constexpr ModelPin kMixedPins[] = {
    {"floats", 5901, 0x9637FA56},
    {"zeros", 1156, 0x5C202695},
    {"extremes", 2575, 0x85C267B7},
    {"integers", 1151, 0x622379A5},
};

// Of ResidualModel: sizes that follow exponents, sizes that do not, extremes.
constexpr ModelPin kResidualPins[] = {
    {"trained", 4838, 0xF76F191E},
    {"mixed", 2253, 0xE1063BE6},
    {"extremes", 2706, 0x9DAE7193},
};

// Of ValueModel: pieces of each dtype.
constexpr ModelPin kValuePins[] = {
    {"i8", 5994, 0xBDFA50A0},   {"u8", 5996, 0x255ABE00},   {"i16", 8682, 0xDAA34264},
    {"u16", 8721, 0xC6EB7261},  {"i32", 12394, 0x01A6162B}, {"u32", 12761, 0xB7A07CC5},
    {"i64", 25492, 0x7C5BF180}, {"u64", 25492, 0x7C5BF180}, {"f16", 7476, 0x0B574788},
    {"bf16", 6706, 0x582E4CF8}, {"f32", 15201, 0x3D5FBBC0}, {"f64", 22670, 0xA5B1B0B7},
};

}  // namespace mallorn::test
