#pragma once

#include <cstddef>
#include <cstdint>

namespace krypton {

/** A run of bytes that somebody else owns. */
struct Span {
  const uint8_t* data;
  size_t size;
};

/** The most that goes into a cipher in one call, which keeps every length within OpenSSL's int. */
constexpr size_t kCipherBytesMax = size_t{1} << 30;

}  // namespace krypton
