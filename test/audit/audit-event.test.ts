import { expect, test } from 'vitest'
import { auditEvent } from '../../src/audit/audit-event.ts'
import { MemoryStore } from '../../src/store/memory.ts'
import { insertObject, objectRow, scopeOf, unitOf } from '../store/rows.ts'

const clock = { now: () => 1_700_000_000_999, monotonic: () => 0 }

test('an event becomes a row with the time in whole seconds', () => {
  const { tenant } = scopeOf()
  expect(auditEvent({ clock, tenant, actor: 'client:demo', operation: 'Create', result: 'success' })).toEqual({
    time: 1_700_000_000,
    tenant,
    actor: 'client:demo',
    operation: 'Create',
    object: null,
    result: 'success',
    detail: '',
  })
})

test('a change and its event are durable together', async () => {
  const store = new MemoryStore()
  const row = objectRow(1)
  const event = auditEvent({
    clock,
    tenant: row.tenant,
    actor: 'client:demo',
    operation: 'Create',
    object: row.object,
    result: 'success',
    detail: 'AES-256',
  })
  await store.commit({ ...unitOf(insertObject(row)), audit: [event] })
  expect(store.audit('data', 0, 10)).toEqual([{ sequence: 1, ...event }])
})
