import { randomIdentifier } from '../crypto/random.ts'
import { KryptonError } from '../errors.ts'
import { asObject, checkOpenBaoPath, errorsIn, objectIn, type OpenBaoClient } from './openbao-client.ts'

/** One text, which is no secret, at a path of OpenBao's KV engine, version 2. */
export interface OpenBaoValuePlace {
  /** Where the engine is mounted: `secret`. */
  readonly mount: string
  readonly path: string
}

/** What stands there. */
export interface OpenBaoValueRead {
  /** Undefined when there is none, or its newest version was deleted. */
  readonly text: string | undefined
  /** Of the newest version, deleted or not; 0 when there never was one. */
  readonly version: number
  /** True for one that this process wrote. */
  readonly isOurs: boolean
}

/** Reads and writes a text in OpenBao's KV engine by compare-and-set. */
export class OpenBaoValue {
  readonly #client: OpenBaoClient
  readonly #place: OpenBaoValuePlace
  /** Stands beside the text: who wrote it. */
  readonly #writer = randomIdentifier().toString('hex')

  /** @throws KryptonError invalid-field */
  constructor(client: OpenBaoClient, place: OpenBaoValuePlace) {
    checkOpenBaoPath('the mount of KV', place.mount)
    checkOpenBaoPath('the path in KV', place.path)
    this.#client = client
    this.#place = place
  }

  /** For messages. */
  get name(): string {
    return `${this.#place.mount}/${this.#place.path} in ${this.#client.name}`
  }

  /**
   * @throws KryptonError external-key-unreachable, external-key-denied, external-key-throttled, as `OpenBaoClient.call`; config-invalid: there is no KV engine of version 2, or
   * something that we did not write
   */
  async read(): Promise<OpenBaoValueRead> {
    const { status, body } = await this.#client.call('GET', this.#path())
    const { data } = objectIn(body)
    const { data: fields, metadata } = asObject(data)
    const { version } = asObject(metadata)
    const { text, writer } = asObject(fields)
    if (status === 404 && data === undefined && errorsIn(body)?.length === 0)
      return { text: undefined, version: 0, isOurs: false }
    if (status === 404 && typeof version === 'number') return { text: undefined, version, isOurs: false }
    if (status === 200 && typeof version === 'number' && typeof text === 'string')
      return { text, version, isOurs: writer === this.#writer }
    throw new KryptonError(
      'config-invalid',
      status === 200
        ? `${this.name} holds something else, or its engine is not KV of version 2: name another place`
        : `${this.name} is not to be had (status ${status}): mount a KV engine of version 2 there`,
    )
  }

  /**
   * Writes `text` if `version` is the newest one, 0 for none: the version that it became; undefined when another one is.
   * @throws KryptonError as `read`; after external-key-unreachable it may have been written all the same
   */
  async write(text: string, version: number): Promise<number | undefined> {
    const sent = Buffer.from(JSON.stringify({ options: { cas: version }, data: { text, writer: this.#writer } }))
    const { status, body } = await this.#client.call('POST', this.#path(), sent)
    const { version: written } = asObject(objectIn(body)['data'])
    if (status === 200 && typeof written === 'number') return written
    if (status === 400 && errorsIn(body)?.some((words) => words.includes('check-and-set parameter did not match')))
      return undefined
    throw new KryptonError(
      'config-invalid',
      `${this.name} was not written (status ${status}): mount a KV engine of version 2 there`,
    )
  }

  #path(): string {
    return `${this.#place.mount}/data/${this.#place.path}`
  }
}
