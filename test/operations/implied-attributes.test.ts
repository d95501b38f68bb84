import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { attributeNames, attributeTable } from '../../src/kmip/attribute.ts'
import type { AttributeName } from '../../src/kmip/attribute.ts'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import {
  CertificateType,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  DerivationMethod,
  HashingAlgorithm,
  ObjectType,
  Operation,
  RevocationReasonCode,
  SplitKeyMethod,
} from '../../src/kmip/enums.ts'
import { newSigner } from '../support/certificates.ts'
import { createAuthority } from './authority.ts'
import { attributeSamples } from './attribute-samples.ts'
import { registers } from './every-object.ts'
import { attribute, createPayload, named, newServer, registerKey } from './fixture.ts'
import type { Client, Server } from './fixture.ts'
import { createPair } from './key-pairs.ts'

/** "When implicitly set" and "Modifiable by server" (KMIP 1.4, Table 54), over every operation that sets or changes attributes. */

let server: Server
let client: Client
let certificate: Buffer
beforeAll(async () => {
  server = await newServer()
  server.clock.seconds = Math.floor(Date.now() / 1000)
  client = server.client
  certificate = (await newSigner()).der
  await createAuthority(server, 'issuer', 'p256')
})
afterAll(() => server.services.cryptoWork.close(0))

/** An object after an operation, and what of it the request asked for. */
interface Outcome {
  readonly uniqueIdentifier: string
  /** Its attributes before; left out for one that was made. */
  readonly before?: Snapshot
  readonly asked: readonly AttributeName[]
}

type Snapshot = Readonly<Record<string, unknown[]>>

const snapshot = (uniqueIdentifier: string): Promise<Snapshot> => client.attributes(uniqueIdentifier)

const { DeriveKey } = CryptographicUsageMask
const aes: readonly AttributeName[] = ['cryptographicAlgorithm', 'cryptographicLength', 'cryptographicUsageMask']
const template = (...attributes: WireAttribute[]) => ({ names: [], attributes })

/** One of each attribute that clients set for a key and that a key which takes its place takes over (Table 173). */
const given = (): WireAttribute[] =>
  attributeNames
    .filter((name) => {
      const { setBy, appliesTo } = attributeTable[name]
      return setBy !== 'server' && appliesTo.includes(ObjectType.SymmetricKey) && !ownOfEach.has(name)
    })
    .map((name) => {
      if (name === 'name') return named('taken over')
      const { attributeName } = attributeTable[name]
      return { name, attributeName, value: attributeSamples[name][0] }
    })
/** What the first of two keys says of itself alone, and dates that exclude each other. */
const ownOfEach: ReadonlySet<string> = new Set([
  'cryptographicUsageMask',
  'originalCreationDate',
  'randomNumberGenerator',
  'fresh',
  'protectStopDate',
  'deactivationDate',
])

async function pair() {
  const { privateKeyUniqueIdentifier, publicKeyUniqueIdentifier } = await client.send(
    Operation.CreateKeyPair,
    createPair([
      attribute('cryptographicAlgorithm', CryptographicAlgorithm.EC),
      attribute('cryptographicLength', 256),
      attribute('activationDate', 0),
    ]),
  )
  return { privateKey: privateKeyUniqueIdentifier, publicKey: publicKeyUniqueIdentifier }
}

async function certified() {
  const { privateKey, publicKey } = await pair()
  const before = await snapshot(publicKey)
  const { uniqueIdentifier } = await client.send(Operation.Certify, {
    uniqueIdentifier: publicKey,
    templateAttribute: template(attribute('certificateType', CertificateType.X509)),
  })
  return { uniqueIdentifier, publicKey, privateKey, before }
}

/** An operation that changes one object. */
async function changing(
  uniqueIdentifier: string,
  asked: readonly AttributeName[],
  run: () => Promise<unknown>,
): Promise<Outcome[]> {
  const before = await snapshot(uniqueIdentifier)
  // A change shows in Last Change Date.
  server.clock.seconds += 1
  await run()
  return [{ uniqueIdentifier, before, asked }]
}

const revoke = (uniqueIdentifier: string, revocationReasonCode: RevocationReasonCode) =>
  client.send(Operation.Revoke, { uniqueIdentifier, revocationReason: { revocationReasonCode } })

const outcomes: Readonly<Record<string, () => Promise<Outcome[]>>> = {
  Create: async () => [{ uniqueIdentifier: await client.create(), asked: aes }],
  CreateKeyPair: async () => {
    const { privateKey, publicKey } = await pair()
    const asked: readonly AttributeName[] = [...aes, 'activationDate']
    return [
      { uniqueIdentifier: privateKey, asked },
      { uniqueIdentifier: publicKey, asked },
    ]
  },
  Register: () =>
    Promise.all(
      Object.entries(registers(certificate)).map(async ([type, register]) => {
        const { uniqueIdentifier } = await client.send(Operation.Register, register([named(`registered ${type}`)]))
        return { uniqueIdentifier, asked: ['name', 'cryptographicUsageMask'] as const }
      }),
    ),
  DeriveKey: async () => {
    const base = await client.register(Buffer.alloc(32, 3), [attribute('activationDate', 0)], { mask: DeriveKey })
    const before = await snapshot(base)
    const { uniqueIdentifier } = await client.send(Operation.DeriveKey, {
      objectType: ObjectType.SymmetricKey,
      uniqueIdentifiers: [base],
      derivationMethod: DerivationMethod.HASH,
      derivationParameters: { cryptographicParameters: { hashingAlgorithm: HashingAlgorithm.SHA256 } },
      templateAttribute: createPayload().templateAttribute,
    })
    return [
      { uniqueIdentifier, asked: aes },
      { uniqueIdentifier: base, before, asked: [] },
    ]
  },
  ReKey: async () => {
    const { uniqueIdentifier: old } = await client.send(Operation.Register, registerKey(Buffer.alloc(16, 4), given()))
    const before = await snapshot(old)
    const { uniqueIdentifier } = await client.send(Operation.ReKey, { uniqueIdentifier: old })
    return [
      { uniqueIdentifier, asked: [] },
      { uniqueIdentifier: old, before, asked: [] },
    ]
  },
  ReKeyKeyPair: async () => {
    const { privateKey, publicKey } = await pair()
    const before = [await snapshot(privateKey), await snapshot(publicKey)]
    const made = await client.send(Operation.ReKeyKeyPair, { privateKeyUniqueIdentifier: privateKey })
    return [
      { uniqueIdentifier: made.privateKeyUniqueIdentifier, asked: [] },
      { uniqueIdentifier: made.publicKeyUniqueIdentifier, asked: [] },
      { uniqueIdentifier: privateKey, before: before[0]!, asked: [] },
      { uniqueIdentifier: publicKey, before: before[1]!, asked: [] },
    ]
  },
  Certify: async () => {
    const { uniqueIdentifier, publicKey, before } = await certified()
    return [
      { uniqueIdentifier, asked: [] },
      { uniqueIdentifier: publicKey, before, asked: [] },
    ]
  },
  ReCertify: async () => {
    const { uniqueIdentifier: old } = await certified()
    const before = await snapshot(old)
    const { uniqueIdentifier } = await client.send(Operation.ReCertify, { uniqueIdentifier: old })
    return [
      { uniqueIdentifier, asked: [] },
      { uniqueIdentifier: old, before, asked: [] },
    ]
  },
  CreateSplitKey: async () => (await parts()).map((uniqueIdentifier) => ({ uniqueIdentifier, asked: aes })),
  JoinSplitKey: async () => {
    const uniqueIdentifiers = await parts()
    const { uniqueIdentifier } = await client.send(Operation.JoinSplitKey, {
      objectType: ObjectType.SymmetricKey,
      uniqueIdentifiers,
    })
    return [{ uniqueIdentifier, asked: [] }]
  },
  Import: async () => {
    const { symmetricKey } = registerKey(Buffer.alloc(16, 5))
    const { uniqueIdentifier } = await client.send(Operation.Import, {
      uniqueIdentifier: 'somewhere else',
      attributes: [],
      symmetricKey,
    })
    return [{ uniqueIdentifier, asked: [] }]
  },
  Activate: async () => {
    const id = await client.create()
    return changing(id, [], () => client.activate(id))
  },
  Revoke: async () => {
    const [ended, lost] = [await client.create(), await client.create()]
    return [
      ...(await changing(ended, [], () => revoke(ended, RevocationReasonCode.CessationOfOperation))),
      ...(await changing(lost, [], () => revoke(lost, RevocationReasonCode.KeyCompromise))),
    ]
  },
  Destroy: async () => {
    const id = await client.create()
    return changing(id, [], () => client.destroy(id))
  },
  Archive: async () => {
    const id = await client.create()
    return changing(id, [], () => client.send(Operation.Archive, { uniqueIdentifier: id }))
  },
  Recover: async () => {
    const id = await client.create()
    await client.send(Operation.Archive, { uniqueIdentifier: id })
    return changing(id, [], () => client.send(Operation.Recover, { uniqueIdentifier: id }))
  },
  GetUsageAllocation: async () => {
    const limited = attribute('usageLimits', { usageLimitsTotal: 8n, usageLimitsUnit: 1 })
    const id = await client.create([attribute('activationDate', 0), limited])
    return changing(id, [], () =>
      client.send(Operation.GetUsageAllocation, { uniqueIdentifier: id, usageLimitsCount: 1n }),
    )
  },
  Get: async () => {
    const id = await client.create()
    return changing(id, [], () => client.material(id))
  },
  AddAttribute: async () => {
    const id = await client.create()
    return changing(id, ['description'], () =>
      client.send(Operation.AddAttribute, { uniqueIdentifier: id, attribute: attribute('description', 'new') }),
    )
  },
  ModifyAttribute: async () => {
    const id = await client.create([attribute('sensitive', true), attribute('extractable', false)])
    const open = [attribute('sensitive', false), attribute('extractable', true)]
    return changing(id, ['sensitive', 'extractable'], async () => {
      for (const one of open) {
        await client.send(Operation.ModifyAttribute, { uniqueIdentifier: id, attribute: one })
      }
    })
  },
  DeleteAttribute: async () => {
    const id = await client.create([attribute('comment', 'old')])
    return changing(id, ['comment'], () =>
      client.send(Operation.DeleteAttribute, { uniqueIdentifier: id, attributeName: 'Comment' }),
    )
  },
}

async function parts(): Promise<readonly string[]> {
  const { uniqueIdentifiers } = await client.send(Operation.CreateSplitKey, {
    objectType: ObjectType.SplitKey,
    splitKeyParts: 2,
    splitKeyThreshold: 2,
    splitKeyMethod: SplitKeyMethod.XOR,
    templateAttribute: createPayload().templateAttribute,
  })
  return uniqueIdentifiers
}

test.each(Object.entries(outcomes))('%s sets and changes unasked what the table lets it', async (operation, run) => {
  const unruly: string[] = []
  for (const { uniqueIdentifier, before, asked } of await run()) {
    const after = await snapshot(uniqueIdentifier)
    for (const name of attributeNames) {
      const { attributeName, implicitlySetBy, modifiableByServer } = attributeTable[name]
      const was = before?.[attributeName]
      if (asked.includes(name) || isDeepStrictEqual(was, after[attributeName])) continue
      const isSet = (implicitlySetBy as readonly string[]).includes(operation)
      if (!isSet && (was === undefined || !modifiableByServer)) unruly.push(name)
    }
  }
  // 3.32: "The server SHALL delete this attribute whenever a Recover operation is performed".
  expect(unruly).toEqual(operation === 'Recover' ? ['archiveDate'] : [])
})
