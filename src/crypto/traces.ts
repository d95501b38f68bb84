import { nativeAddon } from './native.ts'

/**
 * Overwrites what earlier calls left on this thread's stack below the caller, and in the vector registers: bytes that TLS decrypted, keys that
 * were copied. Without the addon nobody can.
 */
export function wipeTraces(): void {
  nativeAddon()?.wipeStack()
}
