import type { Operation } from '../kmip/enums.ts'
import { protocolVersion, supportedVersions } from '../kmip/version.ts'
import type { Handler } from './handler.ts'

/** KMIP 1.4 section 4.26: the versions that both sides know, the newest first. */
export const discoverVersions: Handler<typeof Operation.DiscoverVersions> = ({ protocolVersions }) => {
  const own = supportedVersions.map(protocolVersion)
  if (protocolVersions.length === 0) return { protocolVersions: own }
  return {
    protocolVersions: own.filter(({ protocolVersionMajor, protocolVersionMinor }) =>
      protocolVersions.some(
        (known) =>
          known.protocolVersionMajor === protocolVersionMajor && known.protocolVersionMinor === protocolVersionMinor,
      ),
    ),
  }
}
