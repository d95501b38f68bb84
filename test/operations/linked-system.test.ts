import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  HashingAlgorithm,
  Operation,
  RecommendedCurve,
  ResultStatus,
} from '../../src/kmip/enums.ts'
import type { ResponseBatchItem } from '../../src/kmip/response-message.ts'
import { asked, LinkBench } from '../hierarchy/link-fixture.ts'
import { RotationBench } from '../hierarchy/rotation-fixture.ts'
import { attribute, createPayload, item, named, newServer, refusalOf } from './fixture.ts'
import type { Client, Server } from './fixture.ts'
import { createPair, p256, registerPrivate } from './key-pairs.ts'

const data = Buffer.from('sixteen bytes...')
const active = attribute('activationDate', 0)
const { Encrypt, Decrypt, MACGenerate } = CryptographicUsageMask
const gcm = { blockCipherMode: BlockCipherMode.GCM, tagLength: 16 }
const sha256 = { hashingAlgorithm: HashingAlgorithm.SHA256 }

let server: Server
let bench: RotationBench
let links: LinkBench
let client: Client
let aes: string
let ec: string
let hmac: string
let pending: Uint8Array

/** Everything that hangs on the keys of the system, each in memory already: what comes of it now. */
const uses: Record<string, () => Promise<ResponseBatchItem>> = {
  Get: () => client.item(Operation.Get, { uniqueIdentifier: aes }),
  Encrypt: () => client.item(Operation.Encrypt, { uniqueIdentifier: aes, cryptographicParameters: gcm, data }),
  'Sign with a parsed key': () =>
    client.item(Operation.Sign, { uniqueIdentifier: ec, cryptographicParameters: sha256, data }),
  MAC: () => client.item(Operation.MAC, { uniqueIdentifier: hmac, data }),
  Create: () => client.item(Operation.Create, createPayload()),
  'Poll for a result that waits': () =>
    client.item(Operation.Poll, { asynchronousCorrelationValue: Buffer.from(pending) }),
}
const protecting = ['Encrypt', 'Sign with a parsed key', 'MAC', 'Create']

beforeAll(async () => {
  server = await newServer()
  client = server.client
  bench = new RotationBench(server.hierarchy)
  links = new LinkBench(bench)
  links.serve(server.hierarchy.chain)
  const { own } = server.hierarchy.scopes
  await links.link({ tenant: own.tenant, system: own.system })
})

beforeEach(async () => {
  links.l1.refusal = undefined
  bench.clock.advance(2_000)
  const { own } = server.hierarchy.scopes
  await links.acts.enable(own, asked)
  aes = await client.register(Buffer.alloc(32, 7), [active, named('wanted')], { mask: Encrypt | Decrypt })
  hmac = (
    await client.send(
      Operation.Create,
      createPayload([active], { algorithm: CryptographicAlgorithm.HMACSHA256, mask: MACGenerate }),
    )
  ).uniqueIdentifier
  ec = (await client.send(Operation.Register, registerPrivate(p256.privateKey, [active]))).uniqueIdentifier
  const [taken] = await client.batch(
    [
      item(
        Operation.CreateKeyPair,
        createPair([
          attribute('cryptographicAlgorithm', CryptographicAlgorithm.ECDSA),
          attribute('cryptographicDomainParameters', { recommendedCurve: RecommendedCurve.P256 }),
        ]),
      ),
    ],
    { header: { asynchronousIndicator: true } },
  )
  pending = taken!.asynchronousCorrelationValue!
  while ((await uses['Poll for a result that waits']!()).resultStatus === ResultStatus.OperationPending) await wait(20)
  for (const [name, use] of Object.entries(uses)) expect([name, (await use()).resultStatus]).toEqual([name, 0])
  expect(server.services.streams.size).toBe(0)
})

afterAll(() => server.services.cryptoWork.close(0))

/** What a listener thread does when it hears that a lease has ended. */
const threadLooks = async (): Promise<void> => {
  server.services.keystore.forgetEnded()
  server.services.streams.sweep()
  await wait(5)
}

const system = () => {
  const { tenant, system: ofSystem } = server.hierarchy.scopes.own
  return { tenant, system: ofSystem }
}

/** Begins an operation in parts; what comes of its next part. */
async function begunStream(): Promise<() => Promise<ResponseBatchItem>> {
  const first = { uniqueIdentifier: aes, cryptographicParameters: gcm, data, initIndicator: true }
  const { correlationValue } = await client.send(Operation.Encrypt, first)
  return () => client.item(Operation.Encrypt, { uniqueIdentifier: aes, correlationValue: correlationValue!, data })
}

/** What needs no key goes on, and nobody else notices anything. */
async function metadataGoesOn(): Promise<void> {
  expect(await client.locate([named('wanted')])).toContain(aes)
  expect(await client.attribute(aes, 'State')).toBe(2)
  expect((await server.otherSystem.item(Operation.Create, createPayload())).resultStatus).toBe(ResultStatus.Success)
  expect((await server.otherTenant.item(Operation.Create, createPayload())).resultStatus).toBe(ResultStatus.Success)
  await client.revoke(aes)
  await client.destroy(aes)
  expect(await client.attribute(aes, 'State')).toBe(5)
}

describe('when the switch of a linked system is thrown', () => {
  for (const [how, reason, act] of [
    ['by krypton tenant lock', 'Permission Denied', () => links.acts.lock(system(), asked)],
    ['by krypton tenant unlink', 'Permission Denied', () => links.acts.unlink(system(), asked)],
    [
      'by its owner, and the server is told to look',
      'Permission Denied',
      async () => {
        links.l1.refusal = 'external-key-disabled'
        await links.acts.check(system()).catch(() => undefined)
      },
    ],
    [
      'by an outage that lasts longer than the lease',
      'General Failure',
      async () => {
        links.l1.refusal = 'external-key-unreachable'
        bench.clock.sleep(301_000)
      },
    ],
  ] as const) {
    test(`${how}, nothing that is in memory is used any more`, async () => {
      const nextPart = await begunStream()
      const before = performance.now()
      await act()
      for (const [name, use] of Object.entries(uses)) {
        expect([name, refusalOf(await use()).reason]).toEqual([name, reason])
      }
      expect(refusalOf(await nextPart()).reason).toBe(reason)
      expect(performance.now() - before).toBeLessThan(1_000)
      await threadLooks()
      expect(server.services.streams.size).toBe(0)
      await metadataGoesOn()
      if (how.includes('unlink')) await links.link(system())
    })
  }

  test('by krypton tenant disable, keys open what there is and protect nothing new', async () => {
    const nextPart = await begunStream()
    const {
      data: encrypted,
      ivCounterNonce,
      authenticatedEncryptionTag,
    } = await client.send(Operation.Encrypt, {
      uniqueIdentifier: aes,
      cryptographicParameters: gcm,
      data,
    })
    await links.acts.disable(system(), asked)
    for (const [name, use] of Object.entries(uses)) {
      const answer = await use()
      if (!protecting.includes(name)) expect([name, answer.resultStatus]).toEqual([name, ResultStatus.Success])
      else expect([name, refusalOf(answer).reason]).toEqual([name, 'Permission Denied'])
    }
    expect(refusalOf(await nextPart()).reason).toBe('Permission Denied')
    const request = { uniqueIdentifier: aes, cryptographicParameters: gcm, data: encrypted, ivCounterNonce }
    const decrypted = await client.send(Operation.Decrypt, { ...request, authenticatedEncryptionTag })
    expect(Buffer.from(decrypted.data as Uint8Array)).toEqual(data)
    await metadataGoesOn()
  })
})

test('a client is told whom to ask, and nothing of what the provider has said', async () => {
  for (const [refusal, message] of [
    ['external-key-unreachable', /^Repeat the request later: /],
    ['external-key-throttled', /^Repeat the request later: /],
    ['external-key-denied', /^Ask the owner of the tenant's own key/],
    ['external-key-not-found', /^Ask the owner of the tenant's own key/],
  ] as const) {
    links.leases.end(system().tenant, system().system)
    bench.clock.advance(2_000)
    links.l1.refusal = refusal
    const told = refusalOf(await client.item(Operation.Get, { uniqueIdentifier: aes })).message
    expect(told).toMatch(message)
    expect(told).not.toContain('as the test says')
  }
})
