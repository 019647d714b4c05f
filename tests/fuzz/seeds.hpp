// What the makers of seeds share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mallorn::fuzz {

using Bytes = std::vector<uint8_t>;

// The folder that seeds go to, one folder per target in it; set by main().
extern std::string corpus;

void write(const std::string& target, const std::string& name, const Bytes& bytes);
void write(const std::string& target, const std::string& name, const std::string& text);

Bytes join(const std::vector<Bytes>& parts);
Bytes slice(const Bytes& bytes, size_t from, size_t length);
// The fixed base with a few bytes changed, some put in, some gone.
Bytes edited(Bytes bytes);

// Those of decoders and round trips of codecs.
void write_codec_seeds();
// Those for small devices.
void write_lite_seeds();
void write_firmware_seed();

}  // namespace mallorn::fuzz
