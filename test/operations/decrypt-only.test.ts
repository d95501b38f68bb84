import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import {
  BlockCipherMode,
  CertificateType,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  DerivationMethod,
  enumTables,
  HashingAlgorithm,
  KeyWrapType,
  ObjectType,
  Operation,
  QueryFunction,
  RecommendedCurve,
  ResultReason,
  ResultStatus,
  RevocationReasonCode,
  SplitKeyMethod,
  WrappingMethod,
} from '../../src/kmip/enums.ts'
import type { ServedOperation } from '../../src/kmip/payloads/index.ts'
import { asked, LinkBench } from '../hierarchy/link-fixture.ts'
import { RotationBench } from '../hierarchy/rotation-fixture.ts'
import { createAuthority } from './authority.ts'
import { attribute, createPayload, custom, item, named, newServer, registerKey } from './fixture.ts'
import type { Client, Item, Server } from './fixture.ts'
import { createPair, p256, registerPrivate, registerPublic } from './key-pairs.ts'

/** What becomes of a good request while the link of its system is disabled; the request is made anew each time, before that. */
interface Row {
  /** Told apart from other requests of the operation. */
  readonly how?: string
  readonly answer: 'served' | 'refused'
  readonly make: () => Item | Promise<Item>
}

let server: Server
let links: LinkBench
let client: Client

const { Encrypt, Decrypt, MACGenerate, MACVerify, WrapKey, UnwrapKey, DeriveKey } = CryptographicUsageMask
const active = attribute('activationDate', 0)
const data = Buffer.from('sixteen bytes...')
const gcm = { blockCipherMode: BlockCipherMode.GCM, tagLength: 16 }
const sha256 = { hashingAlgorithm: HashingAlgorithm.SHA256 }
const x509 = { names: [], attributes: [attribute('certificateType', CertificateType.X509)] }
const pair = createPair([
  attribute('cryptographicAlgorithm', CryptographicAlgorithm.ECDSA),
  attribute('cryptographicDomainParameters', { recommendedCurve: RecommendedCurve.P256 }),
])
const splitting = {
  objectType: ObjectType.SplitKey,
  splitKeyParts: 2,
  splitKeyThreshold: 2,
  splitKeyMethod: SplitKeyMethod.XOR,
  templateAttribute: createPayload().templateAttribute,
}

const aes = (mask: number = Encrypt | Decrypt, more: WireAttribute[] = []) =>
  client.register(data, [active, ...more], { mask })
const hmac = async () =>
  (
    await client.send(
      Operation.Create,
      createPayload([active], { algorithm: CryptographicAlgorithm.HMACSHA256, mask: MACGenerate | MACVerify }),
    )
  ).uniqueIdentifier
const signer = async () =>
  (await client.send(Operation.Register, registerPrivate(p256.privateKey, [active]))).uniqueIdentifier
const newPair = () => client.send(Operation.CreateKeyPair, pair)
const certificate = async () => {
  const { publicKeyUniqueIdentifier: uniqueIdentifier } = await newPair()
  return (await client.send(Operation.Certify, { uniqueIdentifier, templateAttribute: x509 })).uniqueIdentifier
}
const begun = async () => {
  const [taken] = await client.batch([item(Operation.CreateKeyPair, pair)], { header: { asynchronousIndicator: true } })
  return { asynchronousCorrelationValue: Buffer.from(taken!.asynchronousCorrelationValue!) }
}
const wrapping = { blockCipherMode: BlockCipherMode.NISTKeyWrap }
const wrapped = async () => ({
  uniqueIdentifier: await aes(),
  keyWrappingSpecification: {
    wrappingMethod: WrappingMethod.Encrypt,
    encryptionKeyInformation: {
      uniqueIdentifier: await aes(WrapKey | UnwrapKey, [attribute('cryptographicParameters', wrapping)]),
      cryptographicParameters: wrapping,
    },
    attributeNames: [],
  },
})

/** Whoever adds an operation says here what becomes of it: it does not compile without. */
const table = {
  [Operation.DiscoverVersions]: [
    { answer: 'served', make: () => item(Operation.DiscoverVersions, { protocolVersions: [] }) },
  ],
  [Operation.Query]: [
    { answer: 'served', make: () => item(Operation.Query, { queryFunctions: [QueryFunction.QueryOperations] }) },
  ],
  [Operation.Locate]: [{ answer: 'served', make: () => item(Operation.Locate, { attributes: [named('any')] }) }],
  [Operation.Check]: [{ answer: 'served', make: async () => item(Operation.Check, { uniqueIdentifier: await aes() }) }],
  [Operation.Get]: [
    { answer: 'served', make: async () => item(Operation.Get, { uniqueIdentifier: await aes() }) },
    { how: 'wrapped by another key', answer: 'refused', make: async () => item(Operation.Get, await wrapped()) },
  ],
  [Operation.Export]: [
    { answer: 'served', make: async () => item(Operation.Export, { uniqueIdentifier: await aes() }) },
    { how: 'wrapped by another key', answer: 'refused', make: async () => item(Operation.Export, await wrapped()) },
  ],
  [Operation.GetAttributes]: [
    {
      answer: 'served',
      make: async () => item(Operation.GetAttributes, { uniqueIdentifier: await aes(), attributeNames: [] }),
    },
  ],
  [Operation.GetAttributeList]: [
    { answer: 'served', make: async () => item(Operation.GetAttributeList, { uniqueIdentifier: await aes() }) },
  ],
  [Operation.AddAttribute]: [
    {
      answer: 'served',
      make: async () =>
        item(Operation.AddAttribute, { uniqueIdentifier: await aes(), attribute: custom('x-made', 'new') }),
    },
  ],
  [Operation.ModifyAttribute]: [
    {
      answer: 'served',
      make: async () => {
        const uniqueIdentifier = await aes(undefined, [custom('x-made', 'old')])
        return item(Operation.ModifyAttribute, { uniqueIdentifier, attribute: custom('x-made', 'new') })
      },
    },
  ],
  [Operation.DeleteAttribute]: [
    {
      answer: 'served',
      make: async () => {
        const uniqueIdentifier = await aes(undefined, [custom('x-made', 'old')])
        return item(Operation.DeleteAttribute, { uniqueIdentifier, attributeName: 'x-made' })
      },
    },
  ],
  [Operation.ObtainLease]: [
    { answer: 'served', make: async () => item(Operation.ObtainLease, { uniqueIdentifier: await aes() }) },
  ],
  [Operation.Activate]: [
    {
      answer: 'served',
      make: async () => item(Operation.Activate, { uniqueIdentifier: await client.register(data) }),
    },
  ],
  [Operation.Revoke]: [
    {
      answer: 'served',
      make: async () => {
        const revocationReason = { revocationReasonCode: RevocationReasonCode.CessationOfOperation }
        return item(Operation.Revoke, { uniqueIdentifier: await aes(), revocationReason })
      },
    },
  ],
  [Operation.Destroy]: [
    {
      answer: 'served',
      make: async () => item(Operation.Destroy, { uniqueIdentifier: await client.register(data) }),
    },
  ],
  [Operation.Archive]: [
    { answer: 'served', make: async () => item(Operation.Archive, { uniqueIdentifier: await aes() }) },
  ],
  [Operation.Recover]: [
    {
      answer: 'served',
      make: async () => {
        const uniqueIdentifier = await aes()
        await client.send(Operation.Archive, { uniqueIdentifier })
        return item(Operation.Recover, { uniqueIdentifier })
      },
    },
  ],
  [Operation.Poll]: [{ answer: 'served', make: async () => item(Operation.Poll, await begun()) }],
  [Operation.Cancel]: [{ answer: 'served', make: async () => item(Operation.Cancel, await begun()) }],
  [Operation.Decrypt]: [
    {
      answer: 'served',
      make: async () => {
        const asked = { uniqueIdentifier: await aes(), cryptographicParameters: gcm }
        const {
          data: encrypted,
          ivCounterNonce,
          authenticatedEncryptionTag,
        } = await client.send(Operation.Encrypt, { ...asked, data })
        return item(Operation.Decrypt, { ...asked, data: encrypted, ivCounterNonce, authenticatedEncryptionTag })
      },
    },
  ],
  [Operation.SignatureVerify]: [
    {
      answer: 'served',
      make: async () => {
        const asked = { cryptographicParameters: sha256, data }
        const signed = await client.send(Operation.Sign, { uniqueIdentifier: await signer(), ...asked })
        const { uniqueIdentifier } = await client.send(Operation.Register, registerPublic(p256.publicKey, [active]))
        return item(Operation.SignatureVerify, { uniqueIdentifier, ...asked, signatureData: signed.signatureData })
      },
    },
  ],
  [Operation.MACVerify]: [
    {
      answer: 'served',
      make: async () => {
        const uniqueIdentifier = await hmac()
        const { macData } = await client.send(Operation.MAC, { uniqueIdentifier, data })
        return item(Operation.MACVerify, { uniqueIdentifier, data, macData })
      },
    },
  ],
  [Operation.Validate]: [
    {
      answer: 'served',
      make: async () => item(Operation.Validate, { certificates: [], uniqueIdentifiers: [await certificate()] }),
    },
  ],
  [Operation.Hash]: [{ answer: 'served', make: () => item(Operation.Hash, { cryptographicParameters: sha256, data }) }],
  [Operation.RNGRetrieve]: [{ answer: 'served', make: () => item(Operation.RNGRetrieve, { dataLength: 16 }) }],
  [Operation.RNGSeed]: [{ answer: 'served', make: () => item(Operation.RNGSeed, { data }) }],
  [Operation.Create]: [{ answer: 'refused', make: () => item(Operation.Create, createPayload()) }],
  [Operation.CreateKeyPair]: [{ answer: 'refused', make: () => item(Operation.CreateKeyPair, pair) }],
  [Operation.CreateSplitKey]: [{ answer: 'refused', make: () => item(Operation.CreateSplitKey, splitting) }],
  [Operation.JoinSplitKey]: [
    {
      answer: 'refused',
      make: async () => {
        const { uniqueIdentifiers } = await client.send(Operation.CreateSplitKey, splitting)
        return item(Operation.JoinSplitKey, { objectType: ObjectType.SymmetricKey, uniqueIdentifiers })
      },
    },
  ],
  [Operation.DeriveKey]: [
    {
      answer: 'refused',
      make: async () =>
        item(Operation.DeriveKey, {
          objectType: ObjectType.SymmetricKey,
          uniqueIdentifiers: [await aes(DeriveKey)],
          derivationMethod: DerivationMethod.HASH,
          derivationParameters: { cryptographicParameters: sha256 },
          templateAttribute: createPayload().templateAttribute,
        }),
    },
  ],
  [Operation.ReKey]: [
    { answer: 'refused', make: async () => item(Operation.ReKey, { uniqueIdentifier: await client.create() }) },
  ],
  [Operation.ReKeyKeyPair]: [
    {
      answer: 'refused',
      make: async () => {
        const { privateKeyUniqueIdentifier } = await newPair()
        return item(Operation.ReKeyKeyPair, { privateKeyUniqueIdentifier })
      },
    },
  ],
  [Operation.Certify]: [
    {
      answer: 'refused',
      make: async () => {
        const { publicKeyUniqueIdentifier: uniqueIdentifier } = await newPair()
        return item(Operation.Certify, { uniqueIdentifier, templateAttribute: x509 })
      },
    },
  ],
  [Operation.ReCertify]: [
    {
      answer: 'refused',
      make: async () => item(Operation.ReCertify, { uniqueIdentifier: await certificate() }),
    },
  ],
  [Operation.Register]: [{ answer: 'refused', make: () => item(Operation.Register, registerKey(data)) }],
  [Operation.Import]: [
    {
      answer: 'refused',
      make: () => {
        const { templateAttribute, symmetricKey } = registerKey(data)
        const { attributes } = templateAttribute
        const uniqueIdentifier = randomUUID()
        return item(Operation.Import, {
          uniqueIdentifier,
          keyWrapType: KeyWrapType.NotWrapped,
          attributes,
          symmetricKey,
        })
      },
    },
  ],
  [Operation.Encrypt]: [
    {
      answer: 'refused',
      make: async () => item(Operation.Encrypt, { uniqueIdentifier: await aes(), cryptographicParameters: gcm, data }),
    },
  ],
  [Operation.Sign]: [
    {
      answer: 'refused',
      make: async () =>
        item(Operation.Sign, { uniqueIdentifier: await signer(), cryptographicParameters: sha256, data }),
    },
  ],
  [Operation.MAC]: [
    { answer: 'refused', make: async () => item(Operation.MAC, { uniqueIdentifier: await hmac(), data }) },
  ],
  [Operation.GetUsageAllocation]: [
    {
      answer: 'refused',
      make: async () => {
        const limit = attribute('usageLimits', { usageLimitsTotal: 10n, usageLimitsCount: 10n, usageLimitsUnit: 1 })
        return item(Operation.GetUsageAllocation, {
          uniqueIdentifier: await aes(undefined, [limit]),
          usageLimitsCount: 1n,
        })
      },
    },
  ],
} satisfies { readonly [O in ServedOperation]: readonly Row[] }

const rows = Object.entries(table as Readonly<Record<string, readonly Row[]>>).flatMap(([operation, ofOperation]) =>
  ofOperation.map((row) => {
    const { name } = enumTables.Operation.get(Number(operation))!
    return { ...row, name: row.how === undefined ? name : `${name}, ${row.how}` }
  }),
)

const scope = () => {
  const { tenant, system } = server.hierarchy.scopes.own
  return { tenant, system }
}

beforeAll(async () => {
  server = await newServer()
  client = server.client
  const bench = new RotationBench(server.hierarchy)
  links = new LinkBench(bench)
  links.serve(server.hierarchy.chain)
  await links.link(scope())
  server.clock.seconds = Math.floor(Date.now() / 1000)
  await createAuthority(server, 'first', 'p256')
})

afterAll(() => server.services.cryptoWork.close(0))

test('while an operator has disabled a system, each operation is answered as the table says, and all of them before and after', async () => {
  const outcomes = async (items: readonly Item[]) => {
    const answers = []
    for (const one of items) answers.push((await client.batch([one]))[0]!)
    return answers
  }
  const made = async () => Promise.all(rows.map(async ({ make }) => make()))
  const isGood = ({ resultStatus }: { resultStatus: number }) => resultStatus !== ResultStatus.OperationFailed
  const before = await outcomes(await made())
  expect(rows.map(({ name }, at) => [name, before[at]!] as const).filter(([, answer]) => !isGood(answer))).toEqual([])

  const items = await made()
  await links.acts.disable(scope(), asked)
  const during = await outcomes(items)
  expect(during.map((answer, at) => [rows[at]!.name, isGood(answer) ? 'served' : 'refused'])).toEqual(
    rows.map(({ name, answer }) => [name, answer]),
  )
  for (const answer of during.filter((one) => !isGood(one))) {
    expect(answer).toMatchObject({
      resultReason: ResultReason.PermissionDenied,
      resultMessage: expect.stringMatching(/^Ask the operator of this server: .*until krypton tenant enable$/),
    })
  }

  await links.acts.enable(scope(), asked)
  const after = await outcomes(await made())
  expect(after.filter((answer) => !isGood(answer))).toEqual([])
})

test('the page for operators lists what is refused', () => {
  const page = readFileSync(new URL('../../docs/operate/kill-switch.md', import.meta.url), 'utf8')
  const listed = /<!-- refused while disabled -->\n([^]*?)\n<!-- end -->/u.exec(page)![1]!
  const refused = rows.filter(({ answer }) => answer === 'refused').map(({ name }) => name)
  expect(listed.replaceAll('\n', ' ').replace(/\.$/u, '').split('; ').toSorted()).toEqual(refused.toSorted())
})
