import type { MaybePromise } from '../keystore/maybe-promise.ts'
import type { NewObject } from '../objects/new-object.ts'
import type { OperationContext } from './handler.ts'

/** What a Register asks to be kept. */
export interface Registered extends Pick<
  NewObject,
  'objectType' | 'requested' | 'algorithm' | 'lengthBits' | 'keyFormatType' | 'dataType' | 'implied'
> {
  /** As it is kept; undefined when the client keeps it. A view of the frame, unless there is something to wipe. */
  readonly material: Uint8Array | undefined
  /** What must hold of the material, and takes its time to be found out. */
  readonly check?: (context: OperationContext) => MaybePromise<void>
  /** Wipes what was copied out of the frame. */
  readonly wipe?: () => void
}
