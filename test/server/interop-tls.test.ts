import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { issueInteropServer, type InteropCertificate } from '../../src/certificates/interop-certificate.ts'
import type { KmipClientOptions } from '../support/kmip-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let issued: InteropCertificate
let interop: TestServer
let modern: TestServer

beforeAll(async () => {
  issued = await issueInteropServer(['kms.example.com', '192.0.2.7'], new Date())
  interop = await startServer({ interop: { certificate: issued.certificatePem, privateKey: issued.privateKeyPem } })
  modern = await startServer()
})
afterAll(async () => {
  await interop.stop()
  await modern.stop()
})

/** Suite, version and kind of key that a client ends up with, or that it has no connection. */
async function agreed(server: TestServer, options: Partial<KmipClientOptions>) {
  try {
    const client = await server.connect(options)
    const { name } = client.socket.getCipher()
    const version = client.socket.getProtocol()
    const key = client.socket.getPeerX509Certificate()?.publicKey.asymmetricKeyType
    const frame = Buffer.concat([Buffer.from('42007801000000080000000000000000', 'hex')])
    expect(await client.send(frame)).toEqual(frame)
    await client.close()
    return [name, version, key]
  } catch {
    return 'no handshake'
  }
}

const old = (ciphers: string): Partial<KmipClientOptions> => ({
  ciphers,
  maxVersion: 'TLSv1.2',
  ca: issued.authorityPem,
})

describe('the TLS profile kmip-1.x-interop', () => {
  test.each([
    'AES128-SHA',
    'AES256-SHA',
    'AES128-SHA256',
    'AES256-SHA256',
    'AES128-GCM-SHA256',
    'ECDHE-RSA-AES256-SHA',
    'ECDHE-RSA-AES128-SHA256',
    'DHE-RSA-AES128-GCM-SHA256',
  ])('serves a client that knows %s alone, by the RSA certificate', async (suite) => {
    expect(await agreed(interop, old(suite))).toEqual([suite, 'TLSv1.2', 'rsa'])
    expect(await agreed(modern, { ...old(suite), ca: modern.authority.certificatePem })).toBe('no handshake')
  })

  test('leaves everybody else what they had', async () => {
    expect(await agreed(interop, {})).toEqual(await agreed(modern, {}))
    expect(await agreed(interop, { maxVersion: 'TLSv1.2' })).toEqual(await agreed(modern, { maxVersion: 'TLSv1.2' }))
    expect((await agreed(interop, {}))[1]).toBe('TLSv1.3')
  })

  test('chooses the best suite of a client that offers bad ones first', async () => {
    const [suite] = await agreed(interop, old('AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256'))
    expect(suite).toBe('ECDHE-RSA-AES128-GCM-SHA256')
  })

  test('has no RC4, 3DES, MD5, NULL, export or anonymous suite', async () => {
    for (const suite of ['DES-CBC3-SHA', 'RC4-SHA', 'NULL-SHA256', 'AECDH-AES256-SHA', 'ADH-AES128-SHA']) {
      expect(await agreed(interop, old(`${suite}:@SECLEVEL=0`)), suite).toBe('no handshake')
    }
  })

  test('has no TLS before 1.2', async () => {
    const version = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' } as never
    expect(await agreed(interop, { ...old('AES128-SHA:@SECLEVEL=0'), ...(version as object) })).toBe('no handshake')
  })
})

test('its certificate is of RSA throughout, for the names that were asked for, by an authority that signs nothing below', () => {
  const [certificate, authority] = [
    new X509Certificate(issued.certificatePem),
    new X509Certificate(issued.authorityPem),
  ]
  expect(certificate.publicKey.asymmetricKeyType).toBe('rsa')
  expect(authority.publicKey.asymmetricKeyType).toBe('rsa')
  expect(certificate.verify(authority.publicKey)).toBe(true)
  expect(certificate.checkHost('kms.example.com')).toBe('kms.example.com')
  expect(certificate.checkIP('192.0.2.7')).toBe('192.0.2.7')
  expect([certificate.ca, authority.ca]).toEqual([false, true])
})
