import { Suite } from '../../src/crypto/aead.ts'
import { randomIdentifier } from '../../src/crypto/random.ts'
import { changeKey } from '../../src/hierarchy/key-change.ts'
import { announceKey } from '../../src/hierarchy/key-chain.ts'
import { integrityRotationJob } from '../../src/hierarchy/integrity-rotation.ts'
import { destructionJob } from '../../src/hierarchy/key-destruction.ts'
import { type KeyAddress, rotationJob } from '../../src/hierarchy/rotation-jobs.ts'
import { noTenant } from '../../src/hierarchy/key-record.ts'
import { rotateMasterKey } from '../../src/seal/master-key-rotation.ts'
import { readLedger } from './ledger.ts'
import { RotationRealm } from './realm.ts'

/*
 * node victim.ts DIRECTORY LEDGER LEVEL REASON POINT NTH: rotates a key, or of LEVEL life announces, activates and destroys one, or of LEVEL epoch gives the MasterKey another one, and kills its own process when it comes to that point for that time. It ends well when it never does.
 */
const [directory, ledgerFile, level, reason, point, nth] = process.argv.slice(2)
let left = Number(nth)
const realm = await RotationRealm.open(directory!, (at) => {
  if (at === point && --left === 0) process.kill(process.pid, 'SIGKILL')
})
await realm.queue.start()
const { scopes, active } = readLedger(ledgerFile!)
const [scope] = scopes
const [tenant, system, service] = [scope!.tenant, scope!.system, scope!.service].map((id) => Buffer.from(id, 'hex'))
const addresses: Readonly<Record<string, KeyAddress>> = {
  ivk: { table: 'ivks' },
  l2: { table: 'tenant_keys', tenant: tenant!, system: system! },
  l3: { table: 'service_keys', tenant: tenant!, system: system!, service: service! },
}
const names: Readonly<Record<string, string>> = {
  ivk: 'ivk',
  l2: `L2 ${scope!.system}`,
  l3: `L3 ${scope!.service}`,
  sik: 'SIK',
  tik: `TIK ${scope!.tenant}`,
}
if (level === 'life') await live()
else if (level === 'epoch') await rotateMasterKey({ ...realm.work, externalKey: realm.externalKey }, 'operator:test')
else {
  const from = active[names[level!]!] ?? 1
  const request = {
    from,
    reason: reason as 'command' | 'compromise',
    actor: 'operator:test',
    subject: level!,
  }
  const address = addresses[level!]
  const owner = level === 'sik' ? noTenant : tenant!
  await realm.queue.add(address === undefined ? integrityRotationJob(owner, request) : rotationJob(address, request))
}
while (realm.queue.open().length > 0) await new Promise((resolve) => setTimeout(resolve, 5))
await realm.close()

/** Twice: the first key is there when the second one is made. */
async function live(): Promise<void> {
  for (let count = 0; count < 2; count++) {
    const scope = { tenant: tenant!, system: system!, service: randomIdentifier() }
    await realm.store.commit(await announceKey(realm.chain, scope, 'operator:test'))
    const address = { table: 'service_keys', ...scope } as const
    await changeKey(realm.work, Suite.Xaes256Gcm, address, { act: 'activate', actor: 'operator:test' })
    await realm.queue.add(destructionJob(scope, { actor: 'operator:test', subject: 'a new service' }))
    while (realm.queue.open().length > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
