// A device that lives through updates and power cuts, and an inspector who looks at it
// after every boot.
//
// The device has goals: patches to be applied, each with what should come of it. It boots,
// works towards its goal, boots again. Whatever the power does, the inspector finds: the
// slot to use holds a model that may be there, its digest is its record's; the slot in use
// has not been written; the counter has not fallen, and has risen by confirmation alone; a
// trial has had no more boots than tries; the goals are reached within a bounded number of
// boots, and after a cut no more is done again than an erase block.
//
// With one slot there is no model while an update overwrites it: then the device goes on
// with that, and nothing else.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "firmware/include/mallorn.h"
#include "firmware/sim/nor_flash.hpp"

namespace mallorn::firmware::sim {

using Bytes = std::vector<uint8_t>;

struct Model {
  Bytes bytes;
  uint32_t release = 0;
};

// How a patch is spoilt, for goals that must not be reached.
enum class Fault : uint8_t { none, body, unsigned_patch, signature, model_id };

// How a patch is made to be applied in place.
struct InPlace {
  uint32_t log2 = 0;  // of blocks; 0: it is not
  uint32_t lag = 0;   // in blocks
};
Bytes make_patch(const Model& base, const Model& result, Fault fault = Fault::none,
                 const InPlace& in_place = {});

struct Goal {
  Bytes patch;
  Model result;
  int expected = MALLORN_DONE;  // of the update
  bool is_confirmed = true;     // else: every trial boot passes without confirmation
  bool may_write = true;        // otherwise an operation on a slot is a violation
  bool is_dropped = false;      // by a power cut: another goal is next
};

struct Options {
  bool has_seek = false;
  bool has_counter = false;
  uint8_t tries = 2;
};

class Device {
 public:
  Device(const Geometry& geometry, const Options& options, Model first,
         std::vector<Goal> goals, uint32_t seed);

  NorFlash& flash() { return flash_; }

  // Lives on until all goals are reached or the power fails; false if it failed. Throws a
  // std::string that says what the inspector has found.
  bool live();
  // As live(), through power cuts that have been set.
  void live_to_the_end();
  size_t boots() const { return boots_; }
  // With one slot: boots; whether there is no model.
  bool is_unfinished_at_boot();
  // What comes of another patch, and of giving up the update under way; neither may write.
  int offer(Bytes patch);
  int abort_update();

  // For the port.
  int32_t read_patch(uint8_t* to, uint32_t length);
  void seek_patch(uint32_t offset) { patch_at_ = offset; }
  void raise_counter(uint32_t value);
  uint32_t counter() const { return counter_; }

 private:
  void boot();
  void inspect(const mallorn_boot_info& info);
  bool work_on(const Goal& goal);
  mallorn_update* begin_update();
  bool update(const Goal& goal);
  int step_to_the_end(mallorn_update* m);
  bool is_in_place() const { return port_.journal_size != 0; }
  uint32_t most_lost() const;
  void fail(const std::string& what) const;
  const Goal* goal() const { return goal_ < goals_.size() ? &goals_[goal_] : nullptr; }

  NorFlash flash_;
  mallorn_port port_;
  mallorn_policy policy_;
  std::vector<Goal> goals_;
  size_t goal_ = 0;
  Model model_;                    // that has been confirmed
  bool may_be_confirmed_ = false;  // the goal's: a confirmation was begun
  bool is_committed_ = false;      // the goal's update is on trial or was
  bool has_dropped_ = false;       // the goal before, after a power cut
  size_t trial_boots_ = 0;
  uint32_t come_to_ = 0;        // the goal's update: how far it was when the power failed
  bool is_unfinished_ = false;  // in place: the slot is being overwritten
  size_t boots_ = 0;
  size_t cuts_ = 0;
  uint32_t release_ = 0;  // that has been seen last
  uint32_t counter_ = 0;
  mallorn_boot_info info_{};
  size_t patch_at_ = 0;
  std::minstd_rand random_;  // small: devices are copied
  alignas(8) uint8_t work_[MALLORN_WORK_SIZE];
};

}  // namespace mallorn::firmware::sim
