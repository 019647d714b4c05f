// AVX2: four vectors of eight states each take a turn together.
#include <immintrin.h>

#include "mallorn-apply/fast_tokens.hpp"

namespace mallorn::apply {
namespace {

constexpr size_t kLanes = 8;
constexpr size_t kVectors = kTokenStates / kLanes;
// Of words: a turn may look at this many bytes, of which it need not take all.
constexpr size_t kTurnBytes = 2 * kTokenStates;

// For each set of lanes: by lane, which of the next words is its, if it is in the set.
struct SpreadTable {
  alignas(8) uint8_t word[256][kLanes];
};

constexpr SpreadTable make_spread_table() {
  SpreadTable table{};
  for (unsigned set = 0; set < 256; ++set) {
    uint8_t next = 0;
    for (unsigned lane = 0; lane < kLanes; ++lane) {
      table.word[set][lane] = next;
      next = static_cast<uint8_t>(next + (set >> lane & 1u));
    }
  }
  return table;
}

constexpr SpreadTable kSpread = make_spread_table();

#define MALLORN_AVX2 __attribute__((target("avx2,popcnt"), always_inline)) inline

// One step of eight coders; returns their tokens.
MALLORN_AVX2 __m256i step(const uint32_t* slots, const uint8_t* contexts, __m256i* states,
                          const uint8_t** word) {
  const __m256i slot_mask = _mm256_set1_epi32(kFrequencyTotal - 1);
  const __m256i twelve_bits = _mm256_set1_epi32(0xFFF);
  const __m256i context =
      _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(contexts)));
  const __m256i index = _mm256_add_epi32(_mm256_slli_epi32(context, kFrequencyBits),
                                         _mm256_and_si256(*states, slot_mask));
  const __m256i entry =
      _mm256_i32gather_epi32(reinterpret_cast<const int*>(slots), index, 4);
  const __m256i frequency = _mm256_and_si256(entry, twelve_bits);
  const __m256i offset = _mm256_and_si256(_mm256_srli_epi32(entry, 12), twelve_bits);
  const __m256i state = _mm256_add_epi32(
      _mm256_mullo_epi32(frequency, _mm256_srli_epi32(*states, kFrequencyBits)), offset);
  const __m256i is_low =
      _mm256_cmpeq_epi32(_mm256_srli_epi32(state, 16), _mm256_setzero_si256());
  const auto low = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(is_low)));
  const __m256i words =
      _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(*word)));
  const __m256i order = _mm256_cvtepu8_epi32(
      _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kSpread.word[low])));
  const __m256i filled = _mm256_or_si256(_mm256_slli_epi32(state, 16),
                                         _mm256_permutevar8x32_epi32(words, order));
  *states = _mm256_blendv_epi8(state, filled, is_low);
  *word += 2 * static_cast<unsigned>(__builtin_popcount(low));
  return _mm256_srli_epi32(entry, 24);
}

__attribute__((target("avx2,popcnt"))) bool read_tokens_avx2(const TokenSlots& slots,
                                                             const uint8_t* contexts,
                                                             size_t count,
                                                             TokenCoders* coders,
                                                             uint8_t* tokens) {
  __m256i state[kVectors];
  auto* states = reinterpret_cast<__m256i*>(coders->state.data());
  for (size_t v = 0; v < kVectors; ++v) state[v] = _mm256_load_si256(states + v);
  const uint8_t* word = coders->words.data();
  const uint8_t* const end = word + coders->words.size();
  size_t at = 0;
  const __m256i lanes_in_order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  for (; count - at >= kTokenStates && end - word >= static_cast<ptrdiff_t>(kTurnBytes);
       at += kTokenStates) {
    __m256i token[kVectors];
    for (size_t v = 0; v < kVectors; ++v) {
      token[v] = step(slots.data(), contexts + at + v * kLanes, &state[v], &word);
    }
    // Packing takes the halves of vectors in turns.
    const __m256i packed = _mm256_packus_epi16(_mm256_packs_epi32(token[0], token[1]),
                                               _mm256_packs_epi32(token[2], token[3]));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(tokens + at),
                        _mm256_permutevar8x32_epi32(packed, lanes_in_order));
  }
  for (size_t v = 0; v < kVectors; ++v) _mm256_store_si256(states + v, state[v]);
  coders->words = coders->words.last(static_cast<size_t>(end - word));
  return read_tokens(slots, contexts + at, count - at, coders, tokens + at);
}

#undef MALLORN_AVX2

#define MALLORN_AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))

MALLORN_AVX2 void expand_avx2(TokenKind kind, const uint8_t* tokens, size_t count,
                              RawBits* raw, uint32_t* numbers) {
  expand_kernel(kind, tokens, count, raw, numbers);
}

MALLORN_AVX2 void find_contexts_avx2(const TokenType& type, uint32_t level,
                                     const uint8_t* base, size_t count, uint8_t* contexts) {
  find_contexts_kernel(type, level, base, count, contexts);
}

MALLORN_AVX2 void restore_avx2(const TokenType& type, const uint8_t* base,
                               const uint32_t* numbers, size_t count, uint8_t* to) {
  restore_kernel(type, base, numbers, count, to);
}

MALLORN_AVX2 void guess_avx2(const CodeMap& map, uint32_t level, Bounds bounds,
                             size_t count, int16_t* steps, uint8_t* contexts) {
  guess_numbers(map, level, bounds, count, steps, contexts);
}

MALLORN_AVX2 bool correct_avx2(Bounds bounds, const uint32_t* numbers, size_t count,
                               int16_t* steps) {
  return correct_kernel(bounds, numbers, count, steps);
}

#undef MALLORN_AVX2

bool has_avx2() {
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi2") != 0;
}

}  // namespace

const TokenKernels& fast_kernels() {
  static constexpr TokenKernels kAvx2 = {read_tokens_avx2, expand_avx2, find_contexts_avx2,
                                         restore_avx2,     guess_avx2,  correct_avx2};
  static const TokenKernels& chosen = has_avx2() ? kAvx2 : portable_kernels();
  return chosen;
}

}  // namespace mallorn::apply
