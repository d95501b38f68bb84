import { memoryReport } from '../src/crypto/native.ts'
import { secretFromBytes } from '../src/crypto/secret.ts'
import type { Secret } from '../src/crypto/secret.ts'

/* Prints how many keys of 32 bytes fit before more than 8 MiB are locked; a process of its own, since locked memory is the process's. */
const room = 8 * 1024 * 1024
const kept: Secret[] = []
if (memoryReport().making !== 'native') {
  process.stdout.write(JSON.stringify({ reason: `no addon: ${memoryReport().reason ?? 'none was built'}` }))
} else {
  const bytes = Buffer.alloc(32, 1)
  while (memoryReport().lockedBytes <= room && memoryReport().unlockedBytes === 0 && kept.length < room / 32)
    kept.push(secretFromBytes(bytes, 'object'))
  process.stdout.write(JSON.stringify({ keys: kept.length - 1, lockedBy: memoryReport().lockedBy }))
}
