import { enumTables, Operation } from '../enums.ts'
import { ItemType } from '../../ttlv/item-type.ts'
import { ofFirstField } from '../struct.ts'
import type { Struct, StructCodec, ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'
import { ActivateRequest, ActivateResponse } from './activate.ts'
import { AddAttributeRequest, AddAttributeResponse } from './add-attribute.ts'
import { ArchiveRequest, ArchiveResponse } from './archive.ts'
import { CancelRequest, CancelResponse } from './cancel.ts'
import { CertifyRequest, CertifyResponse } from './certify.ts'
import { CheckRequest, CheckResponse } from './check.ts'
import { CreateKeyPairRequest, CreateKeyPairResponse } from './create-key-pair.ts'
import { CreateSplitKeyRequest, CreateSplitKeyResponse } from './create-split-key.ts'
import { CreateRequest, CreateResponse } from './create.ts'
import { DecryptRequest, DecryptResponse } from './decrypt.ts'
import { DeleteAttributeRequest, DeleteAttributeResponse } from './delete-attribute.ts'
import { DeriveKeyRequest, DeriveKeyResponse } from './derive-key.ts'
import { DestroyRequest, DestroyResponse } from './destroy.ts'
import { DiscoverVersionsRequest, DiscoverVersionsResponse } from './discover-versions.ts'
import { EncryptRequest, EncryptResponse } from './encrypt.ts'
import { ExportRequest, ExportResponse } from './export.ts'
import { GetAttributeListRequest, GetAttributeListResponse } from './get-attribute-list.ts'
import { GetAttributesRequest, GetAttributesResponse } from './get-attributes.ts'
import { GetUsageAllocationRequest, GetUsageAllocationResponse } from './get-usage-allocation.ts'
import { GetRequest, GetResponse } from './get.ts'
import { HashRequest, HashResponse } from './hash.ts'
import { JoinSplitKeyRequest, JoinSplitKeyResponse } from './join-split-key.ts'
import { ImportRequest, ImportResponse } from './import.ts'
import { LocateRequest, LocateResponse } from './locate.ts'
import { MacRequest, MacResponse } from './mac.ts'
import { MacVerifyRequest, MacVerifyResponse } from './mac-verify.ts'
import { ModifyAttributeRequest, ModifyAttributeResponse } from './modify-attribute.ts'
import { ObtainLeaseRequest, ObtainLeaseResponse } from './obtain-lease.ts'
import { PollRequest, PollResponse } from './poll.ts'
import { QueryRequest, QueryResponse } from './query.ts'
import { ReCertifyRequest } from './re-certify.ts'
import { ReKeyRequest, ReKeyResponse } from './re-key.ts'
import { ReKeyKeyPairRequest } from './re-key-key-pair.ts'
import { RecoverRequest, RecoverResponse } from './recover.ts'
import { RegisterRequest, RegisterResponse } from './register.ts'
import { RevokeRequest, RevokeResponse } from './revoke.ts'
import { RngRetrieveRequest, RngRetrieveResponse } from './rng-retrieve.ts'
import { RngSeedRequest, RngSeedResponse } from './rng-seed.ts'
import { SignRequest, SignResponse } from './sign.ts'
import { SignatureVerifyRequest, SignatureVerifyResponse } from './signature-verify.ts'
import { ValidateRequest, ValidateResponse } from './validate.ts'

/** The payloads of every operation that is served. */
export const payloads = {
  [Operation.DiscoverVersions]: { request: DiscoverVersionsRequest, response: DiscoverVersionsResponse },
  [Operation.Query]: { request: QueryRequest, response: QueryResponse },
  [Operation.Create]: { request: CreateRequest, response: CreateResponse },
  [Operation.CreateKeyPair]: { request: CreateKeyPairRequest, response: CreateKeyPairResponse },
  [Operation.CreateSplitKey]: { request: CreateSplitKeyRequest, response: CreateSplitKeyResponse },
  [Operation.JoinSplitKey]: { request: JoinSplitKeyRequest, response: JoinSplitKeyResponse },
  [Operation.DeriveKey]: { request: DeriveKeyRequest, response: DeriveKeyResponse },
  [Operation.ReKey]: { request: ReKeyRequest, response: ReKeyResponse },
  [Operation.ReKeyKeyPair]: { request: ReKeyKeyPairRequest, response: CreateKeyPairResponse },
  [Operation.Certify]: { request: CertifyRequest, response: CertifyResponse },
  [Operation.ReCertify]: { request: ReCertifyRequest, response: CertifyResponse },
  [Operation.Register]: { request: RegisterRequest, response: RegisterResponse },
  [Operation.Get]: { request: GetRequest, response: GetResponse },
  [Operation.GetAttributes]: { request: GetAttributesRequest, response: GetAttributesResponse },
  [Operation.GetAttributeList]: { request: GetAttributeListRequest, response: GetAttributeListResponse },
  [Operation.AddAttribute]: { request: AddAttributeRequest, response: AddAttributeResponse },
  [Operation.ModifyAttribute]: { request: ModifyAttributeRequest, response: ModifyAttributeResponse },
  [Operation.DeleteAttribute]: { request: DeleteAttributeRequest, response: DeleteAttributeResponse },
  [Operation.Locate]: { request: LocateRequest, response: LocateResponse },
  [Operation.Activate]: { request: ActivateRequest, response: ActivateResponse },
  [Operation.Revoke]: { request: RevokeRequest, response: RevokeResponse },
  [Operation.Destroy]: { request: DestroyRequest, response: DestroyResponse },
  [Operation.Archive]: { request: ArchiveRequest, response: ArchiveResponse },
  [Operation.Recover]: { request: RecoverRequest, response: RecoverResponse },
  [Operation.Poll]: { request: PollRequest, response: PollResponse },
  [Operation.Cancel]: { request: CancelRequest, response: CancelResponse },
  [Operation.Check]: { request: CheckRequest, response: CheckResponse },
  [Operation.Encrypt]: { request: EncryptRequest, response: EncryptResponse },
  [Operation.Decrypt]: { request: DecryptRequest, response: DecryptResponse },
  [Operation.Sign]: { request: SignRequest, response: SignResponse },
  [Operation.SignatureVerify]: { request: SignatureVerifyRequest, response: SignatureVerifyResponse },
  [Operation.Validate]: { request: ValidateRequest, response: ValidateResponse },
  [Operation.GetUsageAllocation]: { request: GetUsageAllocationRequest, response: GetUsageAllocationResponse },
  [Operation.ObtainLease]: { request: ObtainLeaseRequest, response: ObtainLeaseResponse },
  [Operation.MAC]: { request: MacRequest, response: MacResponse },
  [Operation.MACVerify]: { request: MacVerifyRequest, response: MacVerifyResponse },
  [Operation.RNGRetrieve]: { request: RngRetrieveRequest, response: RngRetrieveResponse },
  [Operation.RNGSeed]: { request: RngSeedRequest, response: RngSeedResponse },
  [Operation.Import]: { request: ImportRequest, response: ImportResponse },
  [Operation.Export]: { request: ExportRequest, response: ExportResponse },
  [Operation.Hash]: { request: HashRequest, response: HashResponse },
} as const

export type ServedOperation = keyof typeof payloads
export type RequestPayload<O extends ServedOperation> = ValueOf<(typeof payloads)[O]['request']>
export type ResponsePayload<O extends ServedOperation> = ValueOf<(typeof payloads)[O]['response']>

export interface PayloadStructs {
  /** The first version that has the operation. */
  readonly since: number
  readonly request: Struct<unknown>
  readonly response: Struct<unknown>
  /** The request of nothing but a Unique Identifier; absent where more must be sent. */
  readonly ofIdentifier: StructCodec['ofFirst'] | undefined
}

/** undefined for an operation that is not served. */
export function payloadsOf(operation: number): PayloadStructs | undefined {
  return byOperation[operation]
}

// Operations are small numbers: an array, since each message looks twice.
const byOperation: readonly (PayloadStructs | undefined)[] = Array.from(
  { length: Math.max(...Object.values(Operation)) + 1 },
  (_, operation) => {
    const structs = Object.hasOwn(payloads, operation) ? payloads[operation as ServedOperation] : undefined // hasOwn has just told
    return (
      structs && {
        since: enumTables.Operation.get(operation)!.since,
        request: structs.request,
        response: structs.response,
        ofIdentifier: ofFirstField(structs.request, Tag.UniqueIdentifier, ItemType.TextString),
      }
    )
  },
)
