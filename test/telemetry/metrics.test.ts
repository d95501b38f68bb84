import { afterEach, expect, test } from 'vitest'
import { HealthServer } from '../../src/telemetry/health-server.ts'
import { Counters, Metrics } from '../../src/telemetry/metrics.ts'

const names = (operation: number): string | undefined => (operation === 10 ? 'Get' : undefined)
const certificateEnd = new Date('2029-02-26T00:00:00Z')
const secretMemory = () => ({
  native: true,
  lockedBytes: 393_216,
  unlockedBytes: 4_096,
  slots: 6_144,
  slotsInUse: { object: 3, wrapping: 2, system: 1 },
})
const changedRows = () => new Map([['clients', 2]])
let health: HealthServer | undefined

afterEach(() => health?.stop())

test('counters of several threads are summed, and read through their memory alone', async () => {
  const [first, second] = [new Counters(), new Counters()]
  const seen = [new Counters(first.memory), new Counters(second.memory)]
  const metrics = new Metrics(seen, names, certificateEnd, { secretMemory, changedRows })
  first.add('connectionsOpen', 3)
  second.add('connectionsOpen', 2)
  first.add('connectionsOpen', -1)
  first.add('handshakesOk')
  first.cut('idle')
  second.cut('idle')
  first.operation(10, true)
  second.operation(10, true)
  second.operation(10, false)
  second.operation(0x7fffffff, false)
  first.request(0.03)
  second.request(0.3)
  second.request(60_000)
  for (let times = 0; times < 2; times++) {
    const text = await metrics.text()
    expect(text).toContain('krypton_connections_open 4')
    expect(text).toContain('krypton_server_certificate_expiry_timestamp_seconds 1866758400')
    expect(text).toContain('krypton_handshakes_total 1')
    expect(text).toContain('krypton_connections_cut_total{reason="idle"} 2')
    expect(text).toContain('krypton_operations_total{operation="Get",result="success"} 2')
    expect(text).toContain('krypton_operations_total{operation="Get",result="failure"} 1')
    expect(text).toContain('krypton_operations_total{operation="other",result="failure"} 1')
    expect(text).toContain('krypton_request_duration_seconds_bucket{le="0.000025"} 0')
    expect(text).toContain('krypton_request_duration_seconds_bucket{le="0.00005"} 1')
    expect(text).toContain('krypton_request_duration_seconds_bucket{le="10"} 2')
    expect(text).toContain('krypton_request_duration_seconds_bucket{le="+Inf"} 3')
    expect(text).toContain('krypton_request_duration_seconds_count 3')
    expect(text).toContain('krypton_changed_rows{table="clients"} 2')
    expect(text).toContain('process_resident_memory_bytes')
  }
})

test('the health port answers its four questions and no other', async () => {
  let ok = true
  health = new HealthServer({
    ready: () => ({ ok, detail: { warnings: ['rollback is not detected'] } }),
    version: () => ({ version: '1.2.3' }),
    metrics: new Metrics([new Counters()], names, certificateEnd, { secretMemory, changedRows }),
  })
  const { port } = await health.listen('127.0.0.1', 0)
  const get = (path: string, method = 'GET'): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`, { method })
  expect(await (await get('/livez')).json()).toEqual({ status: 'ok' })
  expect(await (await get('/readyz')).json()).toEqual({ status: 'ready', warnings: ['rollback is not detected'] })
  ok = false
  expect((await get('/readyz?verbose')).status).toBe(503)
  expect(await (await get('/version')).json()).toEqual({ version: '1.2.3' })
  const metrics = await get('/metrics')
  expect(metrics.headers.get('content-type')).toContain('text/plain')
  expect(await metrics.text()).toContain('krypton_connections_open 0')
  expect((await get('/other')).status).toBe(404)
  expect((await get('/livez', 'POST')).status).toBe(405)
  expect((await get('/livez', 'HEAD')).status).toBe(200)
})

test('the health port says when it cannot have its address', async () => {
  const source = {
    ready: () => ({ ok: true, detail: {} }),
    version: () => ({}),
    metrics: new Metrics([], names, certificateEnd, { secretMemory, changedRows }),
  }
  health = new HealthServer(source)
  const { port } = await health.listen('127.0.0.1', 0)
  await expect(new HealthServer(source).listen('127.0.0.1', port)).rejects.toThrow('EADDRINUSE')
})
