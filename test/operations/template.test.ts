import { beforeAll, describe, expect, test } from 'vitest'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import { CryptographicAlgorithm, NameType, ObjectType, Operation, RecommendedCurve } from '../../src/kmip/enums.ts'
import { limits } from '../../src/limits.ts'
import { attribute, custom, item, named, newServer, refusalOf, registerKey } from './fixture.ts'
import type { Client, Server } from './fixture.ts'

const aes128 = [
  attribute('cryptographicAlgorithm', CryptographicAlgorithm.AES),
  attribute('cryptographicLength', 128),
  attribute('cryptographicUsageMask', 12),
]
const namesOf = (...names: string[]) =>
  names.map((nameValue) => ({ nameValue, nameType: NameType.UninterpretedTextString }))
const registration = (attributes: readonly WireAttribute[], own: readonly WireAttribute[]) => ({
  objectType: ObjectType.Template,
  templateAttribute: { names: [], attributes: own },
  template: { attributes },
})
const creation = (templates: string[], attributes: readonly WireAttribute[] = []) => ({
  objectType: ObjectType.SymmetricKey,
  templateAttribute: { names: namesOf(...templates), attributes },
})

let server: Server
let client: Client
beforeAll(async () => {
  server = await newServer()
  client = server.client
})
const register = async (attributes: readonly WireAttribute[], ...own: WireAttribute[]) =>
  (await client.send(Operation.Register, registration(attributes, own))).uniqueIdentifier
const create = async (...of: Parameters<typeof creation>) =>
  (await client.send(Operation.Create, creation(...of))).uniqueIdentifier

describe('a Template', () => {
  test('gives its attributes to what is made by it: before those of the request, which stand in place of what there is once', async () => {
    await register([...aes128, attribute('contactInformation', 'Joe'), custom('x-1', 'from template')], named('both'))
    const uniqueIdentifier = await create(['both'], [attribute('contactInformation', 'Jim'), custom('x-1', 'own')])
    const { attributes = [] } = await client.send(Operation.GetAttributes, {
      uniqueIdentifier,
      attributeNames: ['Cryptographic Length', 'Contact Information', 'x-1', 'Name'],
    })
    expect(attributes.map(({ attributeName, index = 0, value }) => [attributeName, index, value])).toEqual([
      ['Cryptographic Length', 0, 128],
      ['Contact Information', 0, 'Jim'],
      ['x-1', 0, { itemType: 7, value: 'from template' }],
      ['x-1', 1, { itemType: 7, value: 'own' }],
    ])
  })

  test('is used together with others, in Register, Create Key Pair and every other operation that makes objects', async () => {
    await register([attribute('objectGroup', 'pairs')], named('group'))
    await register(
      [
        attribute('cryptographicAlgorithm', CryptographicAlgorithm.ECDSA),
        attribute('cryptographicDomainParameters', { recommendedCurve: RecommendedCurve.P256 }),
      ],
      named('curve'),
    )
    const registered = await client.send(Operation.Register, {
      ...registerKey(Buffer.alloc(16, 1)),
      templateAttribute: { names: namesOf('group'), attributes: [] },
    })
    const { privateKeyUniqueIdentifier, publicKeyUniqueIdentifier } = await client.send(Operation.CreateKeyPair, {
      commonTemplateAttribute: { names: namesOf('curve', 'group'), attributes: [] },
      privateKeyTemplateAttribute: {
        names: namesOf('group'),
        attributes: [attribute('cryptographicUsageMask', 1)],
      },
      publicKeyTemplateAttribute: { names: [], attributes: [attribute('cryptographicUsageMask', 2)] },
    })
    const found = [registered.uniqueIdentifier, privateKeyUniqueIdentifier, publicKeyUniqueIdentifier]
    expect(await client.locate([attribute('objectGroup', 'pairs')])).toEqual(found)
    const replaced = await client.send(Operation.ReKey, {
      uniqueIdentifier: registered.uniqueIdentifier,
      templateAttribute: { names: namesOf('group'), attributes: [] },
    })
    expect(await client.locate([attribute('objectGroup', 'pairs')])).toContain(replaced.uniqueIdentifier)
  })

  test('is served with the attributes that it gives, and has its own: no State, no Digest', async () => {
    const given = [attribute('cryptographicLength', 128), custom('x-1', 'v')]
    const uniqueIdentifier = await register(given, named('served'), custom('x-own', 'w'))
    const answer = await client.send(Operation.Get, { uniqueIdentifier })
    expect(answer).toMatchObject({ objectType: ObjectType.Template, uniqueIdentifier, template: { attributes: given } })
    expect(Object.keys(await client.attributes(uniqueIdentifier, [], { version: 12 })).toSorted()).toEqual(
      [
        'Initial Date',
        'Last Change Date',
        'Lease Time',
        'Name',
        'Object Type',
        'Unique Identifier',
        'x-own',
      ].toSorted(),
    )
    expect(await client.locate([attribute('objectType', ObjectType.Template), named('served')])).toEqual([
      uniqueIdentifier,
    ])
    await client.send(Operation.ModifyAttribute, { uniqueIdentifier, attribute: named('renamed') })
    expect((await client.refusal(Operation.Create, creation(['served']))).reason).toBe('Item Not Found')
    expect((await client.refusal(Operation.Create, creation(['renamed']))).reason).toBe('Missing Data')
  })

  test('takes its Name from its attributes too, as clients of 1.0 and 1.1 send it', async () => {
    await client.send(Operation.Register, registration([...aes128, named('inside')], []), { version: 10 })
    for (const version of [12, 14] as const) {
      const refused = await client.refusal(Operation.Register, registration([named('within')], [named('own')]), {
        version,
      })
      expect(refused.reason).toBe('Invalid Field')
    }
    expect(await client.attribute(await create(['inside']), 'Name')).toBeUndefined()
  })

  test('is gone when it is destroyed, and not used while it is archived', async () => {
    const uniqueIdentifier = await register(aes128, named('short-lived'))
    await client.send(Operation.Archive, { uniqueIdentifier })
    expect((await client.refusal(Operation.Create, creation(['short-lived']))).reason).toBe('Object archived')
    await client.send(Operation.Recover, { uniqueIdentifier })
    await create(['short-lived'])
    await client.destroy(uniqueIdentifier)
    expect((await client.refusal(Operation.Create, creation(['short-lived']))).reason).toBe('Item Not Found')
  })

  test('leaves nothing when it is destroyed, in that request and after it, but the place for another', async () => {
    const uniqueIdentifier = await register(aes128, named('gone'), custom('x-gone', 'v'))
    const [destroyed, after] = await client.batch([
      item(Operation.Destroy, { uniqueIdentifier }),
      item(Operation.GetAttributes, { uniqueIdentifier, attributeNames: [] }),
    ])
    expect(destroyed!.resultStatus).toBe(0)
    const missing = await client.refusal(Operation.Get, { uniqueIdentifier: 'never there' })
    expect(refusalOf(after!)).toEqual(missing)
    for (const refused of [
      client.refusal(Operation.Get, { uniqueIdentifier }),
      client.refusal(Operation.GetAttributeList, { uniqueIdentifier }),
      client.refusal(Operation.Recover, { uniqueIdentifier }),
      client.refusal(Operation.Destroy, { uniqueIdentifier }),
    ]) {
      expect(await refused).toEqual(missing)
    }
    const everywhere = { storageStatusMask: 3 }
    for (const filter of [
      attribute('destroyDate', server.clock.seconds),
      custom('x-gone', 'v'),
      attribute('objectType', ObjectType.Template),
    ]) {
      expect(await client.locate([filter], everywhere)).not.toContain(uniqueIdentifier)
    }
    const { tenant, system, service } = client.principal.scope
    const rows = await server.store.find('objects', { tenant, system, service })
    expect(rows.filter(({ attributes }) => Buffer.from(attributes).includes('x-gone'))).toEqual([])
    const { symmetricKey } = registerKey(Buffer.alloc(16, 1))
    await client.send(Operation.Import, { uniqueIdentifier, attributes: [], symmetricKey })
    expect(await client.material(uniqueIdentifier)).toEqual(Buffer.alloc(16, 1))
  })

  test('is found by the requests of the batch that registers it', async () => {
    const answers = await client.batch([
      item(Operation.Register, registration(aes128, [named('in a batch')])),
      item(Operation.Create, creation(['in a batch'])),
    ])
    expect(answers.map(({ resultStatus }) => resultStatus)).toEqual([0, 0])
  })

  test('is refused without a Name, with attributes that no client sets, and where nothing of it can be used', async () => {
    const reasonOf = async (...of: Parameters<typeof registration>) =>
      (await client.refusal(Operation.Register, registration(...of))).reason
    expect(await reasonOf(aes128, [])).toBe('Missing Data')
    expect(await reasonOf([attribute('initialDate', 5)], [named('a')])).toBe('Invalid Field')
    const many = Array.from({ length: limits.attributeInstancesMax + 1 }, () => custom('x-1', 'v'))
    expect(await reasonOf(many, [named('a')])).toBe('Index Out of Bounds')
    const uniqueIdentifier = await register(aes128, named('useless'))
    for (const [answer, reason] of [
      [await client.item(Operation.Activate, { uniqueIdentifier }), 'Illegal Operation'],
      [
        await client.item(Operation.Revoke, { uniqueIdentifier, revocationReason: { revocationReasonCode: 1 } }),
        'Illegal Operation',
      ],
      [await client.item(Operation.Get, { uniqueIdentifier, keyFormatType: 1 }), 'Key Format Type Not Supported'],
      [await client.item(Operation.Encrypt, { uniqueIdentifier, data: Buffer.alloc(16) }), 'Permission Denied'],
      [
        await client.item(Operation.Create, creation(Array.from({ length: limits.templatesMax + 1 }, () => 'useless'))),
        'Invalid Field',
      ],
      [await client.item(Operation.Create, creation(['useless', 'useless'])), 'Invalid Field'],
    ] as const) {
      expect(refusalOf(answer).reason).toBe(reason)
    }
  })

  test('is no template of others', async () => {
    await register(aes128, named('mine'))
    const missing = await server.otherTenant.refusal(Operation.Create, creation(['nobody’s']))
    expect(await server.otherTenant.refusal(Operation.Create, creation(['mine']))).toEqual(missing)
    expect(missing.reason).toBe('Item Not Found')
  })
})
