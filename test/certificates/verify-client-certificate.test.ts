import { webcrypto } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { type AuthorityCertificate, readAuthorityCertificate } from '../../src/certificates/authority-certificate.ts'
import { checkValidity, verifyClientCertificate } from '../../src/certificates/verify-client-certificate.ts'
import { p256 } from '../../src/certificates/key-pair.ts'
import { x509 } from '../../src/certificates/x509.ts'
import { isKryptonError } from '../../src/errors.ts'
import { limits } from '../../src/limits.ts'
import {
  type CertificateRecipe,
  day,
  newAuthority,
  newKeys,
  newSigner,
  rsa,
  sign,
  type Signer,
} from '../support/certificates.ts'

let signer: Signer
let authority: AuthorityCertificate
let stranger: Signer

beforeAll(async () => {
  signer = await newSigner({ name: 'CN=authority' })
  stranger = await newSigner({ name: 'CN=authority' })
  authority = readAuthorityCertificate(signer.der)
})

/** 'good', or the message of the refusal. */
function outcome(
  der: Uint8Array,
  authorities: readonly AuthorityCertificate[] = [authority],
  now = Date.now(),
): string {
  try {
    checkValidity(verifyClientCertificate(der, authorities), now)
    return 'good'
  } catch (error) {
    if (!isKryptonError(error, 'certificate-invalid')) throw error
    return error.message
  }
}

const extension = (oid: string, critical: boolean): x509.Extension =>
  new x509.Extension(oid, critical, new Uint8Array([5, 0]))
const names = (...values: x509.JsonGeneralNames): x509.Extension => new x509.SubjectAlternativeNameExtension(values)
const { keyEncipherment, keyCertSign, digitalSignature } = x509.KeyUsageFlags
const { clientAuth, serverAuth } = x509.ExtendedKeyUsage

describe('a good certificate is', () => {
  const good: Record<string, () => CertificateRecipe | Promise<CertificateRecipe>> = {
    'one of P-256': () => ({}),
    'one of P-384': async () => ({ keys: await newKeys({ name: 'ECDSA', namedCurve: 'P-384' }) }),
    'one of RSA 2048': async () => ({ keys: await newKeys(rsa(2048)) }),
    'one of RSA 3072': async () => ({ keys: await newKeys(rsa(3072)) }),
    'one of Ed25519': async () => ({ keys: await newKeys({ name: 'Ed25519' }) }),
    'one with two common names': () => ({ subject: 'CN=one, CN=two' }),
    "one with another tenant's common name": () => ({ subject: 'CN=somebody else' }),
    'one without a subject, its critical alternative name beside it': () => ({
      subject: '',
      extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'client.example' }], true)],
    }),
    'one with a wildcard': () => ({ extensions: [names({ type: 'dns', value: '*.example' })] }),
    'one with a NUL in a name': () => ({ extensions: [names({ type: 'dns', value: 'a\0.example' })] }),
    'one with a name in UTF-8': () => ({ subject: 'CN=клиент' }),
    'one with a name in punycode': () => ({ subject: 'CN=xn--80ajghhoc2aj1c8b' }),
    'one with the serial number of another': () => ({ serialNumber: '0102030405' }),
    'one for clients and servers': () => ({ extendedKeyUsage: [serverAuth, clientAuth] }),
    'one without key usage': () => ({ keyUsage: null }),
    'one without basic constraints': () => ({ ca: null }),
    'one with more key usages': () => ({ keyUsage: digitalSignature | keyEncipherment }),
    'one with an unknown extension that is not critical': () => ({ extensions: [extension('1.2.3.4', false)] }),
    'one whose issuer has another name': () => ({ issuer: 'CN=renamed' }),
    'one without authority key identifier and with another name': () => ({
      issuer: 'CN=renamed',
      authorityKeyIdentifier: false,
    }),
  }
  for (const [name, recipe] of Object.entries(good)) {
    test(name, async () => {
      expect(outcome(await sign(signer, await recipe()))).toBe('good')
    })
  }

  test('what our own authority issues', async () => {
    const own = await newAuthority()
    const { certificate } = await own.issueClient({ name: 'demo, O=x' }, new Date())
    expect(outcome(certificate, [readAuthorityCertificate(own.certificate)])).toBe('good')
  })

  test('one signed with RSA and SHA-256', async () => {
    const rsaSigner = await newSigner({ algorithm: rsa(2048) })
    expect(outcome(await sign(rsaSigner), [readAuthorityCertificate(rsaSigner.der)])).toBe('good')
  })

  test('one signed with RSA and SHA-512', async () => {
    const rsaSigner = await newSigner({ algorithm: rsa(2048, 'SHA-512') })
    expect(outcome(await sign(rsaSigner), [readAuthorityCertificate(rsaSigner.der)])).toBe('good')
  })

  test('one signed with RSASSA-PSS and SHA-256', async () => {
    const algorithm = { ...rsa(2048, 'SHA-256', 'RSA-PSS'), saltLength: 32 }
    const pss = await newSigner({ algorithm })
    expect(outcome(await sign(pss), [readAuthorityCertificate(pss.der)])).toBe('good')
  })

  test('one signed with Ed25519', async () => {
    const edwards = await newSigner({ algorithm: { name: 'Ed25519' } })
    expect(outcome(await sign(edwards), [readAuthorityCertificate(edwards.der)])).toBe('good')
  })

  test('one whose authority has a new certificate of the same key', async () => {
    const renewed = await newSigner({ name: 'CN=renewed', keys: signer.keys })
    expect(outcome(await sign(signer), [readAuthorityCertificate(renewed.der)])).toBe('good')
  })

  test('found among more authorities than are tried, by its hints', async () => {
    const others = await Promise.all(
      Array.from({ length: limits.authorityTrialsMax + 4 }, async (_, index) =>
        readAuthorityCertificate((await newSigner({ name: `CN=other ${index}` })).der),
      ),
    )
    expect(outcome(await sign(signer), [...others, authority])).toBe('good')
    const unhinted = await sign(signer, { issuer: 'CN=renamed', authorityKeyIdentifier: false })
    expect(outcome(unhinted, [...others, authority])).toContain('registered authority')
  })

  test('the same identity after its renewal with the same key', async () => {
    const keys = await newKeys()
    const first = verifyClientCertificate(await sign(signer, { keys }), [authority])
    const second = verifyClientCertificate(await sign(signer, { keys, subject: 'CN=renewed' }), [authority])
    expect(second.leafKeyHash).toEqual(first.leafKeyHash)
    expect(second.authority.publicKeyHash).toEqual(first.authority.publicKeyHash)
  })
})

describe('a certificate is refused', () => {
  const bad: Record<string, [() => CertificateRecipe | Promise<CertificateRecipe>, string]> = {
    'that has expired': [
      () => ({ notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() - day) }),
      'expired',
    ],
    'that is not valid yet': [
      () => ({ notBefore: new Date(Date.now() + day), notAfter: new Date(Date.now() + 2 * day) }),
      'wait until',
    ],
    'whose validity ends before it begins': [
      () => ({ notBefore: new Date(Date.now() + day), notAfter: new Date(Date.now() - day) }),
      'ends after it begins',
    ],
    "that is an authority's": [() => ({ ca: true }), 'CA:TRUE'],
    'for servers only': [() => ({ extendedKeyUsage: [serverAuth] }), 'clientAuth'],
    'without extended key usage': [() => ({ extendedKeyUsage: null }), 'clientAuth'],
    'for any purpose': [() => ({ extendedKeyUsage: ['2.5.29.37.0'] }), 'clientAuth'],
    'whose key may only encipher': [() => ({ keyUsage: keyEncipherment }), 'digitalSignature'],
    'whose key may only sign certificates': [() => ({ keyUsage: keyCertSign }), 'digitalSignature'],
    'with an unknown critical extension': [
      () => ({ extensions: [extension('1.2.3.4', true)] }),
      'critical extension 1.2.3.4',
    ],
    'with critical name constraints': [() => ({ extensions: [extension('2.5.29.30', true)] }), 'critical extension'],
    'with an extension twice': [
      () => ({ extensions: [extension('1.2.3.4', false), extension('1.2.3.4', false)] }),
      'there twice',
    ],
    'with extended key usage twice': [
      () => ({ extendedKeyUsage: [serverAuth], extensions: [new x509.ExtendedKeyUsageExtension([clientAuth])] }),
      'there twice',
    ],
    'of RSA 1024': [async () => ({ keys: await newKeys(rsa(1024)) }), '2048 bits'],
  }
  for (const [name, [recipe, message]] of Object.entries(bad)) {
    test(name, async () => {
      expect(outcome(await sign(signer, await recipe()))).toContain(message)
    })
  }

  test('that another key signed, though all names are the same', async () => {
    expect(outcome(await sign(stranger, { authorityKeyIdentifier: false }))).toContain('registered authority')
  })

  test('that another key signed, though it names the key of ours', async () => {
    const extensions = [await x509.AuthorityKeyIdentifierExtension.create(signer.keys.publicKey)]
    expect(outcome(await sign(stranger, { authorityKeyIdentifier: false, extensions }))).toContain(
      'registered authority',
    )
  })

  test('that signed itself', async () => {
    const keys = await newKeys()
    expect(outcome(await sign({ ...signer, keys }, { keys }))).toContain('registered authority')
  })

  test('that is our own authority', () => {
    expect(outcome(signer.der)).toContain('CA:TRUE')
  })

  test('whose issuer is an intermediate authority of ours that is not registered', async () => {
    const keys = await newKeys()
    await sign(signer, { keys, ca: true, keyUsage: keyCertSign })
    expect(outcome(await sign({ ...signer, keys, name: 'CN=intermediate' }))).toContain('registered authority')
  })

  test('when no authority is registered', async () => {
    expect(outcome(await sign(signer), [])).toContain('registered authority')
  })

  test('signed with SHA-1', async () => {
    const sha1 = await newSigner({ algorithm: rsa(2048, 'SHA-1') })
    expect(outcome(await sign(sha1), [readAuthorityCertificate(sha1.der)])).toContain('SHA-256 or stronger')
  })

  test('signed with RSASSA-PSS and SHA-1', async () => {
    const pss = await newSigner({ algorithm: { ...rsa(2048, 'SHA-1', 'RSA-PSS'), saltLength: 20 } })
    expect(outcome(await sign(pss), [readAuthorityCertificate(pss.der)])).toContain('SHA-256 or stronger')
  })

  test('whose algorithm was rewritten to MD5', async () => {
    const rsaSigner = await newSigner({ algorithm: rsa(2048) })
    const der = await sign(rsaSigner)
    // sha256WithRSAEncryption is 1.2.840.113549.1.1.11, md5WithRSAEncryption ends with 4: inside and outside.
    const identifier = Buffer.from([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11])
    for (let at = der.indexOf(identifier); at >= 0; at = der.indexOf(identifier, at)) der[at + 8] = 4
    expect(outcome(der, [readAuthorityCertificate(rsaSigner.der)])).toContain('SHA-256 or stronger')
  })

  test('that names two signature algorithms', async () => {
    const der = await sign(signer)
    const identifier = Buffer.from([0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2])
    der[der.lastIndexOf(identifier) + 7] = 3
    expect(outcome(der)).toContain('one signature algorithm')
  })

  test('of X.509 version 1', async () => {
    const der = await sign(signer)
    const version = der.indexOf(Buffer.from([0xa0, 3, 2, 1, 2]))
    der[version + 4] = 0
    expect(outcome(der)).toContain('version 3')
  })

  test('with a negative or no serial number', async () => {
    for (const first of [0x81, 0]) {
      const der = await sign(signer, { serialNumber: '11' })
      const serial = der.indexOf(Buffer.from([2, 1, 0x11]))
      der[serial + 2] = first
      expect(outcome(der)).toContain('positive serial number')
    }
  })

  test('on a curve that is not on the list', async () => {
    // secp256k1 in place of P-256 in the key's algorithm: a point that is not on it, and a name that is not allowed.
    const der = await sign(signer)
    const curve = Buffer.from([6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7])
    der[der.lastIndexOf(curve) + 9] = 1
    expect(outcome(der)).not.toBe('good')
  })

  test('with one bit of its subject changed', async () => {
    const der = await sign(signer, { subject: 'CN=original' })
    const at = der.indexOf('original')
    der[at] = der[at]! ^ 1
    expect(outcome(der)).toContain('registered authority')
  })

  test('with one bit of its signature changed', async () => {
    const der = await sign(signer)
    der[der.length - 1] = der.at(-1)! ^ 1
    expect(outcome(der)).toContain('registered authority')
  })

  test('that is cut off at any length', async () => {
    const der = await sign(signer)
    for (let length = 0; length < der.length; length += 7) expect(outcome(der.subarray(0, length))).not.toBe('good')
  })

  test('with any byte changed that its authority has signed, or with any other, in words', async () => {
    const der = await sign(signer)
    // What is signed: the SEQUENCE within the first one, each with two bytes of length.
    const signedEnd = 4 + 4 + der.readUInt16BE(6)
    for (let at = 0; at < der.length; at++) {
      for (const bits of [0x01, 0x80, 0xff]) {
        const changed = Buffer.from(der)
        changed[at] = changed[at]! ^ bits
        const result = outcome(changed)
        if (at >= 4 && at < signedEnd) expect([at, bits, result]).not.toContain('good')
      }
    }
  })

  test('that is no certificate, or too long for one', () => {
    expect(outcome(Buffer.alloc(0))).not.toBe('good')
    expect(outcome(Buffer.from('-----BEGIN CERTIFICATE-----'))).not.toBe('good')
    expect(outcome(Buffer.alloc(limits.certificateBytesMax + 1, 0x30))).toContain('at most')
  })
})

describe('an authority is refused', () => {
  test('that is no authority', async () => {
    const der = await sign(signer)
    expect(() => readAuthorityCertificate(der)).toThrow('CA:TRUE')
  })

  test('whose key may not sign certificates', async () => {
    const extensions = [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(digitalSignature, true),
    ]
    const { der } = await newSigner({ extensions })
    expect(() => readAuthorityCertificate(der)).toThrow('keyCertSign')
  })

  test('whose key is weak', async () => {
    const { der } = await newSigner({ algorithm: rsa(1024) })
    expect(() => readAuthorityCertificate(der)).toThrow('2048 bits')
  })

  test('that cannot be read', () => {
    expect(() => readAuthorityCertificate('nothing')).toThrow('X.509')
  })
})

test('a certificate is good at both ends of its validity, and at no millisecond beyond', () => {
  const validity = { notBefore: 1_000, notAfter: 2_000 }
  for (const now of [1_000, 2_000]) expect(() => checkValidity(validity, now)).not.toThrow()
  for (const now of [999, 2_001]) expect(() => checkValidity(validity, now)).toThrow()
})

test('keys of certificates that are made here are P-256', async () => {
  const { publicKey } = await newKeys(p256)
  expect((publicKey.algorithm as webcrypto.EcKeyAlgorithm).namedCurve).toBe('P-256')
})
