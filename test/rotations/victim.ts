import { type KeyAddress, rotationJob } from '../../src/hierarchy/rotation-jobs.ts'
import { readLedger } from './ledger.ts'
import { RotationRealm } from './realm.ts'

/*
 * node victim.ts DIRECTORY LEDGER LEVEL REASON POINT NTH: rotates a key and kills its own process when it comes to that point for that time. It ends well when it never does.
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
const names: Readonly<Record<string, string>> = { ivk: 'ivk', l2: `L2 ${scope!.system}`, l3: `L3 ${scope!.service}` }
const from = active[names[level!]!] ?? 1
await realm.queue.add(
  rotationJob(addresses[level!]!, {
    from,
    reason: reason as 'command' | 'compromise',
    actor: 'operator:test',
    subject: level!,
  }),
)
while (realm.queue.open().length > 0) await new Promise((resolve) => setTimeout(resolve, 5))
await realm.close()
