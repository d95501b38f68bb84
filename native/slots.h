#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "secure-memory.h"

namespace krypton {

/** What a secret may be used for (KEYS.md 9); each class has slabs of its own. The numbers are those of src/crypto/native.ts. */
enum class SecretClass : uint8_t { kObject = 0, kWrapping = 1, kSystem = 2 };
constexpr size_t kSecretClasses = 3;

/** Names a secret for ever: a slot's index and the number of secrets that the slot held before. JavaScript holds it as a number. */
using Handle = uint64_t;

/** The longest secret: twice the key material that an object may have (src/limits.ts), for its other forms. */
constexpr size_t kSecretBytesMax = 2 * 1024 * 1024;

/** What is kept ready beside a secret, in the same locked memory, for as long as the secret lives. */
struct Prepared {
  /** Of a wrapping secret of 32 bytes: CMAC's subkey K1, which XAES-256-GCM begins with. */
  static constexpr size_t kWrappingBytes = 16;
  /** Of a system secret: SHA-256's chaining values after the inner and the outer pad of HMAC. */
  static constexpr size_t kSystemBytes = 64;
};

/** A place for one secret. What it says is no secret; the bytes lie in a region. */
struct Slot {
  /** generation (30 bits) | live (1 bit) | uses in flight (32 bits). */
  std::atomic<uint64_t> state{0};
  uint8_t* memory = nullptr;
  uint32_t index = 0;
  uint32_t length = 0;
  std::atomic<uint32_t> owner{0};
  SecretClass secretClass = SecretClass::kObject;
  /** Which free list it goes back to. */
  uint8_t size = 0;
  /** Memory of its own; only for what is larger than any size. */
  Region own;
};

class SlotArena;

/** A secret in use: its bytes stay where they are until this ends, whoever releases it meanwhile. */
class Pinned {
 public:
  Pinned(Pinned&& other) noexcept : arena_(other.arena_), slot_(other.slot_) { other.slot_ = nullptr; }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  Pinned& operator=(Pinned&&) = delete;
  ~Pinned();

  const uint8_t* data() const { return slot_->memory + preparedBytes(slot_->secretClass); }
  size_t size() const { return slot_->length; }
  SecretClass secretClass() const { return slot_->secretClass; }
  /** See `Prepared`; what it holds depends on the class. */
  const uint8_t* prepared() const { return slot_->memory; }

  static size_t preparedBytes(SecretClass secretClass);

 private:
  friend class SlotArena;
  Pinned(SlotArena& arena, Slot* slot) : arena_(arena), slot_(slot) {}
  SlotArena& arena_;
  Slot* slot_;
};

/** A slot that is being filled. It has no handle before `publish`; dropped without it, it is wiped. */
class Draft {
 public:
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  ~Draft();

  uint8_t* data() { return slot_->memory + Pinned::preparedBytes(slot_->secretClass); }
  size_t size() const { return slot_->length; }
  /** Makes what is to be kept ready and hands out the secret. */
  Handle publish();

 private:
  friend class SlotArena;
  Draft(SlotArena& arena, Slot* slot) : arena_(arena), slot_(slot) {}
  SlotArena& arena_;
  Slot* slot_;
};

/** What the arena holds and what the kernel gave for it. */
struct ArenaReport {
  size_t secretBytes = 0;
  size_t lockedBytes = 0;
  size_t unlockedBytes = 0;
  size_t slots = 0;
  size_t slotsInUse[kSecretClasses] = {};
  Refusals refusals;
};

/** All secrets of the process, in slabs of protected memory. Every thread uses the one arena. */
class SlotArena {
 public:
  /** The arena of the process. It outlives every thread: at the process's end it is wiped, not taken down. */
  static SlotArena& instance();

  /** An empty slot of `length` bytes, which `owner` (an environment's number) releases with its end. Throws Refusal. */
  Draft draft(SecretClass secretClass, size_t length, uint32_t owner);
  /** Throws Refusal for a handle that names no secret, or none any more. */
  Pinned pin(Handle handle);
  /** Ends a secret: wiped now, or when the last use in flight ends. False when it had ended already. */
  bool release(Handle handle);
  /** Ends all secrets of an environment. */
  void releaseOwnedBy(uint32_t owner);
  /** Ends all secrets; from here on none is made. */
  void close();
  ArenaReport report();

 private:
  friend class Pinned;
  friend class Draft;

  SlotArena();
  Slot* take(SecretClass secretClass, size_t length);
  void addSlab(SecretClass secretClass, size_t size);
  Slot* addSlot(SecretClass secretClass, size_t size, uint8_t* memory);
  Slot* find(uint64_t index) const;
  void unpin(Slot* slot);
  bool releaseSlot(Slot* slot, uint64_t expected);
  void recycle(Slot* slot);
  void count(const Region& region, bool isMapped);

  std::mutex mutex_;
  /** Never moved and never freed, so that a handle can be looked up without the mutex. */
  std::unique_ptr<std::atomic<Slot*>[]> chunks_;
  size_t slotCount_ = 0;
  std::vector<Slot*> free_[kSecretClasses][8];
  bool closed_ = false;
  ArenaReport report_;
};

}  // namespace krypton
