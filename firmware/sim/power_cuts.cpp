// Cuts the power before, in and after every operation of whole lives of a device, and, for
// a small update, in every two of them. Prints how many cases there were; exit 1 and a
// message for the first that fails.
//
//   power-cuts [--full | --states | --once | --few]
//
// Without --full operations are thinned. --states: only devices that keep states, with two
// slots or one. --once: no two cuts; --few: of those an eighth.
#include <cstdio>
#include <cstring>
#include <iterator>

#include "firmware/sim/device.hpp"
#include "firmware/src/update.hpp"

namespace mallorn::firmware::sim {
namespace {

// Bytes that differ from model to model, and from those of erased flash.
Model make_model(uint32_t size, uint32_t number) {
  std::mt19937 random(number);
  Model model{Bytes(size), number};
  for (uint8_t& byte : model.bytes) byte = static_cast<uint8_t>(random());
  return model;
}

struct Life {
  const char* name;
  Model first;
  std::vector<Goal> goals;
};

// Lives of a device whose slots have this size.
class Lives {
 public:
  Lives(const Geometry& geometry, const Options& options)
      : geometry_(geometry), has_seek_(options.has_seek) {
    // In place, all that the journal can keep is wanted.
    if (is_in_place()) in_place_ = {6, (geometry.journal_size - geometry.erase_size) >> 6};
    const uint32_t slot_size = geometry.slot_size;
    one_ = make_model(slot_size * 5 / 8 + 3, 1);
    two_ = make_model(slot_size - 5, 2);
    three_ = make_model(slot_size, 3);
  }

  std::vector<Life> all() const {
    std::vector<Life> lives = {with_replays(), without_confirmation(), with_refusals()};
    if (!is_in_place()) lives.push_back(dropped());
    return lives;
  }

  Life with_replays() const {
    const Model old = {make_model(geometry_.slot_size / 2, 4).bytes, 1};
    return {"update, update, replay, downgrade",
            one_,
            {goal(one_, two_), goal(two_, three_),
             refused(one_, two_, Fault::none, MALLORN_E_RELEASE),
             refused(three_, old, Fault::none, MALLORN_E_RELEASE)}};
  }

  Life dropped() const {
    Goal given_up = goal(one_, two_);
    given_up.is_confirmed = false;
    given_up.is_dropped = true;
    return {"update that is dropped for another one", one_, {given_up, goal(one_, three_)}};
  }

 private:
  bool is_in_place() const { return geometry_.journal_size != 0; }

  Goal goal(const Model& base, const Model& result) const {
    return {make_patch(base, result, Fault::none, in_place_), result, MALLORN_DONE, true,
            true};
  }

  Goal refused(const Model& base, const Model& result, Fault fault, int expected,
               bool may_write = false) const {
    return {make_patch(base, result, fault, in_place_), result, expected, true, may_write};
  }

  Life without_confirmation() const {
    Goal given_up = goal(one_, two_);
    given_up.is_confirmed = false;
    return {"update without confirmation, another update",
            one_,
            {given_up, goal(is_in_place() ? two_ : one_, three_)}};
  }

  Life with_refusals() const {
    const Model twin = make_model(static_cast<uint32_t>(one_.bytes.size()), 5);
    const int damaged = has_seek_ ? MALLORN_E_BODY : MALLORN_E_RESULT;
    Life life = {"patches that must not be applied, then a good one",
                 one_,
                 {refused(one_, two_, Fault::unsigned_patch, MALLORN_E_KEY),
                  refused(one_, two_, Fault::signature, MALLORN_E_SIGNATURE),
                  refused(one_, two_, Fault::model_id, MALLORN_E_MODEL),
                  refused(two_, three_, Fault::none, MALLORN_E_BASE),
                  refused(twin, two_, Fault::none, MALLORN_E_BASE),
                  refused(one_, two_, Fault::body, damaged, !has_seek_), goal(one_, two_)}};
    if (!is_in_place()) return life;
    const auto other = [this](const InPlace& in_place, int expected) {
      return Goal{make_patch(one_, two_, Fault::none, in_place), two_, expected, true,
                  false};
    };
    life.goals.insert(life.goals.begin(),
                      {other({}, MALLORN_E_IN_PLACE), other({20}, MALLORN_E_IN_PLACE),
                       other({6, in_place_.lag + 1}, MALLORN_E_JOURNAL)});
    return life;
  }

  Geometry geometry_;
  bool has_seek_;
  InPlace in_place_;
  Model one_;
  Model two_;
  Model three_;
};

struct Case {
  const char* life;
  uint64_t first;
  uint64_t second;
};

class Simulation {
 public:
  uint64_t cases() const { return cases_; }

  void not_cut(const Geometry& geometry, const Options& options, const Life& life) {
    whole(geometry, options, life);
  }

  // Every cut of every kind in a life, but only in each `step`th operation.
  void cut_once(const Geometry& geometry, const Options& options, const Life& life,
                uint64_t step) {
    const uint64_t operations = whole(geometry, options, life).size();
    for (uint64_t at = 0; at < operations; at += step) {
      for (const Cut cut : kAllCuts) {
        Device device(geometry, options, life.first, life.goals, seed(at));
        device.flash().cut_at(at, cut);
        finish(device, {life.name, at, 0});
      }
    }
  }

  // Every two cuts of every kind, the first one in the last update; of the first, only each
  // `step`th outside of metadata, and each `meta_step`th there.
  void cut_twice(const Geometry& geometry, const Options& options, const Life& life,
                 uint64_t step, uint64_t meta_step) {
    const std::vector<uint8_t> regions = whole(geometry, options, life);
    const uint64_t before = regions.size() / life.goals.size() * (life.goals.size() - 1);
    for (uint64_t at = before; at < regions.size(); ++at) {
      if (at % (regions[at] < MALLORN_META_A ? step : meta_step) != 0) continue;
      for (const Cut cut : kAllCuts) {
        // A record that flickers is found or not: what comes of it is up to chance.
        const bool is_chance = cut == Cut::flickering && regions[at] >= MALLORN_META_A;
        for (uint32_t round = 0; round < (is_chance ? kRounds : 1); ++round) {
          Device device(geometry, options, life.first, life.goals, seed(at) + round);
          device.flash().cut_at(at, cut);
          live(device, {life.name, at, 0});
          cut_again(device, {life.name, at, 0});
        }
      }
    }
  }

 private:
  static constexpr uint32_t kRounds = 4;

  static uint32_t seed(uint64_t at) { return static_cast<uint32_t>(at * 2654435761u + 1); }

  // Without a cut. The regions of its operations.
  std::vector<uint8_t> whole(const Geometry& geometry, const Options& options,
                             const Life& life) {
    Device device(geometry, options, life.first, life.goals, 1);
    finish(device, {life.name, UINT64_MAX, 0});
    return device.flash().history();
  }

  // A second cut, in all that follows the first.
  void cut_again(const Device& after_first, Case which) {
    for (uint64_t again = 0;; ++again) {
      for (const Cut cut : kAllCuts) {
        which.second = again;
        Device device = after_first;
        device.flash().cut_at(again, cut);
        ++cases_;
        if (live(device, which)) return;  // it came to its end before this operation
        finish(device, which);
      }
    }
  }

  bool live(Device& device, const Case& which) {
    try {
      return device.live();
    } catch (const std::string& what) {
      throw_on(which, what);
    }
  }

  void finish(Device& device, const Case& which) {
    ++cases_;
    try {
      device.live_to_the_end();
    } catch (const std::string& what) {
      throw_on(which, what);
    }
  }

  [[noreturn]] static void throw_on(const Case& which, const std::string& what) {
    throw std::string(which.life) + ", cut in operation " + std::to_string(which.first) +
        ", then " + std::to_string(which.second) + ": " + what;
  }

  uint64_t cases_ = 0;
};

struct Flash {
  Geometry geometry;  // slot, erase block, metadata sector, word, journal
  uint64_t step;      // of operations that are cut, unless all are
};
constexpr Flash kFlashes[] = {
    {{1024, 256, 256, 4}, 3},
    {{768, 256, 512, 1}, 7},
    {{1024, 512, 288, 16}, 1},
    {{2048, 1024, 512, 8}, 7},
    {{1536, 256, 640, 32}, 1},
    {{1024, 128, 260, 2}, 7},
    {{12288, 4096, 4096, 16}, 29},
    // with room for states
    {{1536, 256, 1024, 32}, 1},
    {{1920, 384, 2048, 8}, 13},
    // in place; in the first a state is too long for a second record
    {{1536, 256, 832, 32, 256}, 1},
    {{1280, 256, 2048, 16, 768}, 5},
    {{1536, 384, 4096, 4, 384}, 29},
    // so that there is always some of it in the journal; or all
    {{1536, 256, 1024, 32, 512}, 1},
    {{1280, 128, 1024, 16, 1408}, 7},
};
constexpr size_t kFirstWithStates = 7;
constexpr Geometry kTiny = {512, 256, 320, 32};
constexpr Geometry kTinyWithStates = {512, 256, 1024, 32};
constexpr Geometry kTinyInPlace = {512, 256, 1024, 32, 256};
constexpr Geometry kTinyWithLag = {640, 128, 1024, 32, 384};

// Calls visit(flash, options, life) for the lives in all geometries.
template <typename Visit>
void for_each_life(bool has_states, Visit visit) {
  for (size_t i = has_states ? kFirstWithStates : 0; i < std::size(kFlashes); ++i) {
    const Geometry& geometry = kFlashes[i].geometry;
    if (!kHasOneSlot && geometry.journal_size != 0) continue;
    // No restart point is where such a block ends.
    if (!kHasStates && (geometry.erase_size & (geometry.erase_size - 1)) != 0) continue;
    const bool has_seek = i % 2 == 0 || geometry.journal_size != 0;
    const Options options{has_seek, i % 3 == 0, static_cast<uint8_t>(1 + i % 3)};
    for (const Life& life : Lives(geometry, options).all()) {
      visit(kFlashes[i], options, life);
    }
  }
}

// What notices most in the shortest time comes first.
// `few`: how many operations there are to one that is cut, beyond the steps of each flash.
void run(bool is_full, bool has_states, bool is_once, uint64_t few) {
  Simulation simulation;
  for_each_life(has_states,
                [&](const Flash& flash, const Options& options, const Life& life) {
                  simulation.not_cut(flash.geometry, options, life);
                });
  const uint64_t whole = simulation.cases();
  const auto cut_twice = [&](const Geometry& geometry, const Options& options, size_t goals,
                             uint64_t step, uint64_t meta_step) {
    Life life = Lives(geometry, options).with_replays();
    life.goals.resize(goals);
    life.name = goals == 1 ? "one update" : "the second update";
    simulation.cut_twice(geometry, options, life, is_full ? 1 : step,
                         is_full ? 1 : meta_step);
  };
  // What only shows where an update is given up.
  const Flash& first = kFlashes[has_states ? kFirstWithStates : 0];
  simulation.cut_once(first.geometry, {true, true, 1},
                      Lives(first.geometry, {true, true, 1}).dropped(), 2 * first.step);
  const uint64_t once = simulation.cases() - whole;
  if (!has_states && !is_once) {
    cut_twice(kTiny, {false, true, 2}, 1, 19, 2);
    cut_twice(kTiny, {true, false, 2}, 2, 19, 2);
  }
  if (!is_once) {
    cut_twice(kTinyInPlace, {true, true, 2}, 1, 29, 1);
    cut_twice(kTinyWithLag, {true, true, 2}, 1, 97, 41);
    cut_twice(kTinyWithStates, {true, false, 2}, 1, 29, 3);
  }
  const uint64_t twice = simulation.cases() - whole - once;
  for_each_life(
      has_states, [&](const Flash& flash, const Options& options, const Life& life) {
        simulation.cut_once(flash.geometry, options, life, is_full ? 1 : few * flash.step);
      });
  std::printf("%llu cases: %llu with one cut at most, %llu with two\n",
              (unsigned long long)simulation.cases(),
              (unsigned long long)(simulation.cases() - twice), (unsigned long long)twice);
}

}  // namespace
}  // namespace mallorn::firmware::sim

int main(int count, char** arguments) {
  try {
    const auto is_given = [&](const char* name) {
      return count > 1 && std::strcmp(arguments[1], name) == 0;
    };
    const bool is_few = is_given("--few");
    mallorn::firmware::sim::run(is_given("--full"), is_given("--states"),
                                is_few || is_given("--once"), is_few ? 8 : 1);
  } catch (const std::string& what) {
    std::fprintf(stderr, "power-cuts: %s\n", what.c_str());
    return 1;
  }
  return 0;
}
