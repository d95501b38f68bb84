import { KryptonError } from '../errors.ts'
import { type AnswerBytes, bytesCopiedOnce } from '../keystore/copied-once.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { EncodingOption, KeyFormatType } from '../kmip/enums.ts'
import type { KeyBlock, KeyMaterial, KeyWrappingSpecification } from '../kmip/key-block.ts'
import { objectFieldOfType } from '../kmip/object.ts'
import type { GetResponse } from '../kmip/payloads/get.ts'
import { keyBlockIn, materialIn } from '../objects/kept-key-block.ts'
import { wrappingSteps } from '../objects/key-wrapping.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import type { OperationContext } from './handler.ts'
import { answerWith, markServed, serveInTheClear } from './served-in-the-clear.ts'
import type { ServingRequest } from './served-in-the-clear.ts'
import { prepareWrapping, wrapKeyBlock } from './wrap-key-block.ts'

/**
 * An object wrapped as a Key Wrapping Specification has it (KMIP 1.4 section 2.1.6).
 * @throws KryptonError with the reasons of section 11.12
 */
export function serveWrapped(
  object: ManagedObject,
  request: ServingRequest,
  specification: KeyWrappingSpecification,
  context: OperationContext,
): MaybePromise<GetResponse> {
  const field = objectFieldOfType[object.fields.objectType]
  if (field === 'certificate' || field === 'opaqueObject' || field === 'template') {
    throw new KryptonError('illegal-operation', 'Leave out Key Wrapping Specification: this object has no Key Block')
  }
  if (request.keyFormatType === KeyFormatType.PKCS12) {
    throw new KryptonError(
      'illegal-operation',
      'Leave out Key Wrapping Specification: PKCS#12 is under its own password',
    )
  }
  return next(prepareWrapping(specification, context), (wrapping) => {
    checkHidden(object, wrapping.steps.encrypts)
    if (object.serving.fresh) markServed(object, context)
    return next(serveInTheClear(object, request, context), (answer) => {
      const { keyBlock } = answer[field] as { readonly keyBlock: KeyBlock } // the object of every other field has one
      return next(wrapKeyBlock(object, keyBlock, wrapping, context), (wrapped) => answerWith(object, wrapped))
    })
  })
}

/**
 * An object that was registered wrapped, as it came.
 * @throws KryptonError key-format-type-not-supported, sensitive, feature-not-supported
 */
export function serveAsRegistered(
  object: ManagedObject,
  request: ServingRequest,
  context: OperationContext,
): MaybePromise<GetResponse> {
  return next(context.unit.objects.openKeptKeyBlock(object), (kept) => {
    materialIn(kept).fill(0)
    const keyBlock = keyBlockIn(kept)
    checkAsRegistered(object, keyBlock, request, context)
    if (object.serving.fresh) markServed(object, context)
    const { keyValue, wrappedKeyValue } = keyBlock
    return answerWith(object, {
      ...keyBlock,
      keyValue: keyValue && { keyMaterial: copiedOnce(keyValue.keyMaterial, context) },
      wrappedKeyValue: wrappedKeyValue && copiedOnce(wrappedKeyValue, context),
    })
  })
}

/** With a MAC alone what is in a Key Value can be read. The codec has read bytes. */
function copiedOnce(wrapped: KeyMaterial, { unit }: OperationContext): AnswerBytes {
  return unit.answerWith(bytesCopiedOnce(wrapped as Buffer))
}

function checkAsRegistered(
  object: ManagedObject,
  keyBlock: KeyBlock,
  { keyFormatType = keyBlock.keyFormatType, keyCompressionType = keyBlock.keyCompressionType }: ServingRequest,
  { version }: OperationContext,
): void {
  const wrappingData = keyBlock.keyWrappingData! // none is kept so without
  checkHidden(object, wrappingSteps(wrappingData).encrypts)
  if (keyFormatType !== keyBlock.keyFormatType || keyCompressionType !== keyBlock.keyCompressionType) {
    throw new KryptonError(
      'key-format-type-not-supported',
      'Leave out Key Format Type and Key Compression Type: what is served as it was registered is wrapped in its own',
    )
  }
  if (version > 10 || wrappingData.encodingOption !== EncodingOption.NoEncoding) return
  throw new KryptonError('feature-not-supported', 'Ask with KMIP 1.1 or newer: 1.0 has no word for No Encoding')
}

/** Sensitive is what leaves only under another key (3.48): a MAC hides nothing. */
function checkHidden({ serving }: ManagedObject, isEncrypted: boolean): void {
  if (isEncrypted || !serving.sensitive) return
  throw new KryptonError('sensitive', 'The object is Sensitive: use a Wrapping Method that encrypts')
}
