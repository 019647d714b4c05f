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
    {"numbers", 2363, 0xA92E7072},    {"steps", 1422, 0xEA38A862},
    {"zeros", 1, 0x0D6B8303},         {"noise", 1013, 0xFFA808FF},
    {"text", 2388, 0xEA6AB683},       {"edited base", 256, 0x4E62FC69},
    {"moved words", 332, 0xC26CF863}, {"derived", 800, 0xE56301DA},
};

// Of BlockModel: blocks of each dtype, then bytes of one that is not whole, and
// pieces with ranks.
constexpr ModelPin kBlockPins[] = {
    {"q4_0", 3446, 0xAE285935},
    {"q4_1", 2992, 0x72EE3F9E},
    {"q5_0", 4085, 0x5199B2D9},
    {"q5_1", 3547, 0xF821E2BD},
    {"q8_0", 6483, 0xD748F941},
    {"q2_k", 9995, 0xE2529D33},
    {"q3_k", 16927, 0x0B47F727},
    {"q4_k", 20443, 0x3BE811BB},
    {"q5_k", 24992, 0xEBC283D6},
    {"q6_k", 31681, 0x77AB5F39},
    {"iq4_nl", 3537, 0x38CB67E0},
    {"iq4_xs", 22100, 0x3BC523FF},
    {"mxfp4", 3921, 0xB0D1EEA1},
    {"bytes", 126, 0x2A102CC2},
    {"q4_k with ranks", 12210, 0x25E5407A},
    {"iq4_nl with ranks", 4291, 0xCE9382FC},
};

// Of BlockModel: blocks of each dtype from weights of another.
constexpr ModelPin kWeightPins[] = {
    {"q2_k", 3125, 0x6AD2D4D3},   {"q3_k", 4260, 0x03D1F282}, {"q4_k", 4416, 0xBE6AD71D},
    {"q5_k", 5275, 0x18E2B8E5},   {"q6_k", 7466, 0xE12E6303}, {"iq4_nl", 695, 0xE9638A5E},
    {"iq4_xs", 4568, 0x77DEB1DC}, {"mxfp4", 583, 0x54D3D776},
};

// Of MaskModel: a mask; two, of which the second follows the first; one full, one empty.
constexpr ModelPin kMaskPins[] = {
    {"one", 465, 0x398D2E83},
    {"two", 697, 0x2DF70B19},
    {"full and empty", 8, 0x9E512DB9},
};

// Of MixedModel: floats that follow a base and one another, codes of which most are zero,
// extremes, integers.
constexpr ModelPin kMixedPins[] = {
    {"floats", 5901, 0x6F96830E},
    {"zeros", 1155, 0x6412CF7F},
    {"extremes", 2575, 0xCC4B7FE3},
    {"integers", 1151, 0x39923FA9},
};

// Of ResidualModel: sizes that follow exponents, sizes that do not, extremes.
constexpr ModelPin kResidualPins[] = {
    {"trained", 4837, 0x1176D6D8},
    {"mixed", 2253, 0x728F9C58},
    {"extremes", 2705, 0x46CCB574},
};

// Of ValueModel: pieces of each dtype.
constexpr ModelPin kValuePins[] = {
    {"i8", 5994, 0x421BE709},   {"u8", 5996, 0xD4B4E752},   {"i16", 8683, 0xEA01160E},
    {"u16", 8719, 0x6A4B43D0},  {"i32", 12387, 0x6BD8DC03}, {"u32", 12757, 0xCB19DA7A},
    {"i64", 25486, 0xB1969B95}, {"u64", 25486, 0xB1969B95}, {"f16", 7486, 0xFFD5E25C},
    {"bf16", 6693, 0x6859BF88}, {"f32", 15214, 0x51A040C9}, {"f64", 22670, 0x4320669D},
};

}  // namespace mallorn::test
