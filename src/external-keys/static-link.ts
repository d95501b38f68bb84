import { readFileSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { digest } from '../crypto/digest.ts'
import { KryptonError } from '../errors.ts'
import type { ExternalKey, ExternalKeyProvider, ExternalKeyRefusal, ExternalKeyStatus } from './external-key.ts'
import { openStaticKey } from './static.ts'

/**
 * An L1 in a file of this machine, for tests and development: it behaves as a provider's key does. The key is the file's, read anew by each call, or where that is not the one that has wrapped
 * something, the one in FILE.previous: so it is rotated by moving the file there and making another. FILE.state holds a word of `states` while the key is anything but enabled.
 */
export const staticLink: ExternalKeyProvider = {
  type: 'static',
  settings: {},
  developmentOnly: true,
  open: ({ key: file, settings, credentials }) => {
    if (!isAbsolute(file) || Object.keys(settings).length > 0 || credentials.byteLength > 0) {
      throw new KryptonError(
        'invalid-field',
        'a static key is named by the absolute path of its file, and takes neither settings nor credentials',
      )
    }
    return new StaticLink(file)
  },
}

class StaticLink implements ExternalKey {
  readonly type = 'static'
  readonly configurationId: Uint8Array
  readonly #file: string

  constructor(file: string) {
    this.#file = file
    this.configurationId = digest('sha256', Buffer.from(`krypton/static-link/1\0${file}`))
  }

  async wrap(...parameters: Parameters<ExternalKey['wrap']>): ReturnType<ExternalKey['wrap']> {
    this.#refuse()
    return using(this.#file, (key) => key.wrap(...parameters))
  }

  async unwrap(...parameters: Parameters<ExternalKey['unwrap']>): ReturnType<ExternalKey['unwrap']> {
    this.#refuse()
    const [wrapped] = parameters
    const isOwn = wrapped.keyId.toString() === (await using(this.#file, statusOf)).keyId?.toString()
    return using(isOwn ? this.#file : `${this.#file}.previous`, (key) => key.unwrap(...parameters))
  }

  async status(): Promise<ExternalKeyStatus> {
    const word = this.#state()
    if (word === 'disabled' || word === 'deleted') return { state: word, keyId: undefined }
    this.#refuse()
    return using(this.#file, statusOf)
  }

  /** Nothing is held between two calls. */
  wipe(): void {}

  #refuse(): void {
    const word = this.#state()
    if (word === undefined) return
    const { code, message } = states[word]
    throw new KryptonError(code, message)
  }

  #state(): keyof typeof states | undefined {
    let text
    try {
      text = readFileSync(`${this.#file}.state`, 'utf8').trim()
    } catch {
      return undefined
    }
    // A word that is none of them switches nothing on.
    return isState(text) ? text : 'unreachable'
  }
}

const statusOf = (key: ExternalKey): Promise<ExternalKeyStatus> => key.status()

async function using<T>(file: string, act: (key: ExternalKey) => Promise<T>): Promise<T> {
  const key = open(file)
  try {
    return await act(key)
  } finally {
    key.wipe()
  }
}

function open(file: string): ExternalKey {
  try {
    return openStaticKey({ file })
  } catch (cause) {
    throw new KryptonError('external-key-not-found', `there is no key in the file of this static L1`, { cause })
  }
}

function isState(text: string): text is keyof typeof states {
  return Object.hasOwn(states, text)
}

const states: Readonly<
  Record<
    'disabled' | 'denied' | 'deleted' | 'unreachable' | 'throttled',
    { readonly code: ExternalKeyRefusal; readonly message: string }
  >
> = {
  disabled: { code: 'external-key-disabled', message: 'the key is disabled at its provider: its owner can enable it' },
  denied: {
    code: 'external-key-denied',
    message: 'the provider refuses our credentials: give new ones with krypton tenant link',
  },
  deleted: { code: 'external-key-not-found', message: 'the provider has no such key: it was deleted' },
  unreachable: {
    code: 'external-key-unreachable',
    message: 'the provider does not answer: look at the network and at its status page',
  },
  throttled: { code: 'external-key-throttled', message: 'the provider asks to be called less often' },
}
