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
    {"q4_0", 3490, 0xCFD93DC5},
    {"q4_1", 3061, 0xB9091647},
    {"q5_0", 4127, 0xB133B44F},
    {"q5_1", 3618, 0x3D0EC64F},
    {"q8_0", 6530, 0xE27C6506},
    {"q2_k", 10083, 0x3C0DD874},
    {"q3_k", 17052, 0xC044AC5E},
    {"q4_k", 20589, 0xAB2B2D56},
    {"q5_k", 25178, 0x9BD7A421},
    {"q6_k", 31907, 0x89B58E5C},
    {"iq4_nl", 3583, 0x93ECBB0C},
    {"iq4_xs", 22119, 0x1ADD0ABE},
    {"mxfp4", 3946, 0xFE161241},
    {"bytes", 126, 0xFEC64E3B},
    {"q4_k with ranks", 12270, 0x304668E5},
    {"iq4_nl with ranks", 4317, 0xCB296E3A},
};

// Of BlockModel: blocks of each dtype from weights of another.
constexpr ModelPin kWeightPins[] = {
    {"q2_k", 3163, 0x85AEDF84},   {"q3_k", 4296, 0x79FB912A}, {"q4_k", 4458, 0x21D87121},
    {"q5_k", 5323, 0x82C913FA},   {"q6_k", 7508, 0x659999D6}, {"iq4_nl", 697, 0xD78C59B7},
    {"iq4_xs", 4574, 0xF28F1745}, {"mxfp4", 597, 0xDB5D7D00},
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
    {"i8", 5997, 0x2B710E64},   {"u8", 6000, 0x7AE11EAD},   {"i16", 8682, 0xDAA34264},
    {"u16", 8721, 0xC6EB7261},  {"i32", 12394, 0x01A6162B}, {"u32", 12761, 0xB7A07CC5},
    {"i64", 25492, 0x7C5BF180}, {"u64", 25492, 0x7C5BF180}, {"f16", 7476, 0x0B574788},
    {"bf16", 6706, 0x582E4CF8}, {"f32", 15201, 0x3D5FBBC0}, {"f64", 22670, 0xA5B1B0B7},
};

}  // namespace mallorn::test
