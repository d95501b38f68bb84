import { Operation } from '../../src/kmip/enums.ts'
import { Tag } from '../../src/kmip/tags.ts'
import * as items from '../kmip/items.ts'
import { mongoSamples, oasisMessages, sharedDirectory } from '../kmip/shared.ts'

/** Messages that real clients and servers sent, the OASIS cases, and a few that have what neither has. */
export async function loadSeeds(): Promise<Buffer[]> {
  const seeds = handMade()
  if (sharedDirectory !== undefined) {
    for (const { requestHex, responseHex } of mongoSamples(sharedDirectory)) {
      seeds.push(Buffer.from(requestHex, 'hex'), Buffer.from(responseHex, 'hex'))
    }
    for (const { request, response } of await oasisMessages(sharedDirectory)) seeds.push(request, response)
  }
  const unique = new Map(seeds.filter((seed) => seed.length <= 8192).map((seed) => [seed.toString('latin1'), seed]))
  return [...unique.values()]
}

function handMade(): Buffer[] {
  const uid = items.text(Tag.UniqueIdentifier, '0190f3c2-8d4e-7a10-9c33-5b1d2f6a7e88')
  const name = items.structure(
    Tag.AttributeValue,
    items.text(Tag.NameValue, 'schlüssel'),
    items.enumeration(Tag.NameType, 1),
  )
  const attributes = [
    items.attribute('Name', name, 0),
    items.attribute('x-long', items.longInteger(Tag.AttributeValue, 5n)),
    items.attribute('x-big', items.bigInteger(Tag.AttributeValue, Buffer.alloc(8, 1))),
    items.attribute('x-items', items.structure(Tag.AttributeValue, items.integer(Tag.BatchCount, 1))),
    items.attribute('x-seconds', items.interval(Tag.AttributeValue, 5)),
    items.attribute('Initial Date', items.dateTime(Tag.AttributeValue, 2n ** 63n - 1n)),
    items.attribute('Sensitive', items.boolean(Tag.AttributeValue, true)),
  ]
  const credential = (type: number, ...fields: items.Item[]) =>
    items.structure(
      Tag.Authentication,
      items.structure(
        Tag.Credential,
        items.enumeration(Tag.CredentialType, type),
        items.structure(Tag.CredentialValue, ...fields),
      ),
    )
  const nonce = items.structure(
    Tag.Nonce,
    items.bytes(Tag.NonceID, Buffer.of(1)),
    items.bytes(Tag.NonceValue, Buffer.of(2)),
  )
  const header = [
    items.integer(Tag.MaximumResponseSize, 8192),
    items.text(Tag.ClientCorrelationValue, 'client'),
    items.boolean(Tag.AsynchronousIndicator, false),
    items.enumeration(Tag.AttestationType, 1),
    credential(1, items.text(Tag.Username, 'fred'), items.text(Tag.Password, 'x')),
    items.enumeration(Tag.BatchErrorContinuationOption, 1),
    items.boolean(Tag.BatchOrderOption, true),
    items.dateTime(Tag.TimeStamp, 1_700_000_000n),
  ]
  const extension = items.structure(
    Tag.MessageExtension,
    items.text(Tag.VendorIdentification, 'acme'),
    items.boolean(Tag.CriticalityIndicator, false),
    items.structure(Tag.VendorExtension, items.integer(0x540001, 1)),
  )
  const big = (tag: number) => items.bigInteger(tag, Buffer.alloc(8, 1))
  const register = (format: number, ...material: items.Item[]) =>
    items.request(4, Operation.Register, [
      items.enumeration(Tag.ObjectType, 4),
      items.structure(
        Tag.TemplateAttribute,
        items.structure(Tag.Name, items.text(Tag.NameValue, 't'), items.enumeration(Tag.NameType, 1)),
      ),
      items.structure(
        Tag.PrivateKey,
        items.structure(
          Tag.KeyBlock,
          items.enumeration(Tag.KeyFormatType, format),
          items.structure(Tag.KeyValue, ...material),
        ),
      ),
    ])
  const keyMaterial = (...fields: items.Item[]) => items.structure(Tag.KeyMaterial, ...fields)
  const query = items.structure(
    Tag.ResponseMessage,
    items.structure(
      Tag.ResponseHeader,
      items.version(4),
      items.dateTime(Tag.TimeStamp, 1n),
      nonce,
      items.integer(Tag.BatchCount, 1),
    ),
    items.structure(
      Tag.BatchItem,
      items.enumeration(Tag.Operation, Operation.Query),
      items.enumeration(Tag.ResultStatus, 0),
      items.structure(
        Tag.ResponsePayload,
        items.enumeration(Tag.Operation, 1),
        items.structure(Tag.ServerInformation, items.text(0x540001, 'x')),
      ),
    ),
  )
  return [
    items.request(4, Operation.Get, [uid], header),
    items.request(
      2,
      Operation.Get,
      [uid],
      [credential(2, items.text(Tag.DeviceSerialNumber, '1'), items.text(Tag.MediaIdentifier, '2'))],
    ),
    items.request(
      4,
      Operation.Get,
      [uid],
      [
        credential(
          3,
          nonce,
          items.enumeration(Tag.AttestationType, 1),
          items.bytes(Tag.AttestationAssertion, Buffer.of(1)),
        ),
      ],
    ),
    items.request(9, Operation.Get, [uid, items.integer(0x4202ff, 1)]),
    items.request(4, Operation.Create, [
      items.enumeration(Tag.ObjectType, 2),
      items.structure(Tag.TemplateAttribute, ...attributes),
    ]),
    items.request(0, Operation.Locate, [
      items.integer(Tag.OffsetItems, 1),
      items.structure(Tag.TemplateAttribute, ...attributes.slice(0, 2)),
    ]),
    items.request(3, Operation.Check, [
      uid,
      items.longInteger(Tag.UsageLimitsCount, 5n),
      items.interval(Tag.LeaseTime, 60),
    ]),
    items.message(4, [
      items.batchItem(Operation.Query, [items.enumeration(Tag.QueryFunction, 1)], '1'),
      items.batchItem(Operation.Get, [uid], '2'),
    ]),
    items.message(4, [
      items.structure(
        Tag.BatchItem,
        items.enumeration(Tag.Operation, Operation.Destroy),
        items.structure(Tag.RequestPayload, uid),
        extension,
      ),
    ]),
    register(7, keyMaterial(items.bytes(Tag.Key, Buffer.alloc(16, 3)))),
    register(10, keyMaterial(big(Tag.Modulus), big(Tag.PrivateExponent), big(Tag.P))),
    register(12, keyMaterial(big(Tag.P), big(Tag.Q), big(Tag.G), big(Tag.J), big(Tag.X))),
    register(20, keyMaterial(items.enumeration(Tag.RecommendedCurve, 7), big(Tag.D))),
    query,
  ]
}
