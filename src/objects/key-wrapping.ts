import { KryptonError } from '../errors.ts'
import { EncodingOption, WrappingMethod } from '../kmip/enums.ts'
import type { CryptographicParameters } from '../kmip/structures.ts'
import type { ManagedObject } from './managed-object.ts'

/** What a Wrapping Method does to a Key Value (KMIP 1.4 section 2.1.5). */
export interface WrappingSteps {
  readonly encrypts: boolean
  /** What the MAC or signature is over: the Key Value before it is encrypted, or after; undefined for a method without. */
  readonly authenticates: 'plain' | 'encrypted' | undefined
}

/** What a Key Wrapping Specification and a Key Wrapping Data have in common. */
export interface Wrapping {
  readonly wrappingMethod: number
  readonly encryptionKeyInformation?: unknown
  readonly macSignatureKeyInformation?: unknown
  readonly encodingOption?: number
}

/**
 * The steps of a wrapping, for which the keys are named that they take and no others: who names another believes in a protection that is not there.
 * @throws KryptonError feature-not-supported, invalid-message, invalid-field
 */
export function wrappingSteps(wrapping: Wrapping): WrappingSteps {
  const steps = methods.get(wrapping.wrappingMethod)
  if (steps === undefined) {
    throw new KryptonError(
      'feature-not-supported',
      'Use Wrapping Method Encrypt, MAC/sign, Encrypt then MAC/sign or MAC/sign then encrypt: no other is served',
    )
  }
  checkNamed('Encryption Key Information', wrapping.encryptionKeyInformation, steps.encrypts)
  checkNamed('MAC/Signature Key Information', wrapping.macSignatureKeyInformation, steps.authenticates !== undefined)
  return steps
}

/**
 * True if the key material alone is wrapped, false for the whole Key Value as TTLV, which is what no Encoding Option means.
 * @throws KryptonError encoding-option-error
 */
export function isUnencoded({ encodingOption = EncodingOption.TTLVEncoding }: Wrapping): boolean {
  if (encodingOption === EncodingOption.NoEncoding) return true
  if (encodingOption === EncodingOption.TTLVEncoding) return false
  throw new KryptonError('encoding-option-error', 'Use Encoding Option No Encoding or TTLV Encoding')
}

/**
 * The Cryptographic Parameters by which a key wraps (2.1.6): those of the key's own instances that the request names, or its first.
 * @throws KryptonError item-not-found: the key has none, or none like those (11.12)
 */
export function matchingParameters(
  { attributes }: ManagedObject,
  requested: CryptographicParameters | undefined,
): CryptographicParameters {
  const instances = attributes.all('cryptographicParameters')
  const found =
    requested === undefined
      ? instances[0]
      : (instances.find(({ value }) => isAlike(value, requested, true)) ??
        instances.find(({ value }) => isAlike(value, requested, false)))
  if (found !== undefined) return found.value
  throw new KryptonError(
    'item-not-found',
    'Add Cryptographic Parameters to the wrapping key first, and name the same ones in its Key Information, or none',
  )
}

/** Every field that is asked for is the instance's; `exactly`: and it has no other. */
function isAlike(instance: CryptographicParameters, asked: CryptographicParameters, exactly: boolean): boolean {
  const wanted = asked as Readonly<Record<string, unknown>>
  for (const [name, value] of Object.entries({ ...wanted, ...(exactly ? instance : {}) })) {
    if (value === undefined && !exactly) continue
    const own = (instance as Readonly<Record<string, unknown>>)[name]
    if (!isSame(own, wanted[name])) return false
  }
  return true
}

function isSame(left: unknown, right: unknown): boolean {
  if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.compare(left, right) === 0
  return left === right
}

function checkNamed(field: string, information: unknown, isNeeded: boolean): void {
  if ((information !== undefined) === isNeeded) return
  throw isNeeded
    ? new KryptonError('invalid-message', `Send ${field}: the Wrapping Method takes its key`)
    : new KryptonError('invalid-field', `Leave out ${field}: the Wrapping Method takes no such key`)
}

const methods: ReadonlyMap<number, WrappingSteps> = new Map<number, WrappingSteps>([
  [WrappingMethod.Encrypt, { encrypts: true, authenticates: undefined }],
  [WrappingMethod.MACSign, { encrypts: false, authenticates: 'plain' }],
  [WrappingMethod.EncryptThenMACSign, { encrypts: true, authenticates: 'encrypted' }],
  [WrappingMethod.MACSignThenEncrypt, { encrypts: true, authenticates: 'plain' }],
])

/** The Wrapping Methods that are served. */
export const wrappingMethods: ReadonlySet<number> = new Set(methods.keys())
