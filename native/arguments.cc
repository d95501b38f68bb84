#include "arguments.h"

#include <openssl/err.h>

#include <cmath>
#include <exception>

#include "refusal.h"
#include "registers.h"

namespace krypton {
namespace {

constexpr double kSafeIntegerMax = 9007199254740991;

/** Whatever a call worked on is out of the registers when it ends. */
struct RegisterWipe {
  ~RegisterWipe() { wipeVectorRegisters(); }
};

}  // namespace

Arguments::Arguments(napi_env env, napi_callback_info info) : env_(env) {
  size_t count = kMax;
  void* data = nullptr;
  // Arguments that were left out are undefined, which is refused where it is read.
  if (napi_get_cb_info(env, info, &count, values_, nullptr, &data) != napi_ok) throw WrongArgument("no call");
  environment_ = static_cast<const Environment*>(data);
}

double Arguments::plainNumber(size_t index) const {
  double value;
  if (napi_get_value_double(env_, values_[index], &value) != napi_ok || !(value >= 0 && value <= kSafeIntegerMax) ||
      value != std::floor(value)) {
    throw WrongArgument("an argument must be an integer that is not negative");
  }
  return value;
}

uint32_t Arguments::number(size_t index, uint32_t max) const {
  const double value = plainNumber(index);
  if (value > max) throw WrongArgument("a number is out of its range");
  return static_cast<uint32_t>(value);
}

Handle Arguments::handle(size_t index) const { return static_cast<Handle>(plainNumber(index)); }

SecretClass Arguments::secretClass(size_t index) const {
  return static_cast<SecretClass>(number(index, kSecretClasses - 1));
}

bool Arguments::isNumber(size_t index) const {
  napi_valuetype type;
  return napi_typeof(env_, values_[index], &type) == napi_ok && type == napi_number;
}

Bytes Arguments::bytes(size_t index) const {
  napi_typedarray_type type;
  size_t size;
  void* data;
  if (napi_get_typedarray_info(env_, values_[index], &type, &size, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    throw WrongArgument("an argument must be a Uint8Array");
  }
  // An empty one may have no memory; functions of C want a pointer all the same.
  static uint8_t nothing;
  return {data == nullptr ? &nothing : static_cast<uint8_t*>(data), size};
}

Bytes Arguments::range(size_t index) const { return part(index, plainNumber(index + 1), plainNumber(index + 2)); }

Bytes Arguments::at(size_t index, size_t length) const {
  return part(index, plainNumber(index + 1), static_cast<double>(length));
}

Bytes Arguments::part(size_t index, double offset, double length) const {
  const Bytes whole = bytes(index);
  if (offset + length > static_cast<double>(whole.size)) throw WrongArgument("a range ends after its Uint8Array");
  return {whole.data + static_cast<size_t>(offset), static_cast<size_t>(length)};
}

double* Arguments::numbers(size_t index, size_t count) const {
  napi_typedarray_type type;
  size_t size;
  void* data;
  if (napi_get_typedarray_info(env_, values_[index], &type, &size, &data, nullptr, nullptr) != napi_ok ||
      type != napi_float64_array || size < count) {
    throw WrongArgument("an argument must be a Float64Array that is long enough");
  }
  return static_cast<double*>(data);
}

napi_value Arguments::number(double value) const {
  napi_value result = nullptr;
  napi_create_double(env_, value, &result);
  return result;
}

napi_value Arguments::boolean(bool value) const {
  napi_value result = nullptr;
  napi_get_boolean(env_, value, &result);
  return result;
}

napi_value call(napi_env env, napi_callback_info info, napi_value (*function)(const Arguments&)) {
  const RegisterWipe wipe;
  try {
    return function(Arguments(env, info));
  } catch (const WrongArgument& error) {
    napi_throw_type_error(env, nullptr, error.what());
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
  }
  // Node looks into OpenSSL's queue of errors after calls of its own: ours must not be found there.
  ERR_clear_error();
  return nullptr;
}

}  // namespace krypton
