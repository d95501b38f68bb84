import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { Operation } from '../kmip/enums.ts'
import { payloads } from '../kmip/payloads/index.ts'
import type { ServedOperation } from '../kmip/payloads/index.ts'
import { activate } from './activate.ts'
import { addAttribute } from './add-attribute.ts'
import { archive } from './archive.ts'
import { cancel } from './cancel.ts'
import { certify } from './certify.ts'
import { check } from './check.ts'
import { createKeyPair } from './create-key-pair.ts'
import { createSplitKey } from './create-split-key.ts'
import { create } from './create.ts'
import { decrypt } from './decrypt.ts'
import { deleteAttribute } from './delete-attribute.ts'
import { deriveKey } from './derive-key.ts'
import { destroy } from './destroy.ts'
import { discoverVersions } from './discover-versions.ts'
import { encrypt } from './encrypt.ts'
import { exportObject } from './export.ts'
import { getAttributeList } from './get-attribute-list.ts'
import { getAttributes } from './get-attributes.ts'
import { getUsageAllocation } from './get-usage-allocation.ts'
import { get } from './get.ts'
import type { Handler } from './handler.ts'
import { hash } from './hash.ts'
import { joinSplitKey } from './join-split-key.ts'
import { importObject } from './import.ts'
import { locate } from './locate.ts'
import { mac } from './mac.ts'
import { macVerify } from './mac-verify.ts'
import { modifyAttribute } from './modify-attribute.ts'
import { obtainLease } from './obtain-lease.ts'
import { poll } from './poll.ts'
import { query } from './query.ts'
import { reCertify } from './re-certify.ts'
import { reKey } from './re-key.ts'
import { reKeyKeyPair } from './re-key-key-pair.ts'
import { recover } from './recover.ts'
import { register } from './register.ts'
import { revoke } from './revoke.ts'
import { rngRetrieve } from './rng-retrieve.ts'
import { rngSeed } from './rng-seed.ts'
import { sign } from './sign.ts'
import { signatureVerify } from './signature-verify.ts'
import { validate } from './validate.ts'
import { withTemplates } from './with-templates.ts'

/** Every operation that is served: one for each line of kmip/payloads/index.ts, no more and no fewer. */
const handlers = {
  [Operation.DiscoverVersions]: discoverVersions,
  [Operation.Query]: query,
  [Operation.Create]: create,
  [Operation.CreateKeyPair]: createKeyPair,
  [Operation.CreateSplitKey]: createSplitKey,
  [Operation.JoinSplitKey]: joinSplitKey,
  [Operation.DeriveKey]: deriveKey,
  [Operation.ReKey]: reKey,
  [Operation.ReKeyKeyPair]: reKeyKeyPair,
  [Operation.Certify]: certify,
  [Operation.ReCertify]: reCertify,
  [Operation.Register]: register,
  [Operation.Get]: get,
  [Operation.GetAttributes]: getAttributes,
  [Operation.GetAttributeList]: getAttributeList,
  [Operation.AddAttribute]: addAttribute,
  [Operation.ModifyAttribute]: modifyAttribute,
  [Operation.DeleteAttribute]: deleteAttribute,
  [Operation.Locate]: locate,
  [Operation.Activate]: activate,
  [Operation.Revoke]: revoke,
  [Operation.Destroy]: destroy,
  [Operation.Archive]: archive,
  [Operation.Recover]: recover,
  [Operation.Poll]: poll,
  [Operation.Cancel]: cancel,
  [Operation.Check]: check,
  [Operation.Encrypt]: encrypt,
  [Operation.Decrypt]: decrypt,
  [Operation.Sign]: sign,
  [Operation.SignatureVerify]: signatureVerify,
  [Operation.Validate]: validate,
  [Operation.GetUsageAllocation]: getUsageAllocation,
  [Operation.ObtainLease]: obtainLease,
  [Operation.MAC]: mac,
  [Operation.MACVerify]: macVerify,
  [Operation.RNGRetrieve]: rngRetrieve,
  [Operation.RNGSeed]: rngSeed,
  [Operation.Import]: importObject,
  [Operation.Export]: exportObject,
  [Operation.Hash]: hash,
} satisfies { readonly [O in ServedOperation]: Handler<O> }

/** A handler that takes the payload that its own operation's struct has read. */
export type AnyHandler = (...parameters: Parameters<Handler<never>>) => MaybePromise<unknown>

/** undefined for an operation that is not served. */
export function handlerOf(operation: number): AnyHandler | undefined {
  return byOperation[operation]
}

// As for the payloads: operations are small numbers.
const byOperation: readonly (AnyHandler | undefined)[] = Array.from(
  { length: Math.max(...Object.values(Operation)) + 1 },
  (_, operation) => {
    const handler = handlers[operation as ServedOperation] as AnyHandler | undefined // undefined where there is no line
    return handler && withTemplates(payloads[operation as ServedOperation].request, handler)
  },
)

/** The name of an operation in audit records: `AddAttribute`. */
export function operationName(operation: number): string {
  return names.get(operation) ?? String(operation)
}

const names: ReadonlyMap<number, string> = new Map(Object.entries(Operation).map(([name, number]) => [number, name]))
