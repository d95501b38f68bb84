import { scrypt, timingSafeEqual } from 'node:crypto'
import { limits } from '../limits.ts'

/** What a Credential of KMIP 1.4 section 2.1.2 says, as far as it can be compared. The password stays bytes. */
export interface CredentialFields {
  readonly type: CredentialKind
  readonly username?: string
  readonly deviceSerialNumber?: string
  readonly deviceIdentifier?: string
  readonly networkIdentifier?: string
  readonly machineIdentifier?: string
  readonly mediaIdentifier?: string
  readonly password?: Uint8Array
}

/** The numbers of KMIP's Credential Type. An Attestation is no secret that could be kept beside a client: it has none of these. */
export const credentialKinds = { 'username-and-password': 1, device: 2 } as const
export type CredentialKind = keyof typeof credentialKinds

/**
 * What is kept of a credential: u8 form (1) ‖ u8 log2 of N ‖ u8 r ‖ u8 p ‖ 16 bytes of salt ‖ 32 bytes of scrypt (RFC 7914) over all of its fields. It takes
 * some 100 ms and 32 MiB, off the event loop; whoever has the database has as much to do for each guess.
 * @param salt 16 random bytes
 */
export async function credentialVerifier(fields: CredentialFields, salt: Uint8Array): Promise<Buffer> {
  const head = Buffer.from([form, limits.credentialCostLog2, blockSize, parallelization])
  const input = credentialInput(fields)
  try {
    return Buffer.concat([head, salt, await derived(input, head, salt)])
  } finally {
    input.fill(0)
  }
}

/** Is it the credential of `credentialInput` that the verifier was made of? False for a verifier of a form or cost that is not served. */
export async function verifiesCredential(input: Uint8Array, verifier: Uint8Array): Promise<boolean> {
  if (!isVerifier(verifier)) return false
  const head = verifier.subarray(0, headBytes)
  const salt = verifier.subarray(headBytes, headBytes + saltBytes)
  return timingSafeEqual(await derived(input, head, salt), verifier.subarray(headBytes + saltBytes))
}

/** True for bytes in the form of `credentialVerifier`, with a cost that one check may have. */
export function isVerifier(bytes: Uint8Array): boolean {
  const [first, cost, r, p] = bytes
  return (
    bytes.byteLength === headBytes + saltBytes + hashBytes &&
    first === form &&
    cost === limits.credentialCostLog2 &&
    r === blockSize &&
    p === parallelization
  )
}

/** All fields in one order, each with its length, so that no two credentials are the same bytes. The caller wipes it. */
export function credentialInput(fields: CredentialFields): Buffer {
  const parts = [
    Buffer.from(`krypton/credential/1\0${credentialKinds[fields.type]}`),
    ...names.map((name) => (fields[name] === undefined ? undefined : Buffer.from(fields[name], 'utf8'))),
    fields.password,
  ]
  const size = parts.reduce((sum, part) => sum + 4 + (part?.byteLength ?? 0), 0)
  const input = Buffer.allocUnsafeSlow(size)
  let at = 0
  for (const part of parts) {
    // A field that is not there is another than an empty one.
    at = input.writeUInt32BE(part === undefined ? 0xffff_ffff : part.byteLength, at)
    if (part === undefined) continue
    input.set(part, at)
    at += part.byteLength
  }
  return input
}

function derived(input: Uint8Array, head: Uint8Array, salt: Uint8Array): Promise<Buffer> {
  const N = 2 ** head[1]!
  const r = head[2]!
  return new Promise((resolve, reject) => {
    scrypt(input, salt, hashBytes, { N, r, p: head[3]!, maxmem: 256 * N * r }, (error, key) => {
      if (error === null) resolve(key)
      else reject(error)
    })
  })
}

const names = [
  'username',
  'deviceSerialNumber',
  'deviceIdentifier',
  'networkIdentifier',
  'machineIdentifier',
  'mediaIdentifier',
] as const

const form = 1
const blockSize = 8
const parallelization = 1
const headBytes = 4
const saltBytes = 16
const hashBytes = 32
