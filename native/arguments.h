#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>

#include "slots.h"

namespace krypton {

/** One environment of Node: the main thread's or a worker's. Its secrets end with it. */
struct Environment {
  /** Told apart from every other of the process. */
  uint32_t number;
};

/** Bytes of a Uint8Array, good until the call returns. */
struct Bytes {
  uint8_t* data;
  size_t size;
};

/**
 * The arguments of a call from JavaScript. TypeScript has checked them already (src/crypto/native.ts); here they are checked again,
 * so that a mistake there is a TypeError and never a wrong read. Every method throws WrongArgument.
 */
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info);

  const Environment& environment() const { return *environment_; }

  /** An integer from 0 to `max`. */
  uint32_t number(size_t index, uint32_t max) const;
  Handle handle(size_t index) const;
  SecretClass secretClass(size_t index) const;
  bool isNumber(size_t index) const;
  /** A whole Uint8Array. */
  Bytes bytes(size_t index) const;
  /** A part of the Uint8Array at `index`, with its offset and length in the two arguments after it. */
  Bytes range(size_t index) const;
  /** A part of exactly `length` bytes of the Uint8Array at `index`, with its offset in the argument after it. */
  Bytes at(size_t index, size_t length) const;
  /** The array of numbers in which more than one is returned. */
  double* numbers(size_t index, size_t count) const;

  /** What is returned: nothing else is made in JavaScript. */
  napi_value number(double value) const;
  napi_value boolean(bool value) const;

 private:
  static constexpr size_t kMax = 12;

  double plainNumber(size_t index) const;
  Bytes part(size_t index, double offset, double length) const;

  napi_env env_;
  napi_value values_[kMax];
  const Environment* environment_;
};

/** Runs `function` and turns what it throws into an exception of JavaScript. */
napi_value call(napi_env env, napi_callback_info info, napi_value (*function)(const Arguments&));

/** `function` as Node calls it. */
template <napi_value (*function)(const Arguments&)>
napi_value exported(napi_env env, napi_callback_info info) {
  return call(env, info, function);
}

}  // namespace krypton
