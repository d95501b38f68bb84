#include "slots.h"

#include <openssl/crypto.h>

#include <cstdlib>

#include "aes.h"
#include "hmac.h"
#include "poison.h"
#include "refusal.h"

namespace krypton {
namespace {

constexpr int kIndexBits = 22;
constexpr int kGenerationShift = 34;
constexpr uint64_t kLive = uint64_t{1} << 33;
constexpr uint64_t kPinsMask = 0xffff'ffff;
constexpr uint64_t kGenerationMax = (uint64_t{1} << 30) - 1;

constexpr size_t kChunkSlots = 1024;
constexpr size_t kChunks = (size_t{1} << kIndexBits) / kChunkSlots;

/** Sizes of slots: a data key, an HMAC key with its states, an EC key, RSA-2048, RSA-8192, what an application registers. */
constexpr size_t kSizes[] = {64, 128, 256, 2048, 8192, 16384};
constexpr uint8_t kOwnRegion = std::size(kSizes);

/** 64 of these are the usual RLIMIT_MEMLOCK of 8 MiB. */
constexpr size_t kSlabBytes = 128 * 1024;

uint64_t generationOf(uint64_t state) { return state >> kGenerationShift; }

}  // namespace

size_t Pinned::preparedBytes(SecretClass secretClass) {
  switch (secretClass) {
    case SecretClass::kWrapping:
      return Prepared::kWrappingBytes;
    case SecretClass::kSystem:
      return Prepared::kSystemBytes;
    case SecretClass::kObject:
      break;
  }
  return 0;
}

Pinned::~Pinned() {
  if (slot_ != nullptr) arena_.unpin(slot_);
}

Draft::~Draft() {
  if (slot_ != nullptr) arena_.recycle(slot_);
}

Handle Draft::publish() {
  if (slot_->secretClass == SecretClass::kWrapping && slot_->length == kAes256KeyBytes) {
    cmacSubkey(data(), slot_->memory);
  } else if (slot_->secretClass == SecretClass::kSystem) {
    hmacSha256States(data(), slot_->length, slot_->memory);
  }
  const uint64_t generation = generationOf(slot_->state.load(std::memory_order_relaxed));
  const Handle handle = generation << kIndexBits | slot_->index;
  slot_->state.store(generation << kGenerationShift | kLive, std::memory_order_release);
  slot_ = nullptr;
  return handle;
}

SlotArena& SlotArena::instance() {
  static SlotArena* const arena = [] {
    auto* made = new SlotArena();
    // process.exit and an uncaught exception end the process without the environments' own ends.
    std::atexit([] { instance().close(); });
    return made;
  }();
  return *arena;
}

SlotArena::SlotArena() : chunks_(new std::atomic<Slot*>[kChunks]()) {}

Draft SlotArena::draft(SecretClass secretClass, size_t length, uint32_t owner) {
  if (length > kSecretBytesMax) throw Refusal("the secret is longer than any that is kept");
  const std::lock_guard lock(mutex_);
  if (closed_) throw Refusal("the process ends: no secret is made any more");
  Slot* slot = take(secretClass, Pinned::preparedBytes(secretClass) + length);
  unpoison(slot->memory, Pinned::preparedBytes(secretClass) + length);
  slot->length = static_cast<uint32_t>(length);
  slot->owner = owner;
  report_.slotsInUse[static_cast<size_t>(secretClass)]++;
  return {*this, slot};
}

Slot* SlotArena::take(SecretClass secretClass, size_t length) {
  uint8_t size = 0;
  while (size < kOwnRegion && kSizes[size] < length) size++;
  auto& unused = free_[static_cast<size_t>(secretClass)][size];
  if (size == kOwnRegion) {
    const Region region = mapRegion(length, report_.refusals);
    if (region.data == nullptr) throw Refusal("there is no memory for a secret");
    count(region, true);
    if (unused.empty()) unused.push_back(addSlot(secretClass, size, nullptr));
    unused.back()->own = region;
    unused.back()->memory = region.data;
  } else if (unused.empty()) {
    addSlab(secretClass, size);
  }
  Slot* slot = unused.back();
  unused.pop_back();
  return slot;
}

void SlotArena::addSlab(SecretClass secretClass, size_t size) {
  const Region region = mapRegion(kSlabBytes, report_.refusals);
  if (region.data == nullptr) throw Refusal("there is no memory for a secret");
  count(region, true);
  poison(region.data, region.size);
  auto& unused = free_[static_cast<size_t>(secretClass)][size];
  for (size_t end = region.size; end >= kSizes[size]; end -= kSizes[size]) {
    unused.push_back(addSlot(secretClass, size, region.data + end - kSizes[size]));
  }
}

Slot* SlotArena::addSlot(SecretClass secretClass, size_t size, uint8_t* memory) {
  const size_t chunk = slotCount_ / kChunkSlots;
  if (chunk == kChunks) throw Refusal("there are more secrets than handles");
  if (chunks_[chunk].load(std::memory_order_relaxed) == nullptr) {
    chunks_[chunk].store(new Slot[kChunkSlots], std::memory_order_release);
  }
  Slot* slot = &chunks_[chunk].load(std::memory_order_relaxed)[slotCount_ % kChunkSlots];
  slot->index = static_cast<uint32_t>(slotCount_);
  slot->memory = memory;
  slot->secretClass = secretClass;
  slot->size = static_cast<uint8_t>(size);
  // Generation 0 is never live, so that no handle is 0.
  slot->state.store(uint64_t{1} << kGenerationShift, std::memory_order_relaxed);
  slotCount_++;
  report_.slots++;
  return slot;
}

Slot* SlotArena::find(uint64_t index) const {
  Slot* chunk = chunks_[index / kChunkSlots].load(std::memory_order_acquire);
  return chunk == nullptr ? nullptr : &chunk[index % kChunkSlots];
}

Pinned SlotArena::pin(Handle handle) {
  Slot* slot = find(handle & ((uint64_t{1} << kIndexBits) - 1));
  if (slot != nullptr) {
    const uint64_t generation = handle >> kIndexBits;
    uint64_t state = slot->state.load(std::memory_order_acquire);
    while (generationOf(state) == generation && (state & kLive) != 0) {
      if (slot->state.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel)) return {*this, slot};
    }
  }
  throw Refusal("a secret was used after it was wiped");
}

void SlotArena::unpin(Slot* slot) {
  const uint64_t before = slot->state.fetch_sub(1, std::memory_order_acq_rel);
  if ((before & kLive) == 0 && (before & kPinsMask) == 1) recycle(slot);
}

bool SlotArena::release(Handle handle) {
  Slot* slot = find(handle & ((uint64_t{1} << kIndexBits) - 1));
  return slot != nullptr && releaseSlot(slot, handle >> kIndexBits);
}

bool SlotArena::releaseSlot(Slot* slot, uint64_t generation) {
  uint64_t state = slot->state.load(std::memory_order_acquire);
  while (generationOf(state) == generation && (state & kLive) != 0) {
    if (!slot->state.compare_exchange_weak(state, state & ~kLive, std::memory_order_acq_rel)) continue;
    if ((state & kPinsMask) == 0) recycle(slot);
    return true;
  }
  return false;
}

/** Wipes a slot that nobody uses and makes its old handle stale. */
void SlotArena::recycle(Slot* slot) {
  const size_t used = Pinned::preparedBytes(slot->secretClass) + slot->length;
  if (slot->size != kOwnRegion) {
    OPENSSL_cleanse(slot->memory, used);
    poison(slot->memory, used);
  }
  const std::lock_guard lock(mutex_);
  if (slot->size == kOwnRegion) {
    count(slot->own, false);
    unmapRegion(slot->own);
    slot->memory = nullptr;
  }
  report_.slotsInUse[static_cast<size_t>(slot->secretClass)]--;
  const uint64_t generation = generationOf(slot->state.load(std::memory_order_relaxed)) + 1;
  // A slot whose generations are used up is left empty: no handle ever names a second secret.
  if (generation > kGenerationMax) return;
  slot->state.store(generation << kGenerationShift, std::memory_order_release);
  free_[static_cast<size_t>(slot->secretClass)][slot->size].push_back(slot);
}

void SlotArena::releaseOwnedBy(uint32_t owner) {
  size_t count;
  {
    const std::lock_guard lock(mutex_);
    count = slotCount_;
  }
  for (size_t index = 0; index < count; index++) {
    Slot* slot = find(index);
    const uint64_t state = slot->state.load(std::memory_order_acquire);
    if ((state & kLive) != 0 && slot->owner == owner) releaseSlot(slot, generationOf(state));
  }
}

void SlotArena::close() {
  size_t count;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    count = slotCount_;
  }
  for (size_t index = 0; index < count; index++) {
    Slot* slot = find(index);
    const uint64_t state = slot->state.load(std::memory_order_acquire);
    if ((state & kLive) != 0) releaseSlot(slot, generationOf(state));
  }
}

void SlotArena::count(const Region& region, bool isMapped) {
  size_t& bytes = region.protection == Protection::kSecret   ? report_.secretBytes
                  : region.protection == Protection::kLocked ? report_.lockedBytes
                                                             : report_.unlockedBytes;
  bytes = isMapped ? bytes + region.size : bytes - region.size;
}

ArenaReport SlotArena::report() {
  const std::lock_guard lock(mutex_);
  return report_;
}

}  // namespace krypton
