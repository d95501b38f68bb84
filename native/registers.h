#pragma once

namespace krypton {

/**
 * Zeroes the vector registers. AES and GCM leave blocks of plaintext and of key schedules in them, those of AVX-512 for as long as nothing
 * else needs them; the kernel copies all of them into the frame of the next signal, on a stack that is ordinary memory.
 */
void wipeVectorRegisters();

}  // namespace krypton
