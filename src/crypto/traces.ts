import { nativeAddon } from './native.ts'

/**
 * Overwrites what earlier calls left on this thread's stack below the caller, and in the vector registers: what TLS decrypted (Node reads a record into 16
 * KiB of the stack), keys that were copied. Without the addon nobody can.
 */
export function wipeTraces(): void {
  nativeAddon()?.wipeStack()
}
