// GridModel: codes floats that lie on a coarse grid, by the number of the point
// (docs/format/grid.md). One text for encoder and decoder.
//
// Training that quantizes, or that shares weights, leaves floats that are multiples of a
// scale, or one of few values. What is between two points of the grid is never there, and
// where the base lies between them says which one is next.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "libcommon/core/bit_model.hpp"
#include "libcommon/core/bytes.hpp"
#include "libcommon/core/code_model.hpp"
#include "libcommon/core/code_places.hpp"
#include "libcommon/core/grid_place.hpp"
#include "libcommon/core/residual_model.hpp"
#include "libcommon/core/short_float.hpp"

namespace mallorn {

enum class GridKind : uint8_t {
  none = 0,        // any floats: left to ValueModel
  short_ones = 1,  // short floats: left to it, too
  scaled = 2,      // multiples of a scale, one for each lane
  codebook = 3,    // of few values
};

// Lanes have a scale each: element i of a piece is in lane ((first + i) / run) % lanes.
constexpr uint32_t kMaxGridLanes = 1u << 16;
constexpr uint32_t kMaxGridRun = 1u << 30;

struct GridPiece {
  uint64_t elements = 0;
  GridKind kind = GridKind::none;
  bool is_alone = true;  // codes, by their frequency: the base does not count
  // Scaled:
  int32_t low = 0;  // the least code, and how many there are above
  uint32_t span = 0;
  uint32_t run = 1;
  uint32_t lanes = 1;
  uint64_t first = 0;    // below run * lanes
  uint32_t divisor = 0;  // scales are expected to be the largest of a lane by this; 0: that
                         // of the lane before

  Bounds bounds() const { return {low, low + static_cast<int32_t>(span)}; }
};

// Goes through the lanes of a piece, element by element.
class LaneWalk {
 public:
  explicit LaneWalk(const GridPiece& piece)
      : run_(piece.run),
        lanes_(piece.lanes),
        lane_(static_cast<uint32_t>(piece.first / piece.run)),
        left_(piece.run - static_cast<uint32_t>(piece.first % piece.run)) {}

  uint32_t lane() const { return lane_; }
  // True if the next element is in another lane.
  bool next() {
    if (--left_ > 0) return false;
    left_ = run_;
    lane_ = lane_ + 1 == lanes_ ? 0 : lane_ + 1;
    return lanes_ > 1;
  }

 private:
  uint32_t run_;
  uint32_t lanes_;
  uint32_t lane_;
  uint32_t left_;  // of the run
};

// A point: of zero, whether its sign is set.
struct GridCode {
  int32_t number = 0;
  bool is_negative_zero = false;
};

class GridModel {
 public:
  // Codes what stands before the codes of a piece, but for scales; `room` elements are
  // left. The first piece of short floats says for all of them which these are. False if a
  // decoder has got what no encoder writes.
  template <typename Coder>
  [[nodiscard]] bool code_head(Coder& coder, bool has_base, uint64_t room, GridPiece* piece,
                               ShortFloats* floats, Codebook* codebook) {
    piece->elements = elements_.code(coder, piece->elements);
    if (piece->elements == 0 || piece->elements > room) return false;
    piece->kind =
        static_cast<GridKind>(kind_.code(coder, static_cast<uint32_t>(piece->kind)));
    if (piece->kind == GridKind::none) return true;
    if (piece->kind == GridKind::short_ones) return code_floats(coder, floats);
    piece->is_alone = alone_.code(coder, piece->is_alone ? 1 : 0) != 0;
    if (!piece->is_alone && !has_base) return false;
    if (piece->kind == GridKind::codebook) return code_codebook(coder, piece, codebook);
    return code_lanes(coder, has_base, piece);
  }

  // Codes the scale of a lane, given what it is expected to be.
  template <typename Coder>
  uint32_t code_scale(Coder& coder, uint32_t expected, uint32_t scale) {
    const uint32_t order = static_cast<uint32_t>(Codebook::order_of(expected));
    const uint32_t wanted = static_cast<uint32_t>(Codebook::order_of(scale));
    const int64_t residual = scales_.code(coder, static_cast<int32_t>(wanted - order), 0,
                                          ResidualModel::kMiddle, &scale_spread_);
    const uint32_t coded = order + static_cast<uint32_t>(residual);
    return (coded & kF32Sign) != 0 ? kF32Sign | ~coded : coded;
  }

  // Codes the points of a piece. `scales` are those of its lanes; `base` is not looked at
  // if the piece is alone. wanted(i) gives the point of element i to an encoder; made(i,
  // bits) gets its float. False if a decoder has got what no encoder writes.
  template <typename Coder, typename Wanted, typename Made>
  [[nodiscard]] bool code_scaled(Coder& home, const GridPiece& piece,
                                 const uint32_t* scales, const uint8_t* base,
                                 const Wanted& wanted, const Made& made) {
    Held held(home);
    Coder& coder = held.coder();
    const Bounds bounds = piece.bounds();
    CodeModel::Run run(codes_);
    LaneWalk lanes(piece);
    std::array<ScaleGrid, kTurn> grids;
    ScaleGrid grid(scales[lanes.lane()]);
    CodePlaces places;
    for (uint64_t begin = 0; begin < piece.elements; begin += kTurn) {
      const uint32_t count = block_at(piece, begin);
      for (uint32_t i = 0; i < count; ++i) {
        grids[i] = grid;
        if (!piece.is_alone) {
          const auto bits = load_le<uint32_t>(base + (begin + i) * sizeof(uint32_t));
          places.set(i, grid.place(bits), bounds, 0);
        }
        if (lanes.next()) grid = ScaleGrid(scales[lanes.lane()]);
      }
      if (!piece.is_alone) places.set_phases(0, count);
      for (uint32_t i = 0; i < count; ++i) {
        const GridCode given = wanted(begin + i);
        int32_t number = given.number;
        if (!code_number(coder, piece, &run, places, i, bounds, &number)) return false;
        uint32_t bits = grids[i].point(number);
        if (number == 0) {
          const uint32_t below =
              piece.is_alone ? 2u : base[(begin + i) * sizeof(uint32_t) + 3] >> 7;
          const uint32_t sign =
              below_zero_[below].code(coder, given.is_negative_zero ? 1 : 0, kLimit);
          bits = sign << 31;
        }
        made(begin + i, bits);
      }
    }
    return true;
  }

  // The same for indices into a codebook.
  template <typename Coder, typename Wanted, typename Made>
  [[nodiscard]] bool code_indices(Coder& home, const GridPiece& piece,
                                  const Codebook& codebook, const uint8_t* base,
                                  const Wanted& wanted, const Made& made) {
    Held held(home);
    Coder& coder = held.coder();
    const Bounds bounds = piece.bounds();
    CodeModel::Run run(codes_);
    CodePlaces places;
    for (uint64_t begin = 0; begin < piece.elements; begin += kTurn) {
      const uint32_t count = block_at(piece, begin);
      for (uint32_t i = 0; i < count && !piece.is_alone; ++i) {
        const auto bits = load_le<uint32_t>(base + (begin + i) * sizeof(uint32_t));
        places.set(i, codebook.place(bits), bounds, 1);
      }
      if (!piece.is_alone) places.set_phases(0, count);
      for (uint32_t i = 0; i < count; ++i) {
        int32_t number = wanted(begin + i).number;
        if (!code_number(coder, piece, &run, places, i, bounds, &number)) return false;
        made(begin + i, codebook.entry(static_cast<uint32_t>(number)));
      }
    }
    return true;
  }

 private:
  static constexpr uint32_t kTurn = 32;  // points that are predicted at once
  static constexpr uint32_t kLimit = 126;
  static constexpr int64_t kLeastCode = -255;
  static constexpr uint64_t kMaxSpan = 255;

  static uint32_t block_at(const GridPiece& piece, uint64_t begin) {
    const uint64_t left = piece.elements - begin;
    return left < kTurn ? static_cast<uint32_t>(left) : kTurn;
  }

  template <typename Coder>
  [[gnu::always_inline]] bool code_number(Coder& coder, const GridPiece& piece,
                                          CodeModel::Run* run, const CodePlaces& places,
                                          uint32_t i, Bounds bounds, int32_t* number) {
    if (!piece.is_alone) return run->code(coder, places, i, bounds, number);
    const auto symbol = static_cast<uint32_t>(*number - bounds.low);
    *number = bounds.low + static_cast<int32_t>(alone_codes_.code(coder, symbol, kLimit));
    return *number <= bounds.high;
  }

  template <typename Coder>
  bool code_floats(Coder& coder, ShortFloats* floats) {
    if (has_floats_) return true;
    has_floats_ = true;
    floats->mantissa_bits = mantissa_bits_.code(coder, floats->mantissa_bits);
    floats->rounding = static_cast<Rounding>(
        rounding_.code(coder, static_cast<uint32_t>(floats->rounding)));
    ValueType type;
    return short_type(*floats, &type);
  }

  template <typename Coder>
  bool code_codebook(Coder& coder, GridPiece* piece, Codebook* codebook) {
    piece->low = 0;
    piece->span = span_.code(coder, piece->span);
    const Codebook given = *codebook;
    codebook->clear();
    for (uint32_t i = 0; i <= piece->span; ++i) {
      if (!codebook->add(coder.code_bits(given.entry(i), 32))) return false;
    }
    codebook->finish();
    return true;
  }

  template <typename Coder>
  bool code_lanes(Coder& coder, bool has_base, GridPiece* piece) {
    const auto number = [&](NumberModel& model, uint64_t least, uint64_t most,
                            auto* field) {
      const uint64_t coded = model.code(coder, *field);
      *field = static_cast<std::remove_pointer_t<decltype(field)>>(coded);
      return coded >= least && coded <= most;
    };
    auto below = static_cast<uint32_t>(-piece->low);
    if (!number(low_, 0, -kLeastCode, &below)) return false;
    piece->low = -static_cast<int32_t>(below);
    piece->span = span_.code(coder, piece->span);
    const uint64_t most = piece->elements < kMaxGridLanes ? piece->elements : kMaxGridLanes;
    return number(run_, 1, kMaxGridRun, &piece->run) &&
           number(lanes_, 1, most, &piece->lanes) &&
           number(first_, 0, uint64_t{piece->run} * piece->lanes - 1, &piece->first) &&
           number(divisor_, 0, has_base ? kMaxSpan : 0, &piece->divisor);
  }

  NumberModel elements_;
  TreeModel<2> kind_;
  BitModel alone_;
  TreeModel<5> mantissa_bits_;
  BitModel rounding_;
  bool has_floats_ = false;
  TreeModel<8> span_;
  NumberModel low_;
  NumberModel run_;
  NumberModel lanes_;
  NumberModel first_;
  NumberModel divisor_;

  ResidualModel scales_;
  Spread scale_spread_;
  CodeModel codes_;
  TreeModel<8> alone_codes_;
  std::array<BitModel, 3> below_zero_{};  // by the sign of the base; 2: without it
};

// The largest size of a float of each lane in the base, as bits.
inline void largest_of_lanes(const GridPiece& piece, const uint8_t* base,
                             uint32_t* largest) {
  for (uint32_t lane = 0; lane < piece.lanes; ++lane) largest[lane] = 0;
  LaneWalk lanes(piece);
  for (uint64_t i = 0; i < piece.elements; ++i) {
    const uint32_t size = load_le<uint32_t>(base + i * sizeof(uint32_t)) & ~kF32Sign;
    uint32_t& most = largest[lanes.lane()];
    most = size > most ? size : most;
    lanes.next();
  }
}

// The scale that is expected of a lane, given that of the one before (0 for the first).
inline uint32_t expected_scale(const GridPiece& piece, uint32_t largest, uint32_t before) {
  if (piece.divisor == 0) return before;
  return f32_quotient(largest, f32_rounded(0, piece.divisor, 0));
}

}  // namespace mallorn
