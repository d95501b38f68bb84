import {
  ClientRegistrationMethod,
  DestroyAction,
  ObjectType,
  QueryFunction,
  RNGAlgorithm,
  RNGMode,
  UnwrapMode,
} from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import { payloads, payloadsOf } from '../kmip/payloads/index.ts'
import type { QueryResponse } from '../kmip/payloads/query.ts'
import type { Handler, OperationContext } from './handler.ts'
import { profilesServed } from './profiles.ts'

/**
 * KMIP 1.4 section 4.25. Clients refuse a server whose lists lack what they need, so everything that is served is in them, and nothing
 * else. What the client's version does not know is left out when the answer is written. A function that the server does not know adds nothing.
 */
export const query: Handler<typeof Operation.Query> = ({ queryFunctions }, context) => {
  const response: { -readonly [K in keyof QueryResponse]: QueryResponse[K] } = {}
  for (const queryFunction of queryFunctions) Object.assign(response, answers.get(queryFunction)?.(context))
  return response
}

const answers: ReadonlyMap<number, (context: OperationContext) => QueryResponse> = new Map<
  number,
  (context: OperationContext) => QueryResponse
>([
  // The handlers of operations/index.ts are those of this table: the compiler sees to it.
  [
    QueryFunction.QueryOperations,
    ({ version }) => ({
      operations: Object.keys(payloads)
        .map(Number)
        .filter((operation) => payloadsOf(operation)!.since <= version), // it is one of the table
    }),
  ],
  [QueryFunction.QueryObjects, () => ({ objectTypes: servedObjectTypes })],
  [
    QueryFunction.QueryServerInformation,
    ({ server, policy }) => ({
      vendorIdentification: `Krypton ${server.version}${policy.approved ? ', approved algorithms' : ''}`,
      serverInformation: new Uint8Array(0),
    }),
  ],
  // No Application Namespace, extension, attestation or validation: there is nothing to list for these.
  [QueryFunction.QueryRNGs, () => ({ rngParameters: [{ rngAlgorithm: RNGAlgorithm.Unspecified }] })],
  [
    QueryFunction.QueryProfiles,
    ({ version, policy, server }) => ({
      profileInformation: profilesServed(version, { policy, https: server.https }).map((profileName) => ({
        profileName,
      })),
    }),
  ],
  [
    QueryFunction.QueryCapabilities,
    () => ({
      capabilityInformation: [
        {
          streamingCapability: true,
          asynchronousCapability: true,
          attestationCapability: false,
          batchUndoCapability: true,
          batchContinueCapability: true,
          unwrapMode: UnwrapMode.Processed,
          destroyAction: DestroyAction.KeyMaterialDeleted,
          rngMode: RNGMode.SharedInstantiation,
        },
      ],
    }),
  ],
  [
    QueryFunction.QueryClientRegistrationMethods,
    () => ({
      clientRegistrationMethods: [
        ClientRegistrationMethod.ServerPreGenerated,
        ClientRegistrationMethod.ClientGenerated,
      ],
    }),
  ],
])

/** The objects that Register takes, and of which others are made. */
export const servedObjectTypes: readonly ObjectType[] = [
  ObjectType.Certificate,
  ObjectType.SymmetricKey,
  ObjectType.PublicKey,
  ObjectType.PrivateKey,
  ObjectType.SplitKey,
  ObjectType.Template,
  ObjectType.SecretData,
  ObjectType.OpaqueObject,
  ObjectType.PGPKey,
]
