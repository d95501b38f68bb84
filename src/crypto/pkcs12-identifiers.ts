/** Object identifiers of PKCS #12 files (RFC 7292) and of the encryption in them (RFC 8018), as DER has their content. */

export const pkcs12Identifiers = {
  data: Buffer.from('2a864886f70d010701', 'hex'),
  encryptedData: Buffer.from('2a864886f70d010706', 'hex'),
  keyBag: Buffer.from('2a864886f70d010c0a0101', 'hex'),
  shroudedKeyBag: Buffer.from('2a864886f70d010c0a0102', 'hex'),
  certBag: Buffer.from('2a864886f70d010c0a0103', 'hex'),
  safeContentsBag: Buffer.from('2a864886f70d010c0a0106', 'hex'),
  x509Certificate: Buffer.from('2a864886f70d01091601', 'hex'),
  friendlyName: Buffer.from('2a864886f70d010914', 'hex'),
  localKeyId: Buffer.from('2a864886f70d010915', 'hex'),
  pbes2: Buffer.from('2a864886f70d01050d', 'hex'),
  pbkdf2: Buffer.from('2a864886f70d01050c', 'hex'),
  /** RFC 9579. */
  pbmac1: Buffer.from('2a864886f70d01050e', 'hex'),
  hmacWithSha256: Buffer.from('2a864886f70d0209', 'hex'),
  aes256Cbc: Buffer.from('60864801650304012a', 'hex'),
  sha256: Buffer.from('608648016503040201', 'hex'),
} as const
