import { KryptonError } from '../errors.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { ObjectType } from '../kmip/enums.ts'
import { encodeSplit } from '../kmip/kept-structures.ts'
import type { SplitKey } from '../kmip/object.ts'
import type { KmipVersion } from '../kmip/version.ts'
import { checkLength } from '../objects/algorithms.ts'
import { materialOf } from '../objects/key-format.ts'
import { checkPart, checkSharing } from '../objects/split-key.ts'
import { agreed, checkSize, withKeyValueAttributes } from './key-block-attributes.ts'
import type { Registered } from './registered.ts'

/**
 * A Split Key of a Register (KMIP 1.4 section 2.2.5). Of the key that it is a part of, algorithm and length are what the client says.
 * @throws KryptonError with the reasons of section 11.4
 */
export function registeredSplitKey(
  splitKey: SplitKey,
  requested: readonly WireAttribute[],
  version: KmipVersion,
): Registered {
  const { keyBlock } = splitKey
  const material = materialOf(ObjectType.SplitKey, keyBlock)
  if (material !== undefined) checkSize(material)
  else if (version < 12) throw new KryptonError('missing-data', 'Send Key Value in Key Block')
  const lengthBits = agreed('Cryptographic Length', keyBlock.cryptographicLength, requested) ?? 0
  if (lengthBits !== 0) checkLength(lengthBits)
  return {
    objectType: ObjectType.SplitKey,
    requested: withKeyValueAttributes(requested, keyBlock),
    algorithm: agreed('Cryptographic Algorithm', keyBlock.cryptographicAlgorithm, requested) ?? 0,
    lengthBits,
    keyFormatType: keyBlock.keyFormatType,
    dataType: 0,
    material,
    ...numbersOf(splitKey, material),
  }
}

/** What is kept of a Split Key beside its Key Block, and what must hold of it. `material` is the part, where it can be looked at. */
export function numbersOf(
  splitKey: SplitKey,
  material: Uint8Array | undefined,
): Pick<Registered, 'structure' | 'check'> {
  const { keyBlock: _, ...split } = splitKey
  return {
    structure: encodeSplit(split),
    check: async () => {
      await checkSharing(split)
      checkPart(split, material)
    },
  }
}
