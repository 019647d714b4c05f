// Finds bytes of the result in the base, or before them in the result, where tensors do not
// say where to look.
#pragma once

#include <vector>

#include "mallorn-pack/lite_plan.hpp"

namespace mallorn::pack {

class LiteMatcher {
 public:
  // `known`: which bytes of the base a delta stream has told.
  LiteMatcher(ByteView base, const std::vector<bool>& known, ByteView result,
              const InPlace& in_place);

  // Cuts result[begin, begin + length) into copies, changed and literal bytes. `offsets`
  // are places in the base, less those in the result, that are worth a look. Ranges must
  // come in order.
  std::vector<LitePiece> cut(uint32_t begin, uint32_t length,
                             const std::vector<int64_t>& offsets);

 private:
  // Where bytes are looked for: so far ahead in the base, or so far behind in the result.
  struct Way {
    bool is_literal = true;
    bool is_own = false;
    int64_t offset = 0;

    bool operator==(const Way&) const = default;
  };
  enum class Byte : uint8_t { equal, other, missing };

  // The places of all strings of a few bytes, by hash.
  struct Index {
    std::vector<uint32_t> heads;  // one more than the last place; 0: none
    std::vector<uint32_t> chain;  // by place: the place before, likewise
    void add(ByteView bytes, size_t place);
  };

  // Bytes that are made one way, and what was before them.
  struct Run {
    Way way;
    uint32_t begin = 0;
    uint32_t before = 0;
  };
  // A run that goes on, and what all cost so far.
  struct Path {
    uint32_t run = 0;
    uint32_t cost = 0;
    Way way;            // of the run
    uint32_t next = 0;  // one more than the path of the same hash, likewise
  };

  std::vector<Run> choose(uint32_t begin, uint32_t end, const std::vector<Way>& given);
  void find_ways(uint32_t at, std::vector<Way>* ways) const;
  void start_runs(uint32_t at, const std::vector<Way>& ways, uint32_t cost,
                  uint32_t before);
  static uint32_t way_hash(const Way& way);
  Path* find_path(const Way& way);
  void link_path(size_t i);
  void extend_paths(uint32_t at);
  void add_run(uint32_t begin, uint32_t end, const Way& way,
               std::vector<LitePiece>* pieces) const;
  Byte look(const Way& way, uint32_t at) const;

  ByteView base_;
  const std::vector<bool>& known_;
  ByteView result_;
  InPlace in_place_;
  Index in_base_;
  Index in_result_;
  uint32_t indexed_ = 0;  // of the result
  std::vector<Run> runs_;
  std::vector<Path> paths_;
  std::vector<uint32_t> path_heads_;  // by hash of ways: one more than a path; 0: none
};

}  // namespace mallorn::pack
