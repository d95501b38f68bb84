import { beforeEach, describe, expect, test } from 'vitest'
import { type Authenticator, type Peer, peerOf } from '../../src/auth/authenticate.ts'
import { authorize } from '../../src/auth/authorize.ts'
import type { Principal } from '../../src/auth/principal.ts'
import { verifyClientCertificate } from '../../src/certificates/verify-client-certificate.ts'
import { isKryptonError } from '../../src/errors.ts'
import { Distrust } from '../../src/hierarchy/distrust.ts'
import { Operation } from '../../src/kmip/enums.ts'
import type { Values } from '../../src/store/row-key.ts'
import { newKeys, newSigner, sign } from '../support/certificates.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { newRealm, type Realm } from '../support/start-server.ts'

let clock: FakeClock
let realm: Realm
let authenticator: Authenticator
const actor = 'operator:test'

beforeEach(async () => {
  clock = new FakeClock(Date.now())
  realm = await newRealm(clock)
  authenticator = realm.authenticator
})

const newClient = async (name = 'one', operations?: number[]): Promise<Peer> =>
  peerOf((await realm.addClient({ tenant: 'demo', name, operations })).der)

const unknown = (text: string) => (error: unknown) =>
  isKryptonError(error, 'client-unknown') && error.message.includes(text)

/** Always as a promise, so that a refusal that is thrown at once looks like one that comes later. */
const ask = async (peer: Peer): Promise<Principal> => authenticator.authenticate(peer)

describe('a bound certificate', () => {
  test('is its client, at once from the second time on', async () => {
    const peer = await newClient()
    const principal = await authenticator.authenticate(peer)
    expect(principal).toMatchObject({
      tenantName: 'demo',
      serviceName: 'default',
      clientName: 'one',
      actor: 'client:one',
    })
    expect(authenticator.authenticate(peer)).toBe(principal)
    expect(authenticator.authenticate(peerOf(peer.certificate))).toBe(principal)
  })

  test('is still its client after its renewal with the same key', async () => {
    const { registry } = realm
    const signer = await newSigner()
    const authority = await registry.authorities.register({ certificate: signer.der, tenant: 'demo' }, actor)
    const keys = await newKeys()
    const first = await sign(signer, { keys })
    const { leafKeyHash } = verifyClientCertificate(first, [authority])
    await registry.clients.create(
      { tenant: 'demo', name: 'own', issuerKeyHash: authority.publicKeyHash, leafKeyHash },
      actor,
    )
    const principal = await ask(peerOf(first))
    const renewed = await ask(peerOf(await sign(signer, { keys, subject: 'CN=renewed' })))
    expect(renewed.client).toEqual(principal.client)
  })
})

describe('unknown is', () => {
  test('who sends no certificate', async () => {
    await expect(ask(peerOf(undefined))).rejects.toSatisfy(unknown('no certificate'))
  })

  test('a certificate that no authority of ours signed', async () => {
    await expect(ask(peerOf(await sign(await newSigner())))).rejects.toSatisfy(unknown('registered authority'))
  })

  test('a good certificate of an unbound key, until it is bound', async () => {
    const issued = await realm.authority.issueClient({ name: 'new' }, new Date(clock.now()))
    const peer = peerOf(issued.certificate)
    for (let times = 0; times < 2; times++) await expect(ask(peer)).rejects.toSatisfy(unknown('no client is bound'))
    const { all: authorities } = await realm.directory.authorities()
    const { authority, leafKeyHash } = verifyClientCertificate(issued.certificate, authorities)
    await realm.registry.clients.create(
      { tenant: 'demo', name: 'new', issuerKeyHash: authority.publicKeyHash, leafKeyHash },
      actor,
    )
    expect((await ask(peer)).clientName).toBe('new')
  })

  test('a key that is bound, vouched for by another authority', async () => {
    const { registry } = realm
    const [mine, theirs] = [await newSigner(), await newSigner({ name: 'CN=theirs' })]
    const authority = await registry.authorities.register({ certificate: mine.der, tenant: 'demo' }, actor)
    await registry.authorities.register({ certificate: theirs.der, tenant: 'demo' }, actor)
    const keys = await newKeys()
    const { leafKeyHash } = verifyClientCertificate(await sign(mine, { keys }), [authority])
    await registry.clients.create(
      { tenant: 'demo', name: 'own', issuerKeyHash: authority.publicKeyHash, leafKeyHash },
      actor,
    )
    await expect(ask(peerOf(await sign(theirs, { keys })))).rejects.toSatisfy(unknown('no client is bound'))
  })

  test("a client of one tenant that another tenant's authority vouches for", async () => {
    const { registry } = realm
    await registry.createTenant('acme', actor)
    const signer = await newSigner()
    const authority = await registry.authorities.register({ certificate: signer.der, tenant: 'acme' }, actor)
    const der = await sign(signer)
    const { leafKeyHash } = verifyClientCertificate(der, [authority])
    await registry.clients.create(
      { tenant: 'demo', name: 'stolen', issuerKeyHash: authority.publicKeyHash, leafKeyHash },
      actor,
    )
    await expect(ask(peerOf(der))).rejects.toSatisfy(unknown("another tenant's"))
  })

  test('a client from the moment of its revocation, known before or not', async () => {
    const peer = await newClient()
    await ask(peer)
    await realm.registry.clients.revoke('demo', 'one', actor)
    await expect(ask(peer)).rejects.toSatisfy(unknown('is revoked'))
    await expect(ask(peerOf(peer.certificate))).rejects.toSatisfy(unknown('is revoked'))
  })

  test('a client before and after the dates of its certificate, known before or not', async () => {
    const peer = await newClient()
    const fresh = peerOf(peer.certificate)
    await ask(peer)
    clock.advance(900 * 86_400_000)
    await expect(ask(peer)).rejects.toSatisfy(unknown('expired'))
    await expect(ask(fresh)).rejects.toSatisfy(unknown('expired'))
    clock.advance(-1_000 * 86_400_000)
    await expect(ask(peer)).rejects.toSatisfy(unknown('wait until'))
    clock.advance(100 * 86_400_000 + 1)
    expect((await ask(peer)).clientName).toBe('one')
  })
})

test.each(['authorities', 'clients', 'tenants', 'systems', 'services'] as const)(
  'when a row of %s is gone, who was known is refused with words, who was not is unknown, and all are served again when it is back',
  async (table) => {
    const [peer, other] = [await newClient(), await newClient('two')]
    await ask(peer)
    let restore = (): void => undefined
    realm.memory.changeFromOutside((tables) => {
      const rows = tables.get(table)!
      const [[key, row]] = [...rows] as [[string, Values]]
      rows.delete(key)
      restore = () => void rows.set(key, row)
      realm.keyChain.refuse(new Distrust([{ table, rows: [row] }]))
    })
    for (const asking of [peer, peerOf(peer.certificate), peer])
      expect(await ask(asking)).toMatchObject({ clientName: 'one', refusal: { code: 'rows-changed' } })
    if (table !== 'clients') await expect(ask(other)).rejects.toMatchObject({ code: 'client-unknown' })
    clock.advance(900 * 86_400_000)
    await expect(ask(peer)).rejects.toSatisfy(unknown('expired'))
    clock.advance(-900 * 86_400_000)
    restore()
    realm.keyChain.refuse(Distrust.none)
    for (const [asking, clientName] of [
      [peer, 'one'],
      [other, 'two'],
    ] as const)
      expect(await ask(asking)).toMatchObject({ clientName, refusal: undefined })
  },
)

test('when an authority has a certificate that cannot be read, its clients are refused, those of all others are served, and it is told', async () => {
  const { registry } = realm
  const signer = await newSigner()
  const authority = await registry.authorities.register({ certificate: signer.der, tenant: 'demo' }, actor)
  const ownOf = async (name: string): Promise<Peer> => {
    const der = await sign(signer)
    const { leafKeyHash } = verifyClientCertificate(der, [authority])
    const { publicKeyHash: issuerKeyHash } = authority
    await registry.clients.create({ tenant: 'demo', name, issuerKeyHash, leafKeyHash }, actor)
    return peerOf(der)
  }
  const [own, new_] = [await ownOf('own'), await ownOf('new')]
  const other = await newClient('other')
  await ask(own)
  let restore = (): void => undefined
  realm.memory.changeFromOutside((tables) => {
    const rows = tables.get('authorities')!
    const before = new Map(rows)
    for (const [key, row] of before) {
      const isIts = Buffer.from(row['certificate'] as Uint8Array).equals(authority.certificate)
      if (isIts) rows.set(key, { ...row, certificate: Buffer.alloc(40, 0x30) })
    }
    restore = () => before.forEach((row, key) => void rows.set(key, row))
  })
  realm.keyChain.refuse(Distrust.none)
  expect(await ask(other)).toMatchObject({ clientName: 'other', refusal: undefined })
  expect(realm.damaged).toContainEqual(expect.stringMatching('table authorities'))
  expect(await ask(own)).toMatchObject({ clientName: 'own', refusal: { code: 'rows-changed' } })
  await expect(ask(new_)).rejects.toMatchObject({ code: 'client-unknown' })
  restore()
  expect(await ask(own)).toMatchObject({ clientName: 'own', refusal: undefined })
  expect(await ask(new_)).toMatchObject({ clientName: 'new' })
})

test.each([
  ['clients', 'name', 'root'],
  ['clients', 'tenant', Buffer.alloc(16, 7)],
  ['tenants', 'name', 'other'],
  ['services', 'name', 'other'],
  ['authorities', 'created', 0],
] as const)(
  'when a row of %s has another %s, who was known is refused with words, who was not is unknown, it is told, and all are served again when it is back',
  async (table, column, value) => {
    const [peer, other] = [await newClient(), await newClient('two')]
    await ask(peer)
    let restore = (): void => undefined
    realm.memory.changeFromOutside((tables) => {
      const rows = tables.get(table)!
      const before = new Map(rows)
      for (const [key, row] of before) rows.set(key, { ...row, [column]: value })
      restore = () => before.forEach((row, key) => void rows.set(key, row))
    })
    // Nobody reads what is remembered as long as nothing changes whom to trust.
    realm.keyChain.refuse(Distrust.none)
    for (const asking of [peer, peerOf(peer.certificate), peer])
      expect(await ask(asking)).toMatchObject({ clientName: 'one', refusal: { code: 'rows-changed' } })
    await expect(ask(other)).rejects.toMatchObject({ code: 'client-unknown' })
    expect(realm.damaged).toContainEqual(expect.stringMatching(`table ${table}`))
    restore()
    for (const [asking, clientName] of [
      [peer, 'one'],
      [other, 'two'],
    ] as const)
      expect(await ask(asking)).toMatchObject({ clientName, refusal: undefined })
  },
)

describe('a client', () => {
  test('without a list may ask for everything', async () => {
    const principal = await ask(await newClient())
    for (const operation of Object.values(Operation)) expect(() => authorize(principal, operation)).not.toThrow()
  })

  test('with a list may ask for what is on it, and what the server can', async () => {
    const principal = await ask(await newClient('reader', [Operation.Get]))
    for (const operation of [Operation.Get, Operation.Query, Operation.DiscoverVersions]) {
      expect(() => authorize(principal, operation)).not.toThrow()
    }
    expect(() => authorize(principal, Operation.Create)).toThrow(expect.objectContaining({ code: 'permission-denied' }))
  })
})
