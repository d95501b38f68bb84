import type { KnownAnswers } from './known-answers.ts'
import type { NativeAddon } from './native.ts'

/**
 * Runs the addon on fixed input before it is given the first real key. Undefined when every answer is right, else which one is not:
 * then the addon is not used.
 */
export function addonFault(addon: NativeAddon, answers: KnownAnswers): string | undefined {
  try {
    return wrongAnswer(addon, answers)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function wrongAnswer(addon: NativeAddon, answers: KnownAnswers): string | undefined {
  const handles: number[] = []
  const secret = (secretClass: number, bytes: Buffer): number => {
    const handle = addon.secretFromBytes(secretClass, bytes)
    handles.push(handle)
    return handle
  }
  try {
    const text = Buffer.from('XAES-256-GCM')
    const associated = Buffer.from('c2sp.org/XAES-256-GCM')
    const zeros = secret(1, Buffer.alloc(32))
    const key = secret(1, Buffer.alloc(32, 3))
    const ownKey = secret(0, Buffer.alloc(32, 3))
    const suite1 = Buffer.alloc(12 + 16 + 16)
    addon.sealRecord(1, zeros, suite1, 0, associated, 0, Buffer.alloc(16), 12)
    if (suite1.toString('hex', 12) !== answers.suite1) return 'AES-256-GCM'
    const suite2 = Buffer.concat([Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWX'), Buffer.alloc(text.byteLength + 16)])
    addon.sealRecord(2, key, suite2, 0, associated, associated.byteLength, text, 24)
    if (suite2.toString('hex', 24) !== answers.suite2) return 'XAES-256-GCM'
    const opened = addon.openRecord(2, key, suite2, 0, associated, associated.byteLength, 24, 0)
    handles.push(opened)
    const plain = Buffer.alloc(text.byteLength)
    addon.copySecret(opened, plain, 0)
    if (!addon.equalBytes(plain, text)) return 'XAES-256-GCM, opening'
    suite2[24]! ^= 1
    if (addon.openRecord(2, key, suite2, 0, associated, associated.byteLength, 24, 0) !== 0) return 'the tag of AES-GCM'
    const mac = Buffer.alloc(32)
    addon.hmac(secret(2, Buffer.from('Jefe')), 2, Buffer.from('what do ya want for nothing?'), mac, 0)
    if (mac.toString('hex') !== answers.hmac) return 'HMAC-SHA-256'
    const derived = Buffer.alloc(48)
    addon.deriveBytes(ownKey, Buffer.from('label'), Buffer.from('context'), derived)
    if (derived.toString('hex') !== answers.kdf) return 'the derivation of keys'
    return undefined
  } finally {
    for (const handle of handles) addon.releaseSecret(handle)
  }
}
