import { expect, test } from 'vitest'
import { parseCertificate } from '../../src/certificates/authority-certificate.ts'
import { validityIn } from '../../src/certificates/certificate-form.ts'
import { clientAuth, readExtensions } from '../../src/certificates/extensions.ts'
import { x509 } from '../../src/certificates/x509.ts'
import { type CertificateRecipe, newSigner, sign, type Signer } from '../support/certificates.ts'

const signer: Signer = await newSigner({ name: 'CN=authority' })
const { BasicConstraintsExtension, KeyUsagesExtension } = x509

test('what a certificate says is read as the library reads it', async () => {
  const usages = Array.from({ length: 9 }, (_, bit) => 1 << bit)
  const recipes: CertificateRecipe[] = [
    ...usages.map((keyUsage) => ({ keyUsage })),
    { keyUsage: 0x1ff },
    { ca: null, keyUsage: null, extendedKeyUsage: null, authorityKeyIdentifier: false },
    ...[0, 1, 127].map((length) => ({ ca: null, extensions: [new BasicConstraintsExtension(true, length, true)] })),
    {
      extendedKeyUsage: ['1.3.6.1.5.5.7.3.1', '2.25.329800735698586629295641978511506172918', '1.3.6.1.4.1.311.20.2.2'],
    },
    { extensions: [await x509.SubjectKeyIdentifierExtension.create(signer.keys.publicKey)] },
    { extensions: [new x509.Extension('2.999.1', false, new Uint8Array([5, 0]))] },
    { subject: 'CN=клиент, O=x', serialNumber: '7fffffffffffffffffffffffffffffffffffffff' },
    ...['1970-01-01', '1999-12-31', '2049-12-31T23:59:59Z', '2050-01-01', '9999-12-31T23:59:59Z'].map((date) => ({
      notBefore: new Date('1950-01-01T00:00:00Z'),
      notAfter: new Date(date),
    })),
  ]
  for (const recipe of recipes) {
    const der = await sign(signer, recipe)
    const library = new x509.X509Certificate(new Uint8Array(der))
    const read = parseCertificate(der)
    const constraints = library.getExtension(BasicConstraintsExtension)
    const identifier = library.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId
    const subject = library.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId
    expect(readExtensions(read)).toEqual({
      ...(constraints && { basicConstraints: { ca: constraints.ca, ...pathLengthOf(constraints) } }),
      ...(library.getExtension(KeyUsagesExtension) && { keyUsage: library.getExtension(KeyUsagesExtension)!.usages }),
      // The library writes numbers of more than 64 bits in a form of its own.
      ...(recipe.extendedKeyUsage !== null && { extendedKeyUsage: recipe.extendedKeyUsage ?? [clientAuth] }),
      ...(subject && { subjectKeyIdentifier: subject }),
      ...(identifier && { authorityKeyIdentifier: identifier }),
    })
    expect(read.extensions.map(({ type, isCritical }) => [type, isCritical])).toEqual(
      library.extensions.map(({ type, critical }) => [type, critical]),
    )
    expect([read.notBefore, read.notAfter]).toEqual([library.notBefore.getTime(), library.notAfter.getTime()])
    expect(Buffer.from(read.subject)).toEqual(Buffer.from(library.subjectName.toArrayBuffer()))
    expect(Buffer.from(read.issuer)).toEqual(Buffer.from(library.issuerName.toArrayBuffer()))
    expect(Buffer.from(read.subjectPublicKeyInfo)).toEqual(Buffer.from(library.publicKey.rawData))
    expect(parseCertificate(`${library.toString('pem')}\n`).der).toEqual(der)
  }
})

test('an extension that is not written as it must be is refused, whichever it is', () => {
  const malformed: [type: string, hex: string][] = [
    ['2.5.29.19', '3003010101'], // a BOOLEAN that is neither
    ['2.5.29.19', '300302010003'], // bytes left over
    ['2.5.29.19', '30060101ff0201ff'], // a negative path length
    ['2.5.29.19', '3080'], // no definite length
    ['2.5.29.15', '0300'], // no count of unused bits
    ['2.5.29.15', '0301'],
    ['2.5.29.15', '030108'], // eight of them
    ['2.5.29.15', '03020880'],
    ['2.5.29.15', '030107'], // of no byte
    ['2.5.29.15', '03020780ff'],
    ['2.5.29.15', '030400ffffff'], // more bits than there are
    ['2.5.29.37', '3003060180'], // an identifier that does not end
    ['2.5.29.37', '30020600'],
    ['2.5.29.37', '300406028001'], // one with a zero in front
    ['2.5.29.37', '0603550403'],
    ['2.5.29.14', '040201'],
    ['2.5.29.14', '0401aa00'],
    ['2.5.29.35', '3003800201'],
    ['2.5.29.35', ''],
  ]
  for (const [type, hex] of malformed) {
    const extension = { type, isCritical: false, value: Buffer.from(hex, 'hex') }
    expect(() => readExtensions({ extensions: [extension] }), `${type} ${hex}`).toThrow(/use a certificate whose/)
  }
})

test('a date that is none is no number, which no comparison holds for', () => {
  const read = (from: string, until: string): number[] => {
    const dates = [from, until].map((text) => [text.length > 13 ? 0x18 : 0x17, text.length, ...Buffer.from(text)])
    return Object.values(validityIn(Buffer.from(dates.flat())))
  }
  expect(read('490101000000Z', '500101000000Z')).toEqual([Date.UTC(2049, 0), Date.UTC(1950, 0)])
  expect(read('240229235959Z', '20500101000000Z')).toEqual([Date.UTC(2024, 1, 29, 23, 59, 59), Date.UTC(2050, 0)])
  const none = ['230229000000Z', '2301010000Z', '230101000000+', '23010100000AZ', '231301000000Z', '230101240000Z', '']
  for (const text of none) expect(read(text, '20500101000000Z'), text).toEqual([Number.NaN, Date.UTC(2050, 0)])
  expect(() => validityIn(Buffer.from([0x17, 0]))).toThrow()
  expect(() => validityIn(Buffer.from([0x17, 0, 0x17, 0, 5, 0]))).toThrow()
})

function pathLengthOf({ pathLength }: { pathLength?: number }): { pathLength?: number } {
  return pathLength === undefined ? {} : { pathLength }
}
