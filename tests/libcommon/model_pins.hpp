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
    {"numbers", 2363, 0x825BE64B},    {"steps", 1422, 0x29BD0889},
    {"zeros", 2, 0x2BD45F9B},         {"noise", 1013, 0x2A676804},
    {"text", 2363, 0x4FE70B7D},       {"edited base", 250, 0x5412EE18},
    {"moved words", 323, 0x3EC5246C}, {"grown numbers", 22, 0x6C73AA7D},
    {"derived", 801, 0x0F137C0B},
};

// Of BlockModel: blocks of each dtype, then bytes of one that is not whole, and
// pieces with ranks.
constexpr ModelPin kBlockPins[] = {
    {"q4_0", 3490, 0x19C85C28},
    {"q4_1", 3061, 0x4D81AA91},
    {"q5_0", 4127, 0x8B5EC945},
    {"q5_1", 3618, 0x2A22BCEA},
    {"q8_0", 6530, 0xC0FCA961},
    {"q2_k", 10083, 0x11EB09D6},
    {"q3_k", 17051, 0xAC9E9CBC},
    {"q4_k", 20589, 0xE0A99817},
    {"q5_k", 25177, 0x07437DD8},
    {"q6_k", 31907, 0xDDA05786},
    {"iq4_nl", 3583, 0x3C5A85A6},
    {"iq4_xs", 22119, 0x01228B0F},
    {"mxfp4", 3946, 0x2B4F6991},
    {"bytes", 126, 0x90498BDD},
    {"q4_k with ranks", 12270, 0x606FC46C},
    {"iq4_nl with ranks", 4317, 0x9FB55537},
};

// Of BlockModel: blocks of each dtype from weights of another.
constexpr ModelPin kWeightPins[] = {
    {"q2_k", 3163, 0xBECD702B},   {"q3_k", 4296, 0xCA3F0B7D}, {"q4_k", 4458, 0x38125CC7},
    {"q5_k", 5323, 0x64B45530},   {"q6_k", 7508, 0x8B9C6B33}, {"iq4_nl", 697, 0xE8A86EF4},
    {"iq4_xs", 4574, 0xCA1DD0D5}, {"mxfp4", 597, 0x8A0CE7F1},
};

// Of MaskModel: a mask; two, of which the second follows the first; one full, one empty.
constexpr ModelPin kMaskPins[] = {
    {"one", 466, 0x7A70043B},
    {"two", 697, 0x19169D66},
    {"full and empty", 8, 0xBBD3B3FD},
};

// Of MixedModel: floats that follow a base and one another, codes of which most are zero,
// extremes, integers.
constexpr ModelPin kMixedPins[] = {
    {"floats", 5901, 0x917448E2},
    {"zeros", 1156, 0x05FD6E12},
    {"extremes", 2575, 0xE45C2668},
    {"integers", 1151, 0x5A767005},
};

// Of ResidualModel: sizes that follow exponents, sizes that do not, extremes.
constexpr ModelPin kResidualPins[] = {
    {"trained", 4838, 0xF537A3FE},
    {"mixed", 2253, 0xD219DBE2},
    {"extremes", 2706, 0x7A2613C9},
};

// Of ValueModel: pieces of each dtype.
constexpr ModelPin kValuePins[] = {
    {"i8", 5997, 0x941E9702},   {"u8", 6000, 0x02A0D754},   {"i16", 8681, 0xBA403F6C},
    {"u16", 8720, 0xC784FA1F},  {"i32", 12394, 0x51C6E7A6}, {"u32", 12760, 0xD63A9A68},
    {"i64", 25492, 0x0DCE9DE5}, {"u64", 25492, 0x0DCE9DE5}, {"f16", 7494, 0xEBCA0731},
    {"bf16", 6751, 0x4151DA09}, {"f32", 14759, 0x6559DAD0}, {"f64", 22669, 0xA4E305CE},
};

}  // namespace mallorn::test
