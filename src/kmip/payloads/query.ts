import { enumeration, text, vendorStructure } from '../kinds.ts'
import { oneOrMore, optional, optionalRepeated, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import {
  CapabilityInformation,
  ExtensionInformation,
  ProfileInformation,
  RngParameters,
  ValidationInformation,
} from '../structures.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.25 */
export const QueryRequest = struct(
  'Query',
  { queryFunctions: oneOrMore(Tag.QueryFunction, enumeration('QueryFunction')) },
  { missing: 'missing-data' },
)
export type QueryRequest = ValueOf<typeof QueryRequest>

/** Server Information is the items that the vendor chose, encoded. Values and structures that the client's version does not know are not sent. */
export const QueryResponse = struct('Query', {
  operations: optionalRepeated(Tag.Operation, enumeration('Operation')),
  objectTypes: optionalRepeated(Tag.ObjectType, enumeration('ObjectType')),
  vendorIdentification: optional(Tag.VendorIdentification, text),
  serverInformation: optional(Tag.ServerInformation, vendorStructure),
  applicationNamespaces: optionalRepeated(Tag.ApplicationNamespace, text),
  extensionInformation: optionalRepeated(Tag.ExtensionInformation, ExtensionInformation, { since: 11 }),
  attestationTypes: optionalRepeated(Tag.AttestationType, enumeration('AttestationType'), { since: 12 }),
  rngParameters: optionalRepeated(Tag.RNGParameters, RngParameters, { since: 13 }),
  profileInformation: optionalRepeated(Tag.ProfileInformation, ProfileInformation, { since: 13 }),
  validationInformation: optionalRepeated(Tag.ValidationInformation, ValidationInformation, { since: 13 }),
  capabilityInformation: optionalRepeated(Tag.CapabilityInformation, CapabilityInformation, { since: 13 }),
  clientRegistrationMethods: optionalRepeated(Tag.ClientRegistrationMethod, enumeration('ClientRegistrationMethod'), {
    since: 13,
  }),
})
export type QueryResponse = ValueOf<typeof QueryResponse>
