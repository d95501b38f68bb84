import { nativeAddon } from './native.ts'

/**
 * Overwrites the stack below the caller: Node's TLS reads a record into 16 KiB of it, and what a client registered stays there until something
 * else comes by. Without the addon it does nothing: JavaScript has no way to the stack.
 */
export function wipeStack(): void {
  nativeAddon()?.wipeStack()
}
