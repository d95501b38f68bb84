import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { KryptonError } from '../errors.ts'
import { packageRoot } from '../package-root.ts'
import { knownAnswers } from './known-answers.ts'
import { addonFault } from './native-self-test.ts'
import type { SecretClass } from './secret.ts'

/** What the configuration's `native` says: use the addon where it is to be had, refuse to start without it, or do without. */
export type NativeSetting = 'auto' | 'required' | 'off'

/**
 * The addon's functions (`native/exports/`). A handle is a number that names a secret in locked memory, for ever the same one: after
 * `releaseSecret` it names nothing, in any thread. Results go into buffers of the caller. Every argument is checked again in C++: a
 * wrong one is a TypeError, a stale handle an Error.
 */
export interface NativeAddon {
  /** Of `addon.cc`: changes whenever a function does. */
  readonly interfaceVersion: number
  /** A secret of random bytes. */
  generateSecret(secretClass: number, bytes: number): number
  /** A copy of `source`, which stays the caller's to wipe. */
  secretFromBytes(secretClass: number, source: Uint8Array): number
  /** A second secret of the same bytes and class, which ends with the thread that asked for it. */
  duplicateSecret(handle: number): number
  secretLength(handle: number): number
  /** Throws for any class but `object`. */
  copySecret(handle: number, target: Uint8Array, offset: number): void
  /** False when the secret had ended already. */
  releaseSecret(handle: number): boolean
  fillRandom(target: Uint8Array, offset: number, bytes: number): void
  /** Has OpenSSL's own generator seeded anew with bytes of getrandom(2). */
  seedOpenSsl(): void
  wipeBytes(target: Uint8Array): void
  /** Overwrites what the calls before it left on the stack below the caller. */
  wipeStack(): void
  /** In a time that depends on the lengths only. */
  equalBytes(left: Uint8Array, right: Uint8Array): boolean
  hmac(handle: number, digest: number, data: Uint8Array, target: Uint8Array, offset: number): void
  verifyHmac(
    handle: number,
    digest: number,
    data: Uint8Array,
    dataOffset: number,
    dataBytes: number,
    tag: Uint8Array,
    tagOffset: number,
    tagBytes: number,
  ): boolean
  /** A secret of 32 bytes. */
  deriveSecret(handle: number, label: Uint8Array, context: Uint8Array, secretClass: number): number
  /** 16 public bytes; the label ends with `-id`. */
  deriveIdentifier(handle: number, label: Uint8Array, context: Uint8Array, target: Uint8Array, offset: number): void
  /** Fills `target`; throws for any class but `object`. */
  deriveBytes(handle: number, label: Uint8Array, context: Uint8Array, target: Uint8Array): void
  /** Ciphertext and tag go into `record` from `sealedOffset` to its end. `plaintext` is bytes or a handle. */
  sealRecord(
    suite: number,
    handle: number,
    record: Uint8Array,
    nonceOffset: number,
    associated: Uint8Array,
    associatedBytes: number,
    plaintext: Uint8Array | number,
    sealedOffset: number,
  ): void
  /** The handle of what was sealed in `record` from `sealedOffset` to its end; 0 when it does not open. */
  openRecord(
    suite: number,
    handle: number,
    record: Uint8Array,
    nonceOffset: number,
    associated: Uint8Array,
    associatedBytes: number,
    sealedOffset: number,
    secretClass: number,
  ): number
  /**
   * The bytes of ciphertext in `target`; GCM's tag ends `target`. Without GCM there must be room for a block more than the data. The
   * mode is a number of `AesMode` in `native/aes.h`; a mode without an IV takes an empty one.
   */
  encrypt(
    mode: number,
    handle: number,
    iv: Uint8Array,
    associated: Uint8Array,
    data: Uint8Array,
    target: Uint8Array,
    tagBytes: number,
  ): number
  /** The bytes of plaintext in `target`, which has room for `dataBytes`; -1, and none, when it was not encrypted so. */
  decrypt(
    mode: number,
    handle: number,
    iv: Uint8Array,
    associated: Uint8Array,
    data: Uint8Array,
    dataBytes: number,
    tag: Uint8Array,
    tagOffset: number,
    tagBytes: number,
    target: Uint8Array,
  ): number
  /** AES key wrap, padded (1) or not (0): the bytes in `target`, which has room for 15 more than the secret. */
  wrapKey(padded: 0 | 1, handle: number, secret: number, target: Uint8Array): number
  /** The handle of what was wrapped; 0 when it does not open. */
  unwrapKey(padded: 0 | 1, handle: number, wrapped: Uint8Array, secretClass: number): number
  /** The handle of the key that an object secret is the DER of, good as those of secrets are; 0 when it is none of that form. */
  parseKey(handle: number, form: number): number
  /** Fills `target` with whether it is an EC key (1), its length in bits, and the place of its curve in `ellipticCurves`. */
  describeKey(key: number, target: Float64Array): void
  /** False when the key had ended already. A use in flight ends first. */
  releaseKey(key: number): boolean
  /** The bytes of the signature in `target`, which is as long as the longest of the key. Numbers are those of `signature.ts`. */
  signWithKey(
    key: number,
    scheme: number,
    digest: number,
    maskDigest: number,
    saltBytes: number,
    message: Uint8Array,
    isDigest: 0 | 1,
    target: Uint8Array,
  ): number
  verifyWithKey(
    key: number,
    scheme: number,
    digest: number,
    maskDigest: number,
    saltBytes: number,
    message: Uint8Array,
    isDigest: 0 | 1,
    signature: Uint8Array,
  ): boolean
  /** The bytes of plaintext in `target`, which is as long as the modulus; -1, and none, when it was not encrypted so. */
  decryptWithKey(
    key: number,
    padding: number,
    digest: number,
    maskDigest: number,
    label: Uint8Array,
    data: Uint8Array,
    target: Uint8Array,
  ): number
  /** Fills the numbers of `Described`. */
  describe(target: Float64Array): void
  /** No core files, and nobody of the same user may read this process's memory. Fills in errno of each, 0 for done: core limit, dumpable. */
  hardenProcess(target: Float64Array): void
  /** Fills in the limit of core files in bytes, -1 for none, and whether the process is dumpable, 0 for not. */
  describeProcess(target: Float64Array): void
}

/** The classes as the addon numbers them. */
export const classNumbers = { object: 0, wrapping: 1, system: 2 } as const satisfies Record<SecretClass, number>

/** What the memory of secrets is, for the operator. */
export interface MemoryReport {
  /** Who holds the bytes of secrets. */
  readonly making: 'native' | 'javascript'
  /** Why the addon is not used; undefined when it is. */
  readonly reason: string | undefined
  /** Memory for secrets that is never swapped and in no core file. */
  readonly lockedBytes: number
  /** Memory for secrets that may be swapped, because locking it was refused. */
  readonly unlockedBytes: number
  /** How it is locked: `memfd_secret` pages are out of the kernel's reach too. */
  readonly lockedBy: 'memfd_secret' | 'mlock' | 'nothing'
  /** RLIMIT_MEMLOCK; undefined when there is no limit, or no addon to ask. */
  readonly lockLimitBytes: number | undefined
  /** Places for secrets, used and free. */
  readonly slots: number
  readonly slotsInUse: Readonly<Record<SecretClass, number>>
  /** What was not to be had, one sentence each, with the line that gives it. */
  readonly refused: readonly string[]
}

/**
 * Decides once for this process who holds the bytes of secrets: the addon, or JavaScript. To be called before the first secret is made;
 * where nobody does, the variable KRYPTON_NATIVE decides as the setting would. Throws 'config-invalid' when the addon is required and
 * cannot be used, and an Error when it was decided otherwise before.
 */
export function decideMaking(setting: NativeSetting): void {
  const wanted =
    setting === 'off' ? { addon: undefined, reason: 'native is off' } : (decided ?? loadAddon(addonFiles()))
  if (setting === 'required' && wanted.addon === undefined) {
    throw new KryptonError(
      'config-invalid',
      `native: required cannot be met: ${wanted.reason}; run npm run install where a compiler is, or let JavaScript hold keys, in memory that is not locked, with native: auto (krypton init --native auto)`,
    )
  }
  if (decided !== undefined && decided.addon !== wanted.addon) {
    throw new Error('who holds secrets was decided before: native cannot change while the process runs')
  }
  decided = wanted
}

/** The addon, or undefined where JavaScript holds secrets. */
export function nativeAddon(): NativeAddon | undefined {
  if (decided === undefined) decideMaking(settingOfEnvironment())
  return decided?.addon
}

/** What the memory of secrets is just now. */
export function memoryReport(): MemoryReport {
  const addon = nativeAddon()
  if (addon === undefined) {
    return {
      making: 'javascript',
      reason: decided?.reason,
      lockedBytes: 0,
      unlockedBytes: 0,
      lockedBy: 'nothing',
      lockLimitBytes: undefined,
      slots: 0,
      slotsInUse: { object: 0, wrapping: 0, system: 0 },
      refused: [],
    }
  }
  const numbers = described(addon)
  const { secretBytes, plainLockedBytes, unlockedBytes, lockLimitBytes } = numbers
  return {
    making: 'native',
    reason: undefined,
    lockedBytes: secretBytes + plainLockedBytes,
    unlockedBytes,
    lockedBy: secretBytes > 0 ? 'memfd_secret' : plainLockedBytes > 0 ? 'mlock' : 'nothing',
    lockLimitBytes: lockLimitBytes < 0 ? undefined : lockLimitBytes,
    slots: numbers.slots,
    slotsInUse: { object: numbers.objects, wrapping: numbers.wrapping, system: numbers.system },
    refused: refusalsOf(numbers),
  }
}

/** An addon that may be used, or why there is none. */
export type LoadedAddon =
  | { readonly addon: NativeAddon; readonly reason: undefined }
  | { readonly addon: undefined; readonly reason: string }

/** Loads the first of `files` that can be used, after it was tried: its version, OpenSSL, known answers. */
export function loadAddon(files: readonly string[], answers = knownAnswers): LoadedAddon {
  const reasons: string[] = []
  for (const file of files) {
    if (!existsSync(file)) continue
    const loaded = tryAddon(file, answers)
    if (loaded.addon !== undefined) return loaded
    reasons.push(loaded.reason)
  }
  if (reasons.length > 0) return unused(reasons.join('; '))
  return unused('the addon was not built here: npm run install builds it where a C++ compiler is')
}

function tryAddon(file: string, answers: typeof knownAnswers): LoadedAddon {
  try {
    // Opening one that is cut short would end the process, without a word.
    if (isCutShort(file)) return unused(`${file} is cut short: npm run install`)
    // The cast is checked by the version, which changes with the functions, and by their names.
    const addon = (createRequire(import.meta.url)(file) ?? {}) as NativeAddon
    if (addon.interfaceVersion !== interfaceVersion) return unused(`${file} is of another version: npm run install`)
    const missing = functionNames.filter((name) => typeof addon[name] !== 'function')
    if (missing.length > 0) return unused(`${file} has no ${missing.slice(0, 3).join(', ')}: npm run install`)
    const { openSslOfBuild, openSslRunning } = described(addon)
    if (openSslOfBuild >>> 28 !== openSslRunning >>> 28 || openSslOfBuild >>> 20 > openSslRunning >>> 20) {
      return unused(`${file} was built for another OpenSSL than this Node has: npm run install`)
    }
    const fault = addonFault(addon, answers)
    if (fault !== undefined) return unused(`${file} fails its self-test: ${fault}`)
    return { addon, reason: undefined }
  } catch (error) {
    return unused(`${file} does not load: ${error instanceof Error ? error.message : String(error)}`)
  }
}

const elfMagic = Buffer.from([0x7f, 0x45, 0x4c, 0x46])

/** Does the file end before the table of its sections, which an ELF file of a linker has at its end? */
function isCutShort(file: string): boolean {
  const head = Buffer.alloc(64)
  const descriptor = openSync(file, 'r')
  try {
    const { size } = fstatSync(descriptor)
    const read = readSync(descriptor, head, 0, 64, 0)
    // What is no ELF file the loader refuses by itself.
    if (!elfMagic.equals(head.subarray(0, elfMagic.byteLength))) return false
    return (
      read < 64 || head.readBigUInt64LE(0x28) + BigInt(head.readUInt16LE(0x3a) * head.readUInt16LE(0x3c)) > BigInt(size)
    )
  } finally {
    closeSync(descriptor)
  }
}

function unused(reason: string): LoadedAddon {
  return { addon: undefined, reason }
}

/** Where the addon is looked for: as built here, then as it came with the package. */
function addonFiles(): string[] {
  return [
    join(packageRoot, 'build/Release/krypton.node'),
    join(packageRoot, `prebuilds/${process.platform}-${process.arch}/krypton.node`),
  ]
}

function settingOfEnvironment(): NativeSetting {
  const value = process.env['KRYPTON_NATIVE'] ?? 'auto'
  if (value === 'auto' || value === 'required' || value === 'off') return value
  throw new KryptonError('config-invalid', 'KRYPTON_NATIVE is auto, required or off: set it to one of these')
}

type Described = Record<(typeof describedNames)[number], number>

function described(addon: NativeAddon): Described {
  const numbers = new Float64Array(describedNames.length)
  addon.describe(numbers)
  // The cast holds: there is one number for each name.
  return Object.fromEntries(describedNames.map((name, i) => [name, numbers[i]])) as Described
}

function refusalsOf({ secretBytes, unlockedBytes, secretPagesError, lockError, lockLimitBytes }: Described): string[] {
  const refused: string[] = []
  // EAGAIN is the limit of locked memory, which mlock says more of.
  if (secretBytes === 0 && secretPagesError !== 0 && errnoName(secretPagesError) !== 'EAGAIN') {
    refused.push(
      `memfd_secret was refused (${errnoName(secretPagesError)}), so mlock is used: boot Linux 5.14 or newer with secretmem.enable=1`,
    )
  }
  if (lockError !== 0) {
    refused.push(
      `mlock was refused (${errnoName(lockError)}, RLIMIT_MEMLOCK is ${lockLimitBytes} bytes): ${unlockedBytes} bytes of secrets may be swapped; ` +
        'set LimitMEMLOCK=64M in the systemd unit, or ulimit -l 65536',
    )
  }
  return refused
}

function errnoName(number: number): string {
  return errnoNames.get(number) ?? `errno ${number}`
}

const errnoNames = new Map([
  [1, 'EPERM'],
  [11, 'EAGAIN'],
  [12, 'ENOMEM'],
  [22, 'EINVAL'],
  [38, 'ENOSYS'],
])

/** The numbers that `describe` fills in, in the order of `native/exports/memory.cc`. */
const describedNames = [
  'secretBytes',
  'plainLockedBytes',
  'unlockedBytes',
  'slots',
  'objects',
  'wrapping',
  'system',
  'secretPagesError',
  'lockError',
  'lockLimitBytes',
  'openSslOfBuild',
  'openSslRunning',
] as const

/** All that an addon of this version has; one that is missing here does not compile. */
const functionNames = Object.keys({
  generateSecret: true,
  secretFromBytes: true,
  duplicateSecret: true,
  secretLength: true,
  copySecret: true,
  releaseSecret: true,
  fillRandom: true,
  seedOpenSsl: true,
  wipeBytes: true,
  wipeStack: true,
  equalBytes: true,
  hmac: true,
  verifyHmac: true,
  deriveSecret: true,
  deriveIdentifier: true,
  deriveBytes: true,
  sealRecord: true,
  openRecord: true,
  encrypt: true,
  decrypt: true,
  wrapKey: true,
  unwrapKey: true,
  parseKey: true,
  describeKey: true,
  releaseKey: true,
  signWithKey: true,
  verifyWithKey: true,
  decryptWithKey: true,
  describe: true,
  hardenProcess: true,
  describeProcess: true,
} satisfies Record<keyof Omit<NativeAddon, 'interfaceVersion'>, true>) as readonly Exclude<
  keyof NativeAddon,
  'interfaceVersion'
>[]

/** That of `native/addon.cc`. */
const interfaceVersion = 5

let decided: LoadedAddon | undefined
