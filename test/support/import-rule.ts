import type { Import } from './source-tree.ts'

/** What each folder of src/ may import besides itself and the leaves. A folder that is not here may not exist. */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  ttlv: [],
  crypto: [],
  // Of keys, the store has that of the set digests alone: it opens nothing (docs/decisions/0016).
  store: ['crypto'],
  telemetry: [],
  config: [],
  process: ['crypto'],
  doctor: ['crypto', 'process'],
  audit: ['crypto', 'store'],
  'external-keys': ['crypto'],
  certificates: ['crypto'],
  jobs: ['store', 'audit'],
  kmip: ['ttlv'],
  hierarchy: ['crypto', 'store', 'audit', 'jobs', 'external-keys'],
  seal: ['crypto', 'store', 'audit', 'jobs', 'external-keys', 'hierarchy'],
  tenants: ['hierarchy', 'store', 'audit', 'jobs', 'certificates'],
  auth: ['kmip', 'tenants', 'crypto', 'store', 'certificates'],
  backup: ['store', 'hierarchy', 'seal', 'crypto', 'audit', 'jobs'],
  objects: ['kmip', 'crypto'],
  keystore: ['objects', 'hierarchy', 'auth', 'crypto', 'store'],
  operations: ['kmip', 'objects', 'keystore', 'crypto', 'auth', 'audit', 'certificates'],
  server: ['ttlv', 'kmip', 'auth', 'operations'],
  gateway: ['ttlv', 'kmip', 'auth', 'server', 'store', 'crypto'],
  orbital: ['store'],
  cmk: ['store', 'orbital', 'auth', 'audit', 'crypto', 'external-keys'],
  admin: ['seal', 'tenants', 'hierarchy', 'auth', 'keystore', 'audit', 'crypto', 'cmk'],
  // The load generator speaks KMIP by a codec of its own: a fault of the server's must not hide in the bench that measures it.
  bench: [],
  cli: [],
}

/** Everybody may import these: they import nothing but each other. */
export const leaves: ReadonlySet<string> = new Set([
  'errors',
  'limits',
  'clock',
  'telemetry',
  'version',
  'package-root',
  'hex',
  'shell-word',
  'file-mode',
])

/** Files that put the parts together: they may import anything, and only the commands that run a server import them. */
export const compositionRoots: ReadonlySet<string> = new Set([
  'src/krypton.ts',
  'src/instance.ts',
  'src/instance-file.ts',
  'src/server-certificate.ts',
  'src/listen-refusal.ts',
  'src/administration.ts',
  'src/role-names.ts',
  'src/key-jobs.ts',
  'src/changed-rows.ts',
  'src/key-backups.ts',
  'src/key-grants.ts',
  'src/key-job-view.ts',
  'src/key-names.ts',
  'src/key-views.ts',
  'src/row-faults.ts',
  'src/control-plane.ts',
  'src/server-status.ts',
  'src/system-audit.ts',
  'src/master-key-acts.ts',
  'src/service-acts.ts',
  'src/listener-thread.ts',
  'src/listener-threads.ts',
  'src/stream-relay.ts',
  'src/lease-relay.ts',
  'src/tenant-links.ts',
])

/** What the CLI may import besides: its own command's folder by name, and these. */
const commandMayImport: Readonly<Record<string, readonly string[]>> = {
  'src/cli/commands/server.ts': ['krypton', 'config'],
  'src/cli/commands/init.ts': ['krypton', 'config'],
  'src/cli/commands/anchor.ts': ['krypton', 'config'],
  'src/cli/commands/server-certificate.ts': ['krypton', 'config'],
  'src/cli/commands/doctor.ts': ['config'],
  'src/cli/commands/decode.ts': ['ttlv', 'kmip'],
}

/** The unit of a file: its folder, or its own name for a file directly in src/. `config.ts` is the face of `config/`. */
export function unitOf(path: string): string {
  return path.split('/')[1]?.replace(/\.ts$/, '') ?? ''
}

/** What is wrong with an import, or undefined. */
export function importFault({ from, to }: Import): string | undefined {
  const [importer, imported] = [unitOf(from), unitOf(to)]
  if (compositionRoots.has(from) || importer === imported || leaves.has(imported)) return undefined
  if (leaves.has(importer)) return `${from} imports ${to}: ${importer} is for everybody and imports nothing`
  if (to === 'src/admin/client.ts' && importer === 'cli') return undefined
  if (from.startsWith('src/cli/commands/')) {
    const own = /([^/]+)\.ts$/.exec(from)?.[1]
    if (own === imported || commandMayImport[from]?.includes(imported) === true) return undefined
  }
  if (mayImport[importer]?.includes(imported) === true) return undefined
  return `${from} imports ${to}: ${importer} may import ${mayImport[importer]?.join(', ') || 'nothing'}`
}

/** A circle of units, or undefined. Composition roots are left out: everything leads from them and nothing to them. */
export function circleOf(imports: readonly Import[]): string[] | undefined {
  const edges = new Map<string, Set<string>>()
  for (const { from, to } of imports) {
    const [a, b] = [unitOf(from), unitOf(to)]
    if (a === b || compositionRoots.has(from) || compositionRoots.has(to)) continue
    edges.set(a, (edges.get(a) ?? new Set()).add(b))
  }
  const done = new Set<string>()
  const visit = (unit: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(unit)) return [...path.slice(path.indexOf(unit)), unit]
    if (done.has(unit)) return undefined
    for (const next of edges.get(unit) ?? []) {
      const circle = visit(next, [...path, unit])
      if (circle !== undefined) return circle
    }
    done.add(unit)
    return undefined
  }
  for (const unit of edges.keys()) {
    const circle = visit(unit, [])
    if (circle !== undefined) return circle
  }
  return undefined
}
