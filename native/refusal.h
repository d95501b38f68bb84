#pragma once

#include <stdexcept>
#include <string>

namespace krypton {

/** A call that is not carried out: JavaScript sees an Error with this text. */
class Refusal : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/** An argument of a wrong type, length or offset: JavaScript sees a TypeError. */
class WrongArgument : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace krypton
