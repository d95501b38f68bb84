import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Peer, peerOf } from '../../src/auth/authenticate.ts'
import { CredentialCheck } from '../../src/auth/credential-check.ts'
import {
  credentialInput,
  type CredentialFields,
  credentialKinds,
  credentialVerifier,
  isVerifier,
  verifiesCredential,
} from '../../src/auth/credential-verifier.ts'
import type { Principal } from '../../src/auth/principal.ts'
import { systemClock } from '../../src/clock.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import type { Credential } from '../../src/kmip/authentication.ts'
import { AttestationType, CredentialType, Operation, ResultReason, ResultStatus } from '../../src/kmip/enums.ts'
import { encodeRequest } from '../../src/kmip/request-message.ts'
import { decodeResponse } from '../../src/kmip/response-message.ts'
import { protocolVersion } from '../../src/kmip/version.ts'
import { limits } from '../../src/limits.ts'
import { failureOf } from '../../src/operations/result.ts'
import { respond, type RespondParts } from '../../src/server/respond.ts'
import { Counters } from '../../src/telemetry/counters.ts'
import { openLog } from '../../src/telemetry/log.ts'
import { newRealm, type Realm } from '../support/start-server.ts'

const actor = 'operator:test'
let realm: Realm
let parts: RespondParts
let refused: Principal[]
let executed: number

const password = (text: string) => Buffer.from(text)
const fgt: CredentialFields = { type: 'username-and-password', username: 'fgt', password: password('geheim') }
const tape: CredentialFields = {
  type: 'device',
  deviceSerialNumber: '1234',
  mediaIdentifier: 'LTO',
  password: password('x'),
}

beforeAll(async () => {
  realm = await newRealm()
})

beforeEach(() => {
  refused = []
  executed = 0
  parts = {
    authenticator: realm.authenticator,
    credentials: new CredentialCheck((principal) => refused.push(principal)),
    executeBatch: () => {
      executed += 1
      return [{ operation: Operation.Query, resultStatus: ResultStatus.Success, responsePayload: {} }]
    },
    failureOf: (error) => failureOf(error, () => undefined),
    clock: systemClock,
    counters: new Counters(),
    log: openLog('debug', () => undefined),
  }
})

let clients = 0

/** A client with that credential, or none. */
async function clientWith(fields?: CredentialFields): Promise<{ name: string; peer: Peer; der: Buffer }> {
  const name = `client-${clients++}`
  const { der } = await realm.addClient({ tenant: 'demo', name })
  if (fields !== undefined) await set(name, fields)
  return { name, peer: peerOf(der), der }
}

async function set(name: string, fields: CredentialFields): Promise<void> {
  const verifier = await credentialVerifier(fields, randomBytes(16))
  await realm.registry.credentials.set('demo', name, { type: credentialKinds[fields.type], verifier }, actor)
}

function wire({ type, ...credentialValue }: CredentialFields): Credential {
  return { credentialType: credentialKinds[type], credentialValue }
}

const attestation: Credential = {
  credentialType: CredentialType.Attestation,
  credentialValue: {
    nonce: { nonceID: Buffer.from([1]), nonceValue: Buffer.alloc(16) },
    attestationType: AttestationType.TPMQuote,
    attestationMeasurement: Buffer.alloc(16),
  },
}

/** What a request with these credentials is answered: `served`, or the reason. */
async function ask(peer: Peer, ...credentials: Credential[]): Promise<string> {
  const frame = encodeRequest({
    requestHeader: {
      protocolVersion: protocolVersion(14),
      batchCount: 1,
      authentication: credentials.length === 0 ? undefined : { credentials },
    },
    batchItems: [{ operation: Operation.Query, requestPayload: { queryFunctions: [] } }],
  })
  const { bytes } = await respond(frame, peer, parts)
  const [item] = decodeResponse(bytes).batchItems
  if (item!.resultStatus === ResultStatus.Success) return 'served'
  return Object.entries(ResultReason).find(([, reason]) => reason === item!.resultReason)?.[0] ?? ''
}

const wrong = 'AuthenticationNotSuccessful'

describe('a client without a credential', () => {
  test('is served whatever credential it sends', async () => {
    const { peer } = await clientWith()
    expect([
      await ask(peer),
      await ask(peer, wire(fgt)),
      await ask(peer, wire(tape)),
      await ask(peer, attestation),
    ]).toEqual(['served', 'served', 'served', 'served'])
    expect(refused).toEqual([])
  })
})

describe('a client with a credential', () => {
  test.each([
    ['Username and Password', fgt],
    ['Device', tape],
    ['Device without a password', { type: 'device', machineIdentifier: 'm' }],
  ] as [string, CredentialFields][])('is served with its %s, and with nothing else', async (_, fields) => {
    const { peer } = await clientWith(fields)
    const changed = [
      fgt === fields ? tape : fgt,
      { ...fields, password: password('geheim ') },
      { ...fields, [fields.type === 'device' ? 'networkIdentifier' : 'username']: 'FGT' },
    ]
    for (const other of changed) expect(await ask(peer, wire(other))).toBe(wrong)
    expect([await ask(peer), await ask(peer, attestation)]).toEqual([wrong, wrong])
    expect(executed).toBe(0)
    expect(refused).toHaveLength(5)
    expect(await ask(peer, wire(fields))).toBe('served')
    expect(await ask(peer, attestation, wire(fields))).toBe('served')
  })

  test('of another client has its own only, though the password is the same', async () => {
    const [one, other] = [await clientWith(fgt), await clientWith({ ...fgt, username: 'other' })]
    expect([await ask(one.peer, wire(fgt)), await ask(other.peer, wire(fgt))]).toEqual(['served', wrong])
  })

  test('is checked once for a connection, and again after any change', async () => {
    const { name, peer, der } = await clientWith(fgt)
    expect(await ask(peer, wire(fgt))).toBe('served')
    const known = peer.credential
    expect(await ask(peer, wire(fgt))).toBe('served')
    expect(peer.credential).toBe(known)
    expect(peerOf(der).credential).toBeUndefined()
    // Principals are made anew whenever anybody's is changed.
    await clientWith()
    expect(await ask(peer, wire(fgt))).toBe('served')
    expect(peer.credential).toBe(known)
    await set(name, { ...fgt, password: password('neu') })
    expect([await ask(peer, wire(fgt)), await ask(peer, wire({ ...fgt, password: password('neu') }))]).toEqual([
      wrong,
      'served',
    ])
    await realm.registry.credentials.remove('demo', name, actor)
    expect(await ask(peer)).toBe('served')
  })

  test('is one check for all connections that send it at once', async () => {
    const { peer, der } = await clientWith(fgt)
    const principal = await realm.authenticator.authenticate(peer)
    const count = 2 * limits.credentialChecksWaitingMax
    const authentication = { credentials: [wire(fgt)] }
    const checks = Array.from({ length: count }, () => parts.credentials.check(authentication, peerOf(der), principal))
    expect(await Promise.all(checks)).toHaveLength(count)
  })

  test('waits for others of its client only, and is told to come again when too many of those wait', async () => {
    const [guesser, other] = [await clientWith(fgt), await clientWith(fgt)]
    const principal = await realm.authenticator.authenticate(guesser.peer)
    const check = (text: string) =>
      parts.credentials.check(
        { credentials: [wire({ ...fgt, password: password(text) })] },
        peerOf(guesser.der),
        principal,
      )
    const count = limits.credentialChecksMax + limits.credentialChecksOfClientWaitingMax
    let answered = 0
    const guesses = Array.from({ length: count + 8 }, (_, i) =>
      check(`guess ${i}`).catch((error: unknown) => {
        const { code } = error as { code: string }
        if (code !== 'overloaded') answered += 1
        return code
      }),
    )
    expect(await ask(other.peer, wire(fgt))).toBe('served')
    expect(answered).toBeLessThan(count)
    const codes = await Promise.all(guesses)
    expect(codes.filter((code) => code === 'overloaded')).toHaveLength(8)
    expect(codes.filter((code) => code === 'authentication-not-successful')).toHaveLength(count)
  })
})

describe('what is kept of a credential', () => {
  test('is another one each time, and holds nothing of it', async () => {
    const [one, two] = [await credentialVerifier(fgt, randomBytes(16)), await credentialVerifier(fgt, randomBytes(16))]
    expect(one.equals(two)).toBe(false)
    expect(one.includes('geheim') || one.includes('fgt')).toBe(false)
    expect([isVerifier(one), isVerifier(one.subarray(1)), isVerifier(Buffer.alloc(52))]).toEqual([true, false, false])
  })

  test("of another form or cost is nobody's: it would take as long as its maker wants", async () => {
    const verifier = await credentialVerifier(fgt, randomBytes(16))
    expect(await verifiesCredential(credentialInput(fgt), verifier)).toBe(true)
    for (const at of [0, 1, 2, 3]) {
      const changed = Buffer.from(verifier)
      changed[at]! += 1
      expect(await verifiesCredential(credentialInput(fgt), changed)).toBe(false)
    }
  })

  test('tells a field that is not there from an empty one, and one field from another', () => {
    const inputs = [
      credentialInput({ type: 'device' }),
      credentialInput({ type: 'device', password: password('') }),
      credentialInput({ type: 'device', deviceSerialNumber: 'a' }),
      credentialInput({ type: 'device', deviceIdentifier: 'a' }),
      credentialInput({ type: 'device', password: password('a') }),
      credentialInput({ type: 'username-and-password', username: 'a' }),
    ].map((input) => input.toString('hex'))
    expect(new Set(inputs).size).toBe(inputs.length)
  })
})

test('a credential is set and removed for clients that are there', async () => {
  const { registry } = realm
  const verifier = await credentialVerifier(fgt, randomBytes(16))
  const given = { type: 1, verifier }
  const { name } = await clientWith()
  const code = (expected: string) => expect.objectContaining({ code: expected })
  await expect(registry.credentials.set('demo', 'nobody', given, actor)).rejects.toEqual(code('not-found'))
  await expect(registry.credentials.remove('demo', name, actor)).rejects.toEqual(code('not-found'))
  await registry.credentials.set('demo', name, given, actor)
  expect([...(await registry.credentials.list('demo')).values()]).toContain(1)
  await registry.clients.revoke('demo', name, actor)
  await expect(registry.credentials.set('demo', name, given, actor)).rejects.toEqual(code('invalid-field'))
})
