import { andFinally } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import type { KeyBlock } from '../kmip/key-block.ts'
import { keptKeyBlock } from '../objects/kept-key-block.ts'
import { KeyForm } from '../objects/managed-object.ts'
import type { NewObject } from '../objects/new-object.ts'
import type { OperationContext } from './handler.ts'

/** What a Register asks to be kept. */
export interface Registered extends Pick<
  NewObject,
  'objectType' | 'requested' | 'algorithm' | 'lengthBits' | 'keyFormatType' | 'dataType' | 'implied' | 'structure'
> {
  /** The Key Block as it came, of a key that came wrapped: it is kept too. */
  readonly wrapped?: KeyBlock
  /** As it is kept, in the clear; undefined when the client keeps it, or the key to it. A view of the frame, unless there is something to wipe. */
  readonly material: Uint8Array | undefined
  /** What must hold of the material, and takes its time to be found out. */
  readonly check?: (context: OperationContext) => MaybePromise<void>
  /** Wipes what was copied out of the frame. */
  readonly wipe?: () => void
}

/** What the record of such an object holds. */
export function keyFormOf({ material, wrapped }: Registered): KeyForm {
  if (wrapped === undefined) return KeyForm.Plain
  return material === undefined ? KeyForm.Wrapped : KeyForm.Opened
}

/** Calls `use` with what the record is made of: the material, or the Key Block as it came with it, which is wiped afterwards. */
export function withRecord<T>(
  { material, wrapped }: Registered,
  use: (record: Uint8Array | undefined) => MaybePromise<T>,
): MaybePromise<T> {
  if (wrapped === undefined) return use(material)
  const kept = keptKeyBlock(wrapped, material)
  return andFinally(
    () => use(kept),
    () => {
      kept.fill(0)
    },
  )
}
