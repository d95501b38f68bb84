import type { TLSSocket } from 'node:tls'

/**
 * Bytes of the write that is under way that the kernel has not taken. Node's streams tell only when a whole write is done; the socket below TLS, which
 * is handed all of one at once, knows more. Undefined where there is none.
 */
export function untakenBytes(socket: TLSSocket): number | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- internals of Node, each of which may be missing
  const { _handle: handle } = socket as unknown as {
    readonly _handle?: { readonly _parent?: { readonly writeQueueSize?: number } } | null
  }
  return handle?._parent?.writeQueueSize
}
