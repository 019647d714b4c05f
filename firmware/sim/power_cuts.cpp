// Cuts the power before, in and after every operation of whole lives of a device, and, for
// a small update, in every two of them. Prints how many cases there were; exit 1 and a
// message for the first that fails.
//
//   power-cuts [--full]     without: every cut, and pairs of cuts for one kind of flash,
//   thinned
#include <cstdio>
#include <cstring>

#include "firmware/sim/device.hpp"

namespace mallorn::firmware::sim {
namespace {

// Bytes that differ from model to model, and from those of erased flash.
Model make_model(uint32_t size, uint32_t number) {
  std::mt19937 random(number);
  Model model{Bytes(size), number};
  for (uint8_t& byte : model.bytes) byte = static_cast<uint8_t>(random());
  return model;
}

Goal make_goal(const Model& base, const Model& result) {
  return {make_patch(base, result), result, MALLORN_DONE, true, true};
}

Goal make_refused(const Model& base, const Model& result, Fault fault, int expected,
                  bool may_write = false) {
  return {make_patch(base, result, fault), result, expected, true, may_write};
}

struct Life {
  const char* name;
  Model first;
  std::vector<Goal> goals;
};

// Lives of a device whose slots have this size.
std::vector<Life> make_lives(uint32_t slot_size, bool has_seek) {
  const Model one = make_model(slot_size * 5 / 8 + 3, 1);
  const Model two = make_model(slot_size - 5, 2);
  const Model three = make_model(slot_size, 3);
  const Model twin = make_model(static_cast<uint32_t>(one.bytes.size()), 5);
  const Model old = {make_model(slot_size / 2, 4).bytes, 1};
  Goal given_up = make_goal(one, two);
  given_up.is_confirmed = false;
  const int damaged = has_seek ? MALLORN_E_BODY : MALLORN_E_RESULT;
  std::vector<Life> lives;
  lives.push_back({"update, update, replay, downgrade",
                   one,
                   {make_goal(one, two), make_goal(two, three),
                    make_refused(one, two, Fault::none, MALLORN_E_RELEASE),
                    make_refused(three, old, Fault::none, MALLORN_E_RELEASE)}});
  lives.push_back({"update without confirmation, another update",
                   one,
                   {given_up, make_goal(one, three)}});
  given_up.is_dropped = true;
  lives.push_back(
      {"update that is dropped for another one", one, {given_up, make_goal(one, three)}});
  lives.push_back(
      {"patches that must not be applied, then a good one",
       one,
       {make_refused(one, two, Fault::unsigned_patch, MALLORN_E_KEY),
        make_refused(one, two, Fault::signature, MALLORN_E_SIGNATURE),
        make_refused(one, two, Fault::model_id, MALLORN_E_MODEL),
        make_refused(two, three, Fault::none, MALLORN_E_BASE),
        make_refused(twin, two, Fault::none, MALLORN_E_BASE),
        make_refused(one, two, Fault::body, damaged, !has_seek), make_goal(one, two)}});
  return lives;
}

struct Case {
  const char* life;
  uint64_t first;
  uint64_t second;
};

class Simulation {
 public:
  uint64_t cases() const { return cases_; }

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

  // Every two cuts of every kind, the first one in the last update; of the first, outside
  // of metadata, only each `step`th.
  void cut_twice(const Geometry& geometry, const Options& options, const Life& life,
                 uint64_t step) {
    const std::vector<uint8_t> regions = whole(geometry, options, life);
    const uint64_t before = regions.size() / life.goals.size() * (life.goals.size() - 1);
    for (uint64_t at = before; at < regions.size(); ++at) {
      if (regions[at] < MALLORN_META_A && at % step != 0) continue;
      for (const Cut cut : kAllCuts) {
        Device device(geometry, options, life.first, life.goals, seed(at));
        device.flash().cut_at(at, cut);
        live(device, {life.name, at, 0});
        cut_again(device, {life.name, at, 0});
      }
    }
  }

 private:
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
  Geometry geometry;  // slot, erase block, metadata sector, word
  uint64_t step;      // of operations that are cut, unless all are
};
constexpr Flash kFlashes[] = {
    {{1024, 256, 256, 4}, 3},      {{768, 256, 512, 1}, 7},   {{1024, 512, 288, 16}, 1},
    {{2048, 1024, 512, 8}, 7},     {{1536, 256, 640, 32}, 1}, {{1024, 128, 260, 2}, 7},
    {{12288, 4096, 4096, 16}, 29},
};
constexpr Geometry kTiny = {512, 256, 320, 32};

void run(bool is_full) {
  Simulation simulation;
  for (size_t i = 0; i < sizeof kFlashes / sizeof kFlashes[0]; ++i) {
    const auto& [geometry, step] = kFlashes[i];
    const Options options{i % 2 == 0, i % 3 == 0, static_cast<uint8_t>(1 + i % 3)};
    for (const Life& life : make_lives(geometry.slot_size, options.has_seek)) {
      simulation.cut_once(geometry, options, life, is_full ? 1 : step);
    }
  }
  const uint64_t single = simulation.cases();
  const uint64_t step = is_full ? 1 : 11;
  const Life life = make_lives(kTiny.slot_size, true)[0];
  const Goal& goal = life.goals[0];
  simulation.cut_twice(kTiny, {false, true, 2}, {"one update", life.first, {goal}}, step);
  simulation.cut_twice(kTiny, {true, false, 2},
                       {"the second update", life.first, {goal, life.goals[1]}}, step);
  std::printf("%llu cases: %llu with one cut at most, %llu with two\n",
              (unsigned long long)simulation.cases(), (unsigned long long)single,
              (unsigned long long)(simulation.cases() - single));
}

}  // namespace
}  // namespace mallorn::firmware::sim

int main(int count, char** arguments) {
  try {
    mallorn::firmware::sim::run(count > 1 && std::strcmp(arguments[1], "--full") == 0);
  } catch (const std::string& what) {
    std::fprintf(stderr, "power-cuts: %s\n", what.c_str());
    return 1;
  }
  return 0;
}
