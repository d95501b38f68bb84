import { enumTables, ProfileName } from '../kmip/enums.ts'
import type { KmipVersion } from '../kmip/version.ts'
import type { CryptoPolicy } from '../objects/crypto-policy.ts'

/** What a profile depends on beside the code. */
export interface ServedBy {
  readonly policy: CryptoPolicy
  /** Is there a port for KMIP over HTTPS? */
  readonly https: boolean
}

/**
 * The profiles whose server side is served whole, for Query (KMIP 1.4 section 4.25): those of every version, as far as `version` has names for them, whose
 * conditions this server meets as it is configured. Which suites of TLS it offers is for `kmip.tlsProfile` to say: no name here says a word of them.
 */
export function profilesServed(version: KmipVersion, by: ServedBy): ProfileName[] {
  return Object.entries(needs)
    .filter(([, isMet]) => isMet(by))
    .flatMap(([profile]) => namesOf(profile))
    .filter((profileName) => enumTables.ProfileName.get(profileName)!.since <= version) // it is one of the enumeration
    .toSorted((a, b) => a - b)
}

/** Its names in the versions of the profile, where they have one. */
function namesOf(profile: string): ProfileName[] {
  const names: Readonly<Record<string, ProfileName>> = ProfileName
  return [0, 1, 2, 3, 4]
    .map((minor) => names[`${profile}KMIPV1_${minor}`])
    .filter((profileName) => profileName !== undefined)
}

const always = () => true
/** Their mandatory cases make keys and use algorithms that the approved profile refuses: 3DES, RSA of 2,048 bits, SHA-1. */
const anyAlgorithm = ({ policy }: ServedBy) => !policy.approved
const overHttps = ({ https }: ServedBy) => https

/** A profile of servers, and when it is served. */
const needs: Readonly<Record<string, (by: ServedBy) => boolean>> = {
  BaselineServerBasic: always,
  TapeLibraryServer: always,
  SymmetricKeyLifecycleServer: anyAlgorithm,
  AsymmetricKeyLifecycleServer: anyAlgorithm,
  // A mandatory case brings the nonce of GCM.
  BasicCryptographicServer: ({ policy }) => !policy.approved && policy.clientNonces,
  AdvancedCryptographicServer: anyAlgorithm,
  RNGCryptographicServer: always,
  SymmetricKeyFoundryServer: anyAlgorithm,
  OpaqueManagedObjectStoreServer: always,
  StorageArrayWithSelfEncryptingDriveServer: always,
  HTTPSServer: overHttps,
  JSONServer: overHttps,
  XMLServer: overHttps,
}
