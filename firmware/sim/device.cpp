#include "firmware/sim/device.hpp"

#include <algorithm>

#include "firmware/src/crc32c.hpp"
#include "firmware/src/patch_front.hpp"
#include "firmware/src/sha256.hpp"

namespace mallorn::firmware::sim {
namespace {

constexpr uint8_t kKeys[2][32] = {{1}, {2}};
constexpr uint8_t kModelId[4] = {'k', 'w', 's', '1'};
constexpr char kDomain[] = "Mallorn patch signature, version 0";

Bytes digest_of(const Bytes& bytes) {
  Sha256 hash;
  sha256_start(hash);
  sha256_update(hash, bytes.data(), bytes.size());
  Bytes digest(32);
  sha256_finish(hash, digest.data());
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
  return port;
}

void put_u32(Bytes& bytes, size_t at, size_t value) {
  store_u32(bytes.data() + at, static_cast<uint32_t>(value));
}

}  // namespace

// docs/format/patch.md, section 4, and sign.md; the body is that of copy_decoder.cpp.
Bytes make_patch(const Model& base, const Model& result, Fault fault) {
  Bytes body = result.bytes;
  for (size_t i = 0; i < std::min(body.size(), base.bytes.size()); ++i) {
    body[i] ^= base.bytes[i];
  }
  if (body.empty()) body.push_back(0);  // there is no patch without a body
  Bytes header(kHeaderFixedBytes + sizeof kModelId);
  const uint8_t begin[] = {0x8D, 'M', 'L', 'P', 0, 1, static_cast<uint8_t>(header.size()),
                           0};
  std::copy(std::begin(begin), std::end(begin), header.begin());
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
  if (fault == Fault::unsigned_patch) blocks.resize(kSignatureBlockBytes);
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
  flash_.fill(MALLORN_SLOT_B, Bytes(geometry.slot_size, 0x5A));  // never erased
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
  } else if (held != model_.bytes && !(is_result && may_be_confirmed_)) {
    fail("the slot to use holds another model");
  }
  if (info.release < release_) fail("the counter has fallen");
  if (info.release > release_ && !may_be_confirmed_) fail("the counter has risen");
  release_ = info.release;
}

void Device::boot() {
  ++boots_;
  patch_at_ = 0;
  come_to_ = std::max(come_to_, flash_.last_erase());
  flash_.forget_erases();
  flash_.protect(3);
  for (uint8_t& byte : work_) byte = static_cast<uint8_t>(random_());
  const int status = mallorn_boot(&port_, this, work_, sizeof work_, &info_);
  if (status != MALLORN_DONE) fail(std::string("boot: ") + mallorn_status_name(status));
  inspect(info_);
  flash_.protect(info_.is_trial != 0 ? 3 : 1u << info_.slot);
}

// True if the update has come to its end.
bool Device::update(const Goal& goal) {
  mallorn_update* m = nullptr;
  patch_at_ = 0;
  if (mallorn_init(&m, work_, sizeof work_, &port_, this, &policy_) != MALLORN_DONE) {
    fail("init");
  }
  const uint64_t before = flash_.slot_operations();
  int status = MALLORN_MORE;
  for (int steps = 0; status > MALLORN_DONE; ++steps) {
    if (steps > 1'000'000) fail("the update does not end");
    status = mallorn_step(m);
  }
  if (!flash_.violation().empty()) fail(flash_.violation());
  const int64_t begun = flash_.first_erase();
  if (status == MALLORN_DONE && begun >= 0 && begun < come_to_)
    fail("more than an erase block is done again");
  come_to_ = -1;
  flash_.forget_erases();
  // The record of the trial flickers: the boot has not seen it, the update has. The next
  // boot settles it.
  if (status == MALLORN_E_TRIAL && cuts_ > 0) return false;
  if (status != goal.expected) {
    fail(std::string("update: ") + mallorn_status_name(status) + " instead of " +
         mallorn_status_name(goal.expected));
  }
  if (!goal.may_write && flash_.slot_operations() != before) {
    fail("a slot is written before the patch is trusted");
  }
  if (status != MALLORN_DONE) return true;
  is_committed_ = true;
  const auto other = static_cast<uint8_t>(info_.slot ^ 1);
  const auto length = static_cast<uint32_t>(goal.result.bytes.size());
  if (flash_.contents(other, length) != goal.result.bytes) {
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
    come_to_ = -1;
    flash_.forget_erases();
  };
  if (info_.is_trial != 0) {
    if (!goal.is_confirmed) return true;
    may_be_confirmed_ = true;
    const int status = mallorn_confirm(&port_, this, work_, sizeof work_);
    if (status != MALLORN_DONE)
      fail(std::string("confirm: ") + mallorn_status_name(status));
    model_ = goal.result;
    info_.is_trial = 0;
    release_ = std::max(release_, goal.result.release);
    flash_.protect(1u << info_.slot);
    reached();
    return false;
  }
  const Bytes held = flash_.contents(info_.slot, info_.length);
  if (may_be_confirmed_ && held == goal.result.bytes) {  // the cut came after the record
    model_ = goal.result;
    reached();
    return false;
  }
  if (is_committed_ && !goal.is_confirmed) {  // the trial has ended
    reached();
    return false;
  }
  if (goal.is_dropped && cuts_ > 0 && !is_committed_) {
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
