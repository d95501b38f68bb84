import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { AdminClient } from '../../src/admin/client.ts'
import { KryptonServer } from '../integration/krypton-server.ts'
import { removeDirectory, temporaryDirectory } from '../support/counterparts.ts'
import type { KmipClientOptions } from '../support/kmip-client.ts'
import type { RotationDefect } from './defects.ts'
import { SteadyLoad } from './load.ts'

export interface LoadPlan {
  readonly threads: number
  readonly connections: number
  /** Requests in a second. */
  readonly rate: number
  /** How often each key is rotated. */
  readonly rotations: readonly { readonly key: string; readonly count: number }[]
  readonly defect?: RotationDefect
}

/** What rotations under load have shown. */
export interface LoadOutcome {
  readonly requests: number
  readonly keys: number
  /** How often each key was rotated, in words. */
  readonly rotated: string
  /** Requests in a second that were asked for. */
  readonly rate: number
  readonly quietP99Ms: number
  readonly rotatingP99Ms: number
  /** Lines for people: every answer that was none, every key that was another, everything that an old version still holds. */
  readonly faults: readonly string[]
}

/** Rotates keys of a whole server again and again while clients ask it at a steady rate; then starts it anew and asks for every key once more. */
export async function rotateUnderLoad({
  threads,
  connections,
  rate,
  rotations,
  defect,
}: LoadPlan): Promise<LoadOutcome> {
  const directory = temporaryDirectory('rotations')
  const planted = defect && {
    NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, 'defects.ts')).href}`,
    ROTATION_DEFECT: defect,
  }
  let server = await KryptonServer.start(directory, {
    env: { KRYPTON_SERVER_THREADS: String(threads), KRYPTON_ROTATION_ITEMS_PER_SECOND: '1000000', ...planted },
  })
  const faults: string[] = []
  try {
    const admin = new AdminClient(join(directory, 'krypton.sock'))
    const load = await SteadyLoad.start(optionsOf(server), connections, rate)
    await new Promise((resolve) => setTimeout(resolve, defect === undefined ? quietMs : 0))
    const quiet = load.takeP99()
    const done = new Map<string, number>()
    for (const { key, count } of rotations) {
      for (let nth = 0; nth < count && load.failures.length === 0; nth++) {
        faults.push(...(await rotate(admin, key, load)))
        done.set(key, (done.get(key) ?? 0) + 1)
      }
    }
    const rotating = load.takeP99()
    await load.stop()
    faults.push(
      ...load.failures,
      ...(await leftOver(
        admin,
        rotations.map(({ key }) => key).filter((key) => key !== masterKey),
      )),
    )
    await admin.close()
    await server.stop()
    let keys = 0
    if (defect === undefined) {
      server = await server.restart()
      const before = load.failures.length
      keys = await load.verify(optionsOf(server))
      faults.push(...load.failures.slice(before))
    }
    const rotated = [...done].map(([key, count]) => `${key} ${count}`).join(', ')
    const figures = { requests: load.requests, keys, rotated, rate, quietP99Ms: quiet.ms, rotatingP99Ms: rotating.ms }
    return { ...figures, faults }
  } finally {
    await server.stop()
    removeDirectory(directory)
  }
}

/** Stands for the MasterKey among the keys that are rotated. */
export const masterKey = 'MasterKey'

/** Long enough for a 99th percentile. */
const quietMs = 3_000
/** Far more than a rotation takes, with attempts that fail in between. */
const rotationMsMax = 60_000

async function rotate(admin: AdminClient, key: string, { failures }: SteadyLoad): Promise<string[]> {
  if (key === masterKey) {
    await admin.rotateMasterKey()
    return []
  }
  const { id } = await admin.rotateKey(key)
  for (const endMs = performance.now() + rotationMsMax; performance.now() < endMs && failures.length === 0;) {
    const { state, detail } = await admin.showJob(id)
    if (state === 'done') return []
    if (state === 'failed') return [`the rotation of ${key} failed: ${detail}`]
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return failures.length > 0 ? [] : [`the rotation of ${key} did not end`]
}

async function leftOver(admin: AdminClient, keys: readonly string[]): Promise<string[]> {
  const faults: string[] = []
  for (const key of keys) {
    const versions = await admin.showKey(key)
    const active = versions.filter(({ state }) => state === 'active')
    if (active.length !== 1) faults.push(`${key} has ${active.length} active versions`)
    for (const { version, state, holds } of versions)
      if (state !== 'active' && holds !== 'nothing')
        faults.push(`version ${version} of ${key}, ${state}, still holds ${holds}`)
  }
  return faults
}

function optionsOf({ port, demo }: KryptonServer): KmipClientOptions {
  return { port, ca: readFileSync(demo.caFile), cert: readFileSync(demo.certFile), key: readFileSync(demo.keyFile) }
}
