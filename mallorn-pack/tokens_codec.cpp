#include "mallorn-pack/tokens_codec.hpp"

#include <utility>

#include "libcommon/core/byte_writer.hpp"
#include "mallorn-pack/append_varint.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "mallorn-pack/token_blocks.hpp"
#include "mallorn-pack/token_elements.hpp"
#include "mallorn-pack/token_section.hpp"

namespace mallorn::pack {
namespace {

void append(ByteView bytes, std::vector<uint8_t>* to) {
  to->insert(to->end(), bytes.begin(), bytes.end());
}

std::vector<uint8_t> write_section(const TokenSection& section, TokenMethod method,
                                   TokenStreams streams) {
  std::vector<uint8_t> head;
  RangeEncoder coder(head);
  TokenHead model;
  model.code_method(coder, method);
  const ByteView result = section.result();
  for (const uint8_t byte : result.last(result.size() % section.type().bytes)) {
    model.code_byte(coder, byte);
  }
  if (method == TokenMethod::predicted) {
    model.code_group(coder, least_group(section.type().kind), section.shift());
    model.code_level(coder, section.common_level());
  }
  std::vector<std::vector<Frequencies>> frequencies;
  for (TokenList& list : streams.lists) {
    frequencies.push_back(list.frequencies());
    for (Frequencies& context : frequencies.back()) {
      (void)model.code_frequencies(coder, list.stream().tokens, &context);
    }
  }
  coder.finish();
  const std::vector<uint8_t> tokens = write_tokens(streams.lists, frequencies);
  std::vector<uint8_t> coded;
  coded.reserve(2 * kMaxVarintBytes + head.size() + tokens.size() +
                streams.raw.finished().size());
  append_varint(head.size(), &coded);
  append_varint(tokens.size(), &coded);
  append(head, &coded);
  append(tokens, &coded);
  append(streams.raw.finished(), &coded);
  return coded;
}

// Bits of which elements on their own need more: of floats, one byte is not as it is. Of
// others, nothing that resembles the base is smaller then.
uint64_t least_alone(const TokenSection& section) {
  const uint64_t bytes = section.type().bytes;
  const bool is_float = section.type().kind == TokenKind::floating;
  return section.elements() * (is_float ? 8 * (bytes - 1) : 4 * bytes);
}

std::vector<uint8_t> encode(TokenSection section) {
  const bool has_blocks = section.type().kind == TokenKind::blocks;
  if (!section.has_base()) {
    return write_section(section, TokenMethod::direct, direct_tokens(section));
  }
  TokenStreams streams = has_blocks ? block_tokens(&section) : difference_tokens(&section);
  if (!has_blocks && streams.cost() > least_alone(section)) {
    TokenStreams alone = direct_tokens(section);
    if (alone.cost() < streams.cost()) {
      return write_section(section, TokenMethod::direct, std::move(alone));
    }
  }
  return write_section(section, TokenMethod::predicted, std::move(streams));
}

}  // namespace

std::vector<uint8_t> encode_tokens(Dtype dtype, ByteView base, ByteView result,
                                   Instructions instructions) {
  TokenType type;
  if (!token_type(dtype, &type) || result.size() < type.bytes ||
      result.size() > kMaxTokenBytes) {
    return {};
  }
  return encode(TokenSection(dtype, type, base, result, instructions));
}

}  // namespace mallorn::pack
