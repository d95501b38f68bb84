/** Protocol Version as it stands in a message header (KMIP 1.4 section 6.1). */
export interface ProtocolVersion {
  readonly protocolVersionMajor: number
  readonly protocolVersionMinor: number
}

/** A version inside the server: 12 is KMIP 1.2. */
export type KmipVersion = 10 | 11 | 12 | 13 | 14

/** Every version that is served, the newest first: the order in which Discover Versions prefers them (section 4.26). */
export const supportedVersions: readonly KmipVersion[] = [14, 13, 12, 11, 10]
export const newestVersion: KmipVersion = 14
export const oldestVersion: KmipVersion = 10

/**
 * The version that serves a client's version: its own; the newest for a later minor version, whose unknown fields are then ignored
 * (section 11.1); undefined for another major version.
 */
export function servedVersion(major: number, minor: number): KmipVersion | undefined {
  if (major !== 1 || minor < 0) return undefined
  return minor > 4 ? newestVersion : ((10 + minor) as KmipVersion) // 0 to 4, so 10 to 14
}

export function protocolVersion(version: KmipVersion): ProtocolVersion {
  return { protocolVersionMajor: 1, protocolVersionMinor: version - 10 }
}

/** "1.2", for messages. */
export function versionText(version: KmipVersion): string {
  return `1.${version - 10}`
}
