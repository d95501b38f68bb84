import { openSync, writeSync } from 'node:fs'
import { generateSecret } from '../../src/crypto/secret.ts'
import { ellipticCurves } from '../../src/crypto/elliptic-curve.ts'
import { generateKeyPair } from '../../src/crypto/key-pair.ts'
import { nativeAddon } from '../../src/crypto/native.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { createServiceKeys, createTenantKeys } from '../../src/hierarchy/key-chain.ts'
import { Suite } from '../../src/crypto/aead.ts'
import { newHierarchy, newScope, newStaticKey } from '../hierarchy/fixture.ts'
import { plant } from './defects.ts'

/*
 * node key-maker.ts MARKS COUNT [DEFECT]: makes COUNT keys of each kind, and writes a line into the file MARKS before each and after the last: its kind, and how many keys of how many bytes are made. For a process that is traced.
 */
const [marks, count, defect] = process.argv.slice(2)
plant(defect)
const descriptor = openSync(marks!, 'w', 0o600)
const mark = (kind: string, keys: number, bytes: number): void =>
  void writeSync(descriptor, `${kind} ${keys} ${bytes}\n`)
const { externalKey, remove } = newStaticKey()
const made = await newHierarchy(externalKey)
const ivk = await made.chain.ivks()

for (let nth = 0; nth < Number(count); nth++) {
  mark('object', 1, 32)
  randomBytes(32).fill(0)
  mark('wrapping', 1, 32)
  generateSecret(32, 'wrapping').wipe()
  mark('system', 1, 32)
  generateSecret(32, 'system').wipe()
  mark('ivk', 1, 32)
  made.chain.newIvk(ivk.active.version + 1, 0, Suite.Xaes256Gcm)
  // An integrity key, a Tenant Key and a Service Key, each in a record of its own.
  mark('tenant', 3, 32)
  await createTenantKeys(made.chain, newScope(), 'system')
  mark('service', 1, 32)
  await createServiceKeys(made.chain, { ...made.scopes.own, service: randomBytes(16) }, 'system')
  mark('ec', 1, 32)
  generateKeyPair({ type: 'ec', curve: ellipticCurves[0]! }).privateKey.fill(0)
  // Made by OpenSSL, which only the addon can seed.
  if (nativeAddon() === undefined) continue
  mark('rsa', 1, 32)
  generateKeyPair({ type: 'rsa', bits: 1_024 }).privateKey.fill(0)
}
mark('end', 0, 0)
remove()
