import { isMainThread } from 'node:worker_threads'
import { KeyChain } from '../../src/hierarchy/key-chain.ts'
import { Rewrapper } from '../../src/hierarchy/rewrap.ts'
import { objectRows } from '../../src/hierarchy/wrapped-rows.ts'
import { generateSecret } from '../../src/crypto/secret.ts'

/** What a server is planted with that must be found: the server has no such switch of its own. */
export const defects = ['loses keys', 'leaves old versions in use', 'activates before threads know'] as const
export type RotationDefect = (typeof defects)[number]

/** Puts a defect into this process, before anything rotates. */
export function plant(defect: RotationDefect): void {
  planted[defect]()
}

const planted: Readonly<Record<RotationDefect, () => void>> = {
  // Another key than the object's is wrapped anew: it opens, and is not what the client once got.
  'loses keys': () => {
    // oxlint-disable-next-line typescript/unbound-method -- it uses no `this`
    const { reseal } = objectRows
    Object.assign(objectRows, {
      reseal: (...[cluster, row, parent, secret]: Parameters<typeof reseal>) =>
        reseal(cluster, row, parent, generateSecret(secret.byteLength, 'object')),
    })
  },
  'leaves old versions in use': () => {
    Rewrapper.prototype.rewrap = async () => 0
  },
  // A thread that cannot open what is stored says that all is well.
  'activates before threads know': () => {
    if (isMainThread) return
    KeyChain.prototype.refresh = async () => undefined
    // oxlint-disable-next-line typescript/unbound-method -- called with the chain that it is a method of
    KeyChain.prototype.ivks = brokenAfter(KeyChain.prototype.ivks)
  },
}

/** From the third version on, the newest one does not open in this thread. */
function brokenAfter(ivks: KeyChain['ivks']): KeyChain['ivks'] {
  return function (this: KeyChain) {
    const opened = ivks.call(this)
    if (opened instanceof Promise || opened.active.version < 3) return opened
    throw new Error('planted: this thread cannot open the newest version')
  }
}

const asked = process.env['ROTATION_DEFECT']
const known = defects.find((defect) => defect === asked)
if (known !== undefined) plant(known)
