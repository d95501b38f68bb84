import { randomBytes } from 'node:crypto'
import { bytesIn, textIn } from './answer.ts'
import type { Expectation, Payload } from './answer.ts'
import { IdentifierTemplate } from './identifier-template.ts'
import {
  activate,
  createKey,
  createRsaKeyPair,
  decrypt,
  encrypt,
  get,
  getAttributes,
  getState,
  locate,
  registerSecretData,
  signRsa,
} from './messages.ts'
import type { Mode } from './modes.ts'
import { Operation, Tag } from './tags.ts'

/** One request with what its answer must be. */
export interface Request extends Expectation {
  readonly bytes: Buffer
}

/** What a task remembers between its steps. */
export interface TaskState {
  identifier: string
  data: Buffer
  iv: Buffer
}

/** One step: the request it sends, and what it learns from the answer. */
export interface Step {
  request(state: TaskState): Request
  learn?(state: TaskState, frame: Buffer, payload: Payload): void
}

/** An object that was loaded before the clock started, with what the scenario asks of it. */
export interface LoadedObject {
  readonly identifier: string
  readonly name?: string
  readonly data?: Buffer
  readonly iv?: Buffer
}

export interface Scenario {
  readonly name: string
  readonly about: string
  /** How its clients use connections, and how many of them there are when nothing else is asked for. */
  readonly mode: Mode
  readonly connections: number
  /** Makes one object before the clock starts: steps like any other. Absent where the scenario makes its own objects. */
  readonly load?: (index: number, run: string) => readonly Step[]
  /** A task: its steps are sent one after the other, each when the answer to the one before is there. */
  steps(objects: readonly LoadedObject[], seed: number): readonly Step[]
}

/** 96 bytes: a data key of MongoDB, and also its classic KEK. */
const dataKeyBytes = 96
/** How often a data key is unwrapped in a task, once for each application that starts. */
const unwraps = 8
/** How often mongod's poll is repeated in a task; in life it comes every 15 minutes for months. */
const statePolls = 8
/** Long enough to be worth another thread, short enough for servers that take messages of 1 MiB. */
const bulkBytes = 256 * 1024
/** What a client shows of a key: eight attributes. */
const eightAttributes = [
  'State',
  'Object Type',
  'Unique Identifier',
  'Cryptographic Algorithm',
  'Cryptographic Length',
  'Cryptographic Usage Mask',
  'Initial Date',
  'Last Change Date',
]
const rsaBits = 3072

const kept = { mode: 'persistent', connections: 16 } as const
const oneShot = { mode: 'connect-per-operation', connections: 8 } as const

export const scenarios = {
  'mongodb-csfle': {
    name: 'mongodb-csfle',
    about: `a data key under a new KEK: Register, Activate, Get; then ${unwraps} applications unwrap it: Get`,
    ...oneShot,
    steps: () => {
      const material = randomBytes(dataKeyBytes)
      return [register(material), activateStep(), getStep(), ...Array.from({ length: unwraps }, () => getStep())]
    },
  },
  'mongodb-delegated': {
    name: 'mongodb-delegated',
    about: 'a data key that the server wraps: Create, Activate, Encrypt, Decrypt',
    ...oneShot,
    steps: () => [create(), activateStep(), encryptStep(randomBytes(dataKeyBytes)), decryptStep()],
  },
  'mongod-atrest': {
    name: 'mongod-atrest',
    about: `a mongod starts: Create, Get, Activate; ${statePolls} polls of State; restarts: Get; rotates to a new key: Create, Get, Activate`,
    ...kept,
    steps: () => {
      const start = (): Step[] => [create(), getStep(2), activateStep(2)]
      return [...start(), ...Array.from({ length: statePolls }, () => pollStep()), getStep(2), ...start()]
    },
  },
  'create-storm': {
    name: 'create-storm',
    about: 'many clients make AES-256 keys at once: Create, one durable write each',
    mode: 'persistent',
    connections: 64,
    steps: () => [create()],
  },
  'bulk-encrypt': {
    name: 'bulk-encrypt',
    about: `Encrypt of ${bulkBytes / 1024} KiB, AES-256-CBC, random IV`,
    mode: 'persistent',
    connections: 4,
    load: () => [create(), activateStep()],
    steps: (objects, seed) => [encrypting(objects, seed, bulkBytes)],
  },
  get: {
    name: 'get',
    about: "Get of a Secret Data of 96 bytes: every decrypt of MongoDB's client-side encryption",
    ...kept,
    load: () => [register(randomBytes(dataKeyBytes))],
    steps: (objects, seed) => [repeated(objects, seed, Operation.Get, (object) => get(object.identifier))],
  },
  poll: {
    name: 'poll',
    about: "Get Attributes of State: mongod's poll, the steady load",
    ...kept,
    load: () => [create(), activateStep(2)],
    steps: (objects, seed) => [
      repeated(objects, seed, Operation.GetAttributes, (object) => getState(object.identifier)),
    ],
  },
  attributes: {
    name: 'attributes',
    about: `Get Attributes of ${eightAttributes.length}`,
    ...kept,
    load: () => [create(), activateStep(2)],
    steps: (objects, seed) => [
      repeated(objects, seed, Operation.GetAttributes, (object) => getAttributes(object.identifier, eightAttributes)),
    ],
  },
  encrypt: {
    name: 'encrypt',
    about: 'Encrypt of 96 bytes, AES-256-CBC, random IV',
    ...kept,
    load: () => [create(), activateStep()],
    steps: (objects, seed) => [encrypting(objects, seed, dataKeyBytes)],
  },
  'encrypt-4k': {
    name: 'encrypt-4k',
    about: 'Encrypt of 4 KiB, AES-256-CBC, random IV',
    ...kept,
    load: () => [create(), activateStep()],
    steps: (objects, seed) => [encrypting(objects, seed, 4096)],
  },
  decrypt: {
    name: 'decrypt',
    about: 'Decrypt of 96 bytes that were encrypted before',
    ...kept,
    load: () => [create(), activateStep(), encryptStep(randomBytes(dataKeyBytes))],
    steps: (objects, seed) => [
      repeated(objects, seed, Operation.Decrypt, (object) =>
        decrypt(object.identifier, object.data ?? Buffer.alloc(0), object.iv ?? Buffer.alloc(0)),
      ),
    ],
  },
  create: {
    name: 'create',
    about: 'Create of an AES-256 key: one durable write each',
    ...kept,
    steps: () => [create()],
  },
  register: {
    name: 'register',
    about: 'Register of a Secret Data of 96 bytes: one durable write each',
    ...kept,
    steps: () => [register(randomBytes(dataKeyBytes))],
  },
  locate: {
    name: 'locate',
    about: 'Locate of one key by type and name',
    ...kept,
    load: (index, run) => [create(objectName(index, run))],
    steps: (objects, seed) => [
      // Any identifier is right: a name is looked up, and the client does not know whose it is.
      repeated(objects, seed, Operation.Locate, (object) => locate(object.name ?? '')),
    ],
  },
  'sign-rsa': {
    name: 'sign-rsa',
    about: `Sign with RSA-${rsaBits}, PKCS #1 v1.5, SHA-256`,
    ...kept,
    load: () => [createPair(), activateStep(2)],
    steps: (objects, seed) => {
      const data = randomBytes(dataKeyBytes)
      return [repeated(objects, seed, Operation.Sign, (object) => signRsa(object.identifier, data))]
    },
  },
  'create-rsa': {
    name: 'create-rsa',
    about: `Create Key Pair of RSA-${rsaBits}`,
    mode: 'persistent',
    connections: 1,
    steps: () => [createPair()],
  },
} as const satisfies Record<string, Scenario>

export type ScenarioName = keyof typeof scenarios

export const scenarioNames: readonly string[] = Object.keys(scenarios)

export function isScenarioName(name: string): name is ScenarioName {
  return scenarioNames.includes(name)
}

/** The name under which `load` makes object `index` of this run; 24 characters and unlike those of any other run. */
export function objectName(index: number, run: string): string {
  return `bench-${run}-${index}`
}

export function newTaskState(): TaskState {
  return { identifier: '', data: Buffer.alloc(0), iv: Buffer.alloc(0) }
}

/** One request for each object, made before the clock starts and sent in turn; `seed` lets clients begin at different ones. */
function repeated(
  objects: readonly LoadedObject[],
  seed: number,
  operation: number,
  build: (object: LoadedObject) => Buffer,
): Step {
  if (objects.length === 0) throw new Error('this scenario needs at least one object')
  const requests = objects.map((object) => ({ bytes: build(object), operation, identifier: object.identifier }))
  let next = seed % requests.length
  return {
    request: () => {
      const request = requests[next]!
      next = next + 1 === requests.length ? 0 : next + 1
      return request
    },
  }
}

const remembersIdentifier = (state: TaskState, frame: Buffer, payload: Payload): void => {
  state.identifier = textIn(frame, payload, Tag.UniqueIdentifier)
}

function register(material: Buffer): Step {
  const request = { bytes: registerSecretData(material), operation: Operation.Register }
  return { request: () => request, learn: remembersIdentifier }
}

function create(name?: string): Step {
  const request = { bytes: createKey(name), operation: Operation.Create }
  return { request: () => request, learn: remembersIdentifier }
}

function createPair(): Step {
  const request = { bytes: createRsaKeyPair(rsaBits), operation: Operation.CreateKeyPair }
  return {
    request: () => request,
    learn: (state, frame, payload) => {
      state.identifier = textIn(frame, payload, Tag.PrivateKeyUniqueIdentifier)
    },
  }
}

function encrypting(objects: readonly LoadedObject[], seed: number, bytes: number): Step {
  const data = randomBytes(bytes)
  return repeated(objects, seed, Operation.Encrypt, (object) => encrypt(object.identifier, data))
}

function ofIdentifier(operation: number, build: (identifier: string) => Buffer): Step {
  const template = new IdentifierTemplate(build)
  return {
    request: ({ identifier }) => ({ bytes: template.for(identifier), operation, identifier }),
  }
}

function activateStep(minor: 0 | 2 = 0): Step {
  return ofIdentifier(Operation.Activate, (identifier) => activate(identifier, minor))
}

function getStep(minor: 0 | 2 = 0): Step {
  return ofIdentifier(Operation.Get, (identifier) => get(identifier, minor))
}

function pollStep(): Step {
  return ofIdentifier(Operation.GetAttributes, getState)
}

function encryptStep(data: Buffer): Step {
  return {
    ...ofIdentifier(Operation.Encrypt, (identifier) => encrypt(identifier, data)),
    learn: (state, frame, payload) => {
      state.data = bytesIn(frame, payload, Tag.Data)
      state.iv = bytesIn(frame, payload, Tag.IVCounterNonce)
    },
  }
}

function decryptStep(): Step {
  return {
    request: ({ identifier, data, iv }) => ({
      bytes: decrypt(identifier, data, iv),
      operation: Operation.Decrypt,
      identifier,
    }),
  }
}
