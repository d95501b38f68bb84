#pragma once

#include "../arguments.h"

/** What JavaScript can call. Arguments and results are described where they are checked first: src/crypto/native.ts. */
namespace krypton {

// secrets.cc
napi_value generateSecret(const Arguments& arguments);
napi_value secretFromBytes(const Arguments& arguments);
napi_value duplicateSecret(const Arguments& arguments);
napi_value secretLength(const Arguments& arguments);
napi_value copySecret(const Arguments& arguments);
napi_value releaseSecret(const Arguments& arguments);

// bytes.cc
napi_value fillRandom(const Arguments& arguments);
napi_value seedOpenSsl(const Arguments& arguments);
napi_value wipeBytes(const Arguments& arguments);
napi_value wipeStack(const Arguments& arguments);
napi_value equalBytes(const Arguments& arguments);

// macs.cc
napi_value hmac(const Arguments& arguments);
napi_value verifyHmac(const Arguments& arguments);
napi_value deriveSecret(const Arguments& arguments);
napi_value deriveIdentifier(const Arguments& arguments);
napi_value deriveBytes(const Arguments& arguments);

// records.cc
napi_value sealRecord(const Arguments& arguments);
napi_value openRecord(const Arguments& arguments);

// ciphers.cc
napi_value encrypt(const Arguments& arguments);
napi_value decrypt(const Arguments& arguments);
napi_value wrapKey(const Arguments& arguments);
napi_value unwrapKey(const Arguments& arguments);

// asymmetric-keys.cc
napi_value parseKey(const Arguments& arguments);
napi_value describeKey(const Arguments& arguments);
napi_value releaseKey(const Arguments& arguments);
napi_value signWithKey(const Arguments& arguments);
napi_value verifyWithKey(const Arguments& arguments);
napi_value decryptWithKey(const Arguments& arguments);

// memory.cc
napi_value describe(const Arguments& arguments);

// process.cc
napi_value hardenProcess(const Arguments& arguments);
napi_value describeProcess(const Arguments& arguments);

}  // namespace krypton
