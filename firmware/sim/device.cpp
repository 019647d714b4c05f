#include "firmware/sim/device.hpp"

#include <algorithm>

#include "firmware/sim/copy_decoder.hpp"
#include "firmware/sim/message_digest.hpp"
#include "firmware/src/crc32c.hpp"
#include "firmware/src/patch_front.hpp"
#include "firmware/src/update.hpp"

namespace mallorn::firmware::sim {
namespace {

constexpr uint8_t kKeys[2][32] = {{1}, {2}};
constexpr uint8_t kModelId[4] = {'k', 'w', 's', '1'};
constexpr char kDomain[] = "Mallorn patch signature, version 0";

Bytes digest_of(const Bytes& bytes) {
  Bytes digest(32);
  put_sha256(bytes.data(), bytes.size(), digest.data());
  return digest;
}

// Stands in for a signature: what makes one good is tested elsewhere.
Bytes toy_signature(const uint8_t* key, const Bytes& message) {
  Bytes all(key, key + 32);
  all.insert(all.end(), message.begin(), message.end());
  Bytes signature = digest_of(all);
  const Bytes twice = digest_of(signature);
  signature.insert(signature.end(), twice.begin(), twice.end());
  return signature;
}

int verify_toy(void* /*context*/, mallorn_check* check) {
  if (check->is_begun == 0) return MALLORN_MORE;
  const Bytes good = toy_signature(
      check->key, Bytes(check->message, check->message + check->message_length));
  return std::equal(good.begin(), good.end(), check->signature) ? MALLORN_DONE
                                                                : MALLORN_E_SIGNATURE;
}

Device& device(void* context) { return *static_cast<Device*>(context); }

constexpr mallorn_port kFunctions = {
    [](void* context, uint8_t region, uint32_t offset, void* to, uint32_t length) {
      return device(context).flash().read(region, offset, to, length);
    },
    [](void* context, uint8_t region, uint32_t offset) {
      return device(context).flash().erase(region, offset);
    },
    [](void* context, uint8_t region, uint32_t offset, const void* from, uint32_t length) {
      return device(context).flash().program(region, offset, from, length);
    },
    [](void* context, void* to, uint32_t length) {
      return device(context).read_patch(static_cast<uint8_t*>(to), length);
    },
    [](void* context, uint32_t offset) {
      device(context).seek_patch(offset);
      return 0;
    },
    [](void* context, uint32_t* counter) {
      *counter = device(context).counter();
      return 0;
    },
    [](void* context, uint32_t counter) {
      device(context).raise_counter(counter);
      return 0;
    },
    verify_toy,
    0,
    0,
    0,
    0,
    0};

mallorn_port make_port(const Geometry& geometry, const Options& options) {
  mallorn_port port = kFunctions;
  if (!options.has_seek) port.patch_seek = nullptr;
  if (!options.has_counter) port.counter_get = nullptr;
  if (!options.has_counter) port.counter_raise = nullptr;
  port.slot_size = geometry.slot_size;
  port.erase_size = geometry.erase_size;
  port.meta_size = geometry.meta_size;
  port.write_size = static_cast<uint8_t>(geometry.write_size);
  port.journal_size = geometry.journal_size;
  return port;
}

void put_u32(Bytes& bytes, size_t at, size_t value) {
  store_u32(bytes.data() + at, static_cast<uint32_t>(value));
}

// That of copy_decoder.cpp.
Bytes make_body(const Bytes& base, const Bytes& result, const InPlace& in_place) {
  Bytes body = result;
  uint32_t roll = 0;
  for (uint32_t i = 0; i < result.size(); ++i) {
    if (i % kCopyRestart == 0) roll = 0;
    const uint32_t first = first_left(i, in_place.log2, in_place.lag);
    if (i < base.size()) body[i] ^= base[i];
    if (first < base.size()) body[i] ^= base[first];
    if (i >= kCopyBack) body[i] ^= result[i - kCopyBack];
    body[i] ^= static_cast<uint8_t>(roll);
    roll = next_roll(roll, result[i]);
  }
  if (body.empty()) body.push_back(0);  // there is no patch without a body
  return body;
}

}  // namespace

// docs/format/patch.md, section 4, and sign.md.
Bytes make_patch(const Model& base, const Model& result, Fault fault,
                 const InPlace& in_place) {
  Bytes body = make_body(base.bytes, result.bytes, in_place);
  Bytes header(kHeaderFixedBytes + sizeof kModelId);
  const uint8_t begin[] = {0x8D, 'M', 'L', 'P', 0, 1, static_cast<uint8_t>(header.size()),
                           0};
  std::copy(std::begin(begin), std::end(begin), header.begin());
  if (in_place.log2 != 0) {
    put_u32(header, 8, 1u << 10 | in_place.log2 << 11 | in_place.lag << 24);
  }
  put_u32(header, 16, result.release);
  put_u32(header, 20, body.size());
  const auto put = [&header](size_t at, const Bytes& bytes) {
    std::copy(bytes.begin(), bytes.end(), header.begin() + static_cast<ptrdiff_t>(at));
  };
  put(28, digest_of(body));
  header[60] = 1;
  header[61] = sizeof kModelId;
  put_u32(header, 62, base.bytes.size());
  put(70, digest_of(base.bytes));
  put_u32(header, 102, result.bytes.size());
  put(110, digest_of(result.bytes));
  put(142, Bytes(std::begin(kModelId), std::end(kModelId)));
  if (fault == Fault::model_id) header[142] ^= 1;

  Bytes message(kDomain, kDomain + sizeof kDomain);
  message.insert(message.end(), header.begin(), header.end() - 4);
  // The first block is of a key that the device does not have, and ever good.
  constexpr uint8_t kForeign[32] = {9};
  Bytes blocks;
  for (const uint8_t* key : {&kForeign[0], &kKeys[1][0]}) {
    const Bytes id = digest_of(Bytes(key, key + 32));
    const Bytes signature = toy_signature(key, message);
    blocks.insert(blocks.end(), id.begin(), id.begin() + kKeyIdBytes);
    blocks.insert(blocks.end(), signature.begin(), signature.end());
  }
  if (fault == Fault::unsigned_patch) blocks.clear();
  if (fault == Fault::signature) blocks.back() ^= 1;
  if (fault == Fault::body) body[body.size() / 2] ^= 1;
  header[kSignatureCountOffset] =
      static_cast<uint8_t>(blocks.size() / kSignatureBlockBytes);
  put_u32(header, header.size() - 4, crc32c(0, header.data(), header.size() - 4));
  header.insert(header.end(), blocks.begin(), blocks.end());
  header.insert(header.end(), body.begin(), body.end());
  return header;
}

Device::Device(const Geometry& geometry, const Options& options, Model first,
               std::vector<Goal> goals, uint32_t seed)
    : flash_(geometry, seed),
      port_(make_port(geometry, options)),
      policy_{kKeys, 2, options.tries, sizeof kModelId, kModelId},
      goals_(std::move(goals)),
      model_(std::move(first)),
      random_(seed) {
  flash_.fill(MALLORN_SLOT_A, model_.bytes);
  // never erased
  flash_.fill(MALLORN_SLOT_B, Bytes(geometry.region_size(MALLORN_SLOT_B), 0x5A));
  flash_.fill(MALLORN_META_A, Bytes(geometry.meta_size, 0x00));
  counter_ = options.has_counter ? model_.release : 0;
  const auto length = static_cast<uint32_t>(model_.bytes.size());
  if (mallorn_provision(&port_, this, work_, sizeof work_, MALLORN_SLOT_A, length,
                        model_.release) != MALLORN_DONE) {
    fail("not provisioned: " + flash_.violation());
  }
  flash_.count_anew();
  release_ = model_.release;
}

void Device::fail(const std::string& what) const {
  throw "boot " + std::to_string(boots_) + ", goal " + std::to_string(goal_) + ": " + what;
}

// Pieces of any size; now and then there is nothing yet.
int32_t Device::read_patch(uint8_t* to, uint32_t length) {
  const Bytes& patch = goals_[goal_].patch;
  if (random_() % 8 == 0) return 0;
  const size_t left = patch.size() - std::min(patch.size(), patch_at_);
  const size_t most = std::min<size_t>(left, length);
  const size_t count = most == 0 ? 0 : 1 + random_() % most;
  std::copy_n(patch.begin() + static_cast<ptrdiff_t>(std::min(patch.size(), patch_at_)),
              count, to);
  patch_at_ += count;
  return static_cast<int32_t>(count);
}

void Device::raise_counter(uint32_t value) {
  flash_.point();
  if (!may_be_confirmed_) fail("the counter is raised without confirmation");
  if (value <= counter_) fail("the counter is not raised");
  counter_ = value;
}

void Device::inspect(const mallorn_boot_info& info) {
  if (!flash_.violation().empty()) fail(flash_.violation());
  const Bytes held = flash_.contents(info.slot, info.length);
  if (held.size() != info.length) fail("the slot to use has torn words");
  const Bytes digest(info.digest, info.digest + 32);
  if (digest_of(held) != digest) fail("the slot to use does not hold what its record says");
  const bool is_result = goal() != nullptr && held == goal()->result.bytes;
  if (info.is_trial != 0) {
    if (!is_result || goal()->expected != MALLORN_DONE) fail("this must not be on trial");
    is_committed_ = true;
    if (++trial_boots_ > policy_.tries) fail("more trials than tries");
  } else if (held != model_.bytes && !(is_result && may_be_confirmed_) &&
             !(is_result && is_committed_ && is_in_place())) {
    fail("the slot to use holds another model");
  }
  if (info.release < release_) fail("the counter has fallen");
  if (info.release > release_ && !may_be_confirmed_) fail("the counter has risen");
  release_ = info.release;
}

void Device::boot() {
  ++boots_;
  patch_at_ = 0;
  flash_.protect(3);
  for (size_t i = 0; i < sizeof work_; i += 2) {
    const auto left_over = static_cast<uint16_t>(random_() >> 8);
    std::copy_n(reinterpret_cast<const uint8_t*>(&left_over), 2, work_ + i);
  }
  const int status = mallorn_boot(&port_, this, work_, sizeof work_, &info_);
  is_unfinished_ = status == MALLORN_E_UNFINISHED;
  if (is_unfinished_) {
    const bool may_be =
        is_in_place() && cuts_ > 0 && goal() != nullptr && goal()->expected == MALLORN_DONE;
    if (!may_be) fail("an update is not finished");
    flash_.protect(0);
    return;
  }
  if (status != MALLORN_DONE) fail(std::string("boot: ") + mallorn_status_name(status));
  inspect(info_);
  const unsigned in_use = is_in_place() ? 0 : 1u << info_.slot;
  flash_.protect(info_.is_trial != 0 ? 3 : in_use);
}

bool Device::is_unfinished_at_boot() {
  boot();
  return is_unfinished_;
}

mallorn_update* Device::begin_update() {
  mallorn_update* m = nullptr;
  patch_at_ = 0;
  if (mallorn_init(&m, work_, sizeof work_, &port_, this, &policy_) != MALLORN_DONE) {
    fail("init");
  }
  return m;
}

int Device::offer(Bytes patch) {
  flash_.protect(15);
  std::swap(goals_[goal_].patch, patch);
  mallorn_update* const m = begin_update();
  int status = MALLORN_MORE;
  while (status > MALLORN_DONE) status = mallorn_step(m);
  std::swap(goals_[goal_].patch, patch);
  flash_.protect(0);
  return status;
}

int Device::abort_update() {
  flash_.protect(15);
  const int status = mallorn_abort(begin_update());
  flash_.protect(0);
  return status;
}

// What may have to be done again after a cut: a block, or all since the last restart point
// where metadata have no room for more than that.
uint32_t Device::most_lost() const {
  return has_room_for_state(port_) ? port_.erase_size
                                   : std::max(port_.erase_size, kCopyRestart);
}

// Also looks at where the update is taken up, and how far it comes.
int Device::step_to_the_end(mallorn_update* m) {
  uint32_t done = 0;
  uint32_t total = 0;
  bool is_begun = false;
  int status = MALLORN_MORE;
  try {
    for (int steps = 0; status > MALLORN_DONE; ++steps) {
      if (steps > 1'000'000) fail("the update does not end");
      status = mallorn_step(m);
      mallorn_progress(m, &done, &total);
      if (status < MALLORN_DONE || total == 0 || is_begun) continue;
      is_begun = true;
      const bool is_kept = goal()->expected == MALLORN_DONE;  // else it is dropped
      if (is_kept && done + most_lost() < come_to_)
        fail("more than an erase block is done again");
    }
  } catch (const PowerCut&) {
    mallorn_progress(m, &done, &total);
    come_to_ = std::max(come_to_, done);
    throw;
  }
  return status;
}

// True if the update has come to its end.
bool Device::update(const Goal& goal) {
  const uint64_t before = flash_.slot_operations();
  const int status = step_to_the_end(begin_update());
  if (!flash_.violation().empty()) fail(flash_.violation());
  come_to_ = 0;
  // The record of the trial flickers: the boot has not seen it, the update has. The next
  // boot settles it. It may be that of a goal that seemed to be dropped.
  if (status == MALLORN_E_TRIAL && cuts_ > 0) {
    if (has_dropped_) --goal_;
    has_dropped_ = false;
    return false;
  }
  // In place a cut may end a trial before it is confirmed: then the release is as it was.
  const bool is_release_kept = is_in_place() && goal.result.release >= release_;
  const int expected = goal.expected == MALLORN_E_RELEASE && is_release_kept
                           ? static_cast<int>(MALLORN_E_BASE)
                           : goal.expected;
  if (status != expected) {
    fail(std::string("update: ") + mallorn_status_name(status) + " instead of " +
         mallorn_status_name(expected));
  }
  if (!goal.may_write && flash_.slot_operations() != before) {
    fail("a slot is written before the patch is trusted");
  }
  if (status != MALLORN_DONE) return true;
  is_committed_ = true;
  const uint8_t into = is_in_place() ? 0 : static_cast<uint8_t>(info_.slot ^ 1);
  const auto length = static_cast<uint32_t>(goal.result.bytes.size());
  if (flash_.contents(into, length) != goal.result.bytes) {
    fail("what is committed is not the result");
  }
  return false;
}

// Does what comes next; true if another boot is needed.
bool Device::work_on(const Goal& goal) {
  const auto reached = [this] {
    ++goal_;
    is_committed_ = may_be_confirmed_ = false;
    trial_boots_ = 0;
    come_to_ = 0;
  };
  if (is_unfinished_) return !update(goal);
  if (info_.is_trial != 0) {
    if (!goal.is_confirmed) return true;
    may_be_confirmed_ = true;
    const int status = mallorn_confirm(&port_, this, work_, sizeof work_);
    if (status != MALLORN_DONE)
      fail(std::string("confirm: ") + mallorn_status_name(status));
    model_ = goal.result;
    info_.is_trial = 0;
    release_ = std::max(release_, goal.result.release);
    flash_.protect(is_in_place() ? 0 : 1u << info_.slot);
    reached();
    return false;
  }
  const Bytes held = flash_.contents(info_.slot, info_.length);
  if (may_be_confirmed_ && held == goal.result.bytes) {  // the cut came after the record
    model_ = goal.result;
    reached();
    return false;
  }
  if (is_committed_ && is_in_place() && held == goal.result.bytes) {
    model_.bytes = held;  // the trial has ended, which is all
    reached();
    return false;
  }
  if (is_committed_ && !goal.is_confirmed) {  // the trial has ended
    reached();
    return false;
  }
  if (goal.is_dropped && cuts_ > 0 && !is_committed_) {
    has_dropped_ = true;
    reached();
    return false;
  }
  if (is_committed_ && trial_boots_ < policy_.tries && cuts_ == 0)
    fail("the trial is lost");
  is_committed_ = false;
  trial_boots_ = 0;
  if (!update(goal)) return true;
  reached();
  return false;
}

bool Device::live() {
  try {
    for (const size_t limit = boots_ + 8 + goals_.size() * (policy_.tries + 2u);;) {
      if (boots_ == limit) fail("too many boots");
      boot();
      while (goal() != nullptr && !work_on(*goal())) {
      }
      if (goal() == nullptr) return true;
    }
  } catch (const PowerCut&) {
    ++cuts_;
    return false;
  }
}

void Device::live_to_the_end() {
  while (!live()) flash_.cut_never();
  boot();  // and it still does
}

}  // namespace mallorn::firmware::sim
