import type { Operation } from '../kmip/enums.ts'
import { generatedPair } from '../objects/key-pair-kind.ts'
import type { Handler } from './handler.ts'
import { createPair, requestedHalves } from './key-pair-halves.ts'

/** KMIP 1.4 sections 4.2 and 11.3. Both halves are made in this one item, so both are there or none is. */
export const createKeyPair: Handler<typeof Operation.CreateKeyPair> = (request, context) => {
  const halves = requestedHalves(request)
  const ids = { private: context.randomBytes(16), public: context.randomBytes(16) }
  return createPair(context, generatedPair(halves), ids, halves)
}
