import { KryptonError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { CryptographicUsageMask, ObjectType, State } from '../kmip/enums.ts'
import type { ManagedObject } from './managed-object.ts'
import { stateName } from './state.ts'

/** What a client wants a key to do. `protects`: it makes protected data, rather than opening what was protected (KMIP 1.4 section 3.22). */
export interface Use {
  readonly name: string
  readonly mask: number
  readonly protects: boolean
  /** Objects that can do it, with the words for the others. */
  readonly objectTypes: readonly ObjectType[]
  readonly needs: string
}

export const uses = {
  encrypt: {
    name: 'encryption',
    mask: CryptographicUsageMask.Encrypt,
    protects: true,
    objectTypes: [ObjectType.SymmetricKey, ObjectType.PublicKey],
    needs: 'a Symmetric Key or a Public Key',
  },
  decrypt: {
    name: 'decryption',
    mask: CryptographicUsageMask.Decrypt,
    protects: false,
    objectTypes: [ObjectType.SymmetricKey, ObjectType.PrivateKey],
    needs: 'a Symmetric Key or a Private Key',
  },
  sign: {
    name: 'signing',
    mask: CryptographicUsageMask.Sign,
    protects: true,
    objectTypes: [ObjectType.PrivateKey],
    needs: 'a Private Key',
  },
  verify: {
    name: 'verification',
    mask: CryptographicUsageMask.Verify,
    protects: false,
    objectTypes: [ObjectType.PublicKey],
    needs: 'a Public Key',
  },
  macGenerate: {
    name: 'making MACs',
    mask: CryptographicUsageMask.MACGenerate,
    protects: true,
    objectTypes: [ObjectType.SymmetricKey, ObjectType.SecretData],
    needs: 'a Symmetric Key or Secret Data',
  },
  macVerify: {
    name: 'verifying MACs',
    mask: CryptographicUsageMask.MACVerify,
    protects: false,
    objectTypes: [ObjectType.SymmetricKey, ObjectType.SecretData],
    needs: 'a Symmetric Key or Secret Data',
  },
  wrapKey: {
    name: 'wrapping keys',
    mask: CryptographicUsageMask.WrapKey,
    protects: true,
    objectTypes: [ObjectType.SymmetricKey, ObjectType.PublicKey],
    needs: 'a Symmetric Key or a Public Key',
  },
  unwrapKey: {
    name: 'unwrapping keys',
    mask: CryptographicUsageMask.UnwrapKey,
    protects: false,
    objectTypes: [ObjectType.SymmetricKey, ObjectType.PrivateKey],
    needs: 'a Symmetric Key or a Private Key',
  },
} as const satisfies Record<string, Use>

/**
 * May the object be used so at `now`? Only an Active key protects, between Activation Date and Protect Stop Date. Data that was
 * protected can still be opened with a key that was deactivated or compromised since, from its Process Start Date on: otherwise revoking
 * a key would lose the data under it. A mask of 0 is a valid mask and allows no use at all; it does not hinder Get.
 * @throws KryptonError permission-denied, wrong-key-lifecycle-state
 */
export function checkUse(object: ManagedObject, use: Use, now: number): void {
  if (!use.objectTypes.includes(object.fields.objectType)) {
    throw new KryptonError('permission-denied', `Use ${use.needs} for ${use.name}: this object is none`)
  }
  const state = object.stateAt(now)
  const allowed = use.protects ? state === State.Active : opens.has(state)
  if (!allowed) {
    const wanted = use.protects ? 'Active' : 'Active, Deactivated or Compromised'
    throw new KryptonError(
      'wrong-key-lifecycle-state',
      `The key is ${stateName(state)}: it can be used for ${use.name} only while it is ${wanted}`,
    )
  }
  const { attributes } = object
  if (((attributes.first('cryptographicUsageMask') ?? 0) & use.mask) === 0) {
    throw new KryptonError('permission-denied', `The key's Cryptographic Usage Mask does not allow ${use.name}`)
  }
  const date = attributes.first(use.protects ? 'protectStopDate' : 'processStartDate')
  if (date !== undefined && (use.protects ? now > date : now < date)) {
    throw new KryptonError(
      'permission-denied',
      use.protects ? 'The Protect Stop Date of the key has passed' : 'The Process Start Date of the key is yet to come',
    )
  }
}

/**
 * May the object protect anything at `now`, whatever its mask allows it to do?
 * @throws KryptonError `code`: the specification has another reason for each operation that asks
 */
export function checkProtects(object: ManagedObject, now: number, code: ErrorCode): void {
  const state = object.stateAt(now)
  if (state !== State.Active) {
    throw new KryptonError(code, `The key is ${stateName(state)}: it can protect something only while it is Active`)
  }
  const date = object.attributes.first('protectStopDate')
  if (date !== undefined && now > date) {
    throw new KryptonError(code, 'The Protect Stop Date of the key has passed')
  }
}

/** Does the mask allow anything that protects, rather than opens, or checks, what was protected? */
export function isForProtection({ attributes }: ManagedObject): boolean {
  return ((attributes.first('cryptographicUsageMask') ?? 0) & ~opening) !== 0
}

const opening =
  CryptographicUsageMask.Decrypt |
  CryptographicUsageMask.Verify |
  CryptographicUsageMask.UnwrapKey |
  CryptographicUsageMask.MACVerify |
  CryptographicUsageMask.Export |
  CryptographicUsageMask.ValidateCryptogram |
  CryptographicUsageMask.TranslateDecrypt |
  CryptographicUsageMask.TranslateUnwrap

const opens: ReadonlySet<State> = new Set([State.Active, State.Deactivated, State.Compromised])
