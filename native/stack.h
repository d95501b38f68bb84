#pragma once

namespace krypton {

/**
 * Overwrites the stack below the caller, where code that handled keys may have left some (KEYS.md 9): Node's TLS reads a record into
 * 16 KiB of stack.
 */
void wipeStackBelow();

}  // namespace krypton
