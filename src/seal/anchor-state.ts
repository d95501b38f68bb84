import { hmac, verifyHmac } from '../crypto/mac.ts'
import { labels } from '../crypto/labels.ts'
import type { Secret } from '../crypto/secret.ts'
import { KryptonError } from '../errors.ts'
import { activeIntegrityVersion, deriveByVersion } from '../hierarchy/integrity-key.ts'
import { noTenant } from '../hierarchy/key-record.ts'
import type { RootKeys } from '../hierarchy/root-keys.ts'

/** The newest audit row of a section. */
export interface AnchoredHead {
  /** 0 where there is none. */
  readonly sequence: number
  /** `auditDigest` of it in hex. */
  readonly digest: string
}

/** What an anchor holds of a database (KEYS.md section 4): enough to tell an older one from it. */
export interface AnchorState {
  /** Hex, as `incarnation`. */
  readonly cluster: string
  readonly incarnation: string
  readonly epoch: number
  readonly sealGeneration: number
  readonly keys: AnchoredHead
  readonly data: AnchoredHead
  /** RFC 3339. */
  readonly written: string
}

/** Writes and reads anchors under the root's system integrity keys; `wipe` ends the keys that were derived for it. */
export class AnchorCodec {
  readonly #keys: ReadonlyMap<number, Secret>
  readonly #active: number

  constructor({ cluster, systemIntegrityKeys }: Pick<RootKeys, 'cluster' | 'systemIntegrityKeys'>) {
    this.#keys = deriveByVersion(cluster, noTenant, systemIntegrityKeys, labels.anchorMac)
    this.#active = activeIntegrityVersion(systemIntegrityKeys)
  }

  /** One line of JSON: the state, and its MAC with the version of the key. */
  encode(state: AnchorState): string {
    const body = ordered(state)
    const mac = hmac('sha256', this.#keys.get(this.#active)!, macInput(body)).toString('hex') // the active one is among the keys
    return `${JSON.stringify({ ...body, keyVersion: this.#active, mac })}\n`
  }

  /** @throws KryptonError anchor-mismatch: it was not written under a key of this root, or was changed since */
  decode(text: string, place: string): AnchorState {
    const read = parsed(text)
    const key = read && this.#keys.get(read.keyVersion)
    if (read !== undefined && key !== undefined) {
      const { keyVersion: _keyVersion, mac, ...state } = read
      if (verifyHmac('sha256', key, macInput(ordered(state)), Buffer.from(mac, 'hex'), 0)) return state
    }
    throw new KryptonError(
      'anchor-mismatch',
      `the anchor ${place} was not written by this cluster, or was changed since: check that the settings of anchor name the right one`,
    )
  }

  wipe(): void {
    for (const key of this.#keys.values()) key.wipe()
  }
}

/** The version of the key that an anchor says it was written under; undefined for what is no anchor. Nothing of it is proven. */
export function keyVersionOf(text: string): number | undefined {
  return parsed(text)?.keyVersion
}

interface Written extends AnchorState {
  readonly keyVersion: number
  readonly mac: string
}

/** The fields in the order in which they are written and authenticated. */
function ordered({ cluster, incarnation, epoch, sealGeneration, keys, data, written }: AnchorState) {
  const head = ({ sequence, digest }: AnchoredHead) => ({ sequence, digest })
  return { format: 1, cluster, incarnation, epoch, sealGeneration, keys: head(keys), data: head(data), written }
}

function macInput(body: ReturnType<typeof ordered>): Buffer {
  return Buffer.from(`krypton/anchor/1\0${JSON.stringify(body)}`)
}

/** undefined for what is no anchor of this format. */
function parsed(text: string): Written | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  return isWritten(value) ? value : undefined
}

function isWritten(value: unknown): value is Written & { readonly format: 1 } {
  if (!isRecord(value) || value['format'] !== 1) return false
  const numbers = [value['epoch'], value['sealGeneration'], value['keyVersion']]
  const texts = [value['cluster'], value['incarnation'], value['written'], value['mac']]
  return (
    numbers.every((number) => Number.isSafeInteger(number)) &&
    texts.every((one) => typeof one === 'string') &&
    /^[0-9a-f]{64}$/.test(String(value['mac'])) &&
    isHead(value['keys']) &&
    isHead(value['data'])
  )
}

function isHead(value: unknown): boolean {
  return isRecord(value) && Number.isSafeInteger(value['sequence']) && typeof value['digest'] === 'string'
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
