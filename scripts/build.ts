import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { rolldown, type OutputChunk } from 'rolldown'

/**
 * Makes `dist/`, the published form: one file for each process and thread that is started, and what several of them share. A server whose thousand files are
 * loaded one by one needs twice the time to start and a sixth more memory (bench footprint). What is bundled from elsewhere keeps its licence beside it.
 *
 *     node scripts/build.ts [directory]
 */
const root = join(import.meta.dirname, '..')
const directory = resolve(process.argv[2] ?? join(root, 'dist'))

/** Files that are started by their name, by bin/krypton or as a thread or process: `dist` is flat, as each of them says of the others. */
const entries = {
  main: 'src/cli/main.ts',
  'listener-thread': 'src/listener-thread.ts',
  'writer-thread': 'src/store/sqlite/writer-thread.ts',
  'checkpoint-thread': 'src/store/sqlite/checkpoint-thread.ts',
  worker: 'src/crypto/worker.ts',
  'client-process': 'src/bench/client-process.ts',
  'pacer-thread': 'src/bench/pacer-thread.ts',
}

/** Left where npm puts them: piscina starts a file of its own, undici is loaded when something outside is asked. */
const external = [/^piscina/, /^undici/, /^@napi-rs\/nice/, /\.node$/]

const bundle = await rolldown({ input: entries, cwd: root, platform: 'node', external, logLevel: 'warn' })
rmSync(directory, { recursive: true, force: true })
const { output } = await bundle.write({
  dir: directory,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
})
await bundle.close()

const chunks = output.filter((file): file is OutputChunk => file.type === 'chunk')
const packages = new Set(
  chunks.flatMap(({ moduleIds }) => moduleIds.map(packageOf)).filter((found) => found !== undefined),
)
writeFileSync(join(directory, 'THIRD-PARTY-LICENSES.txt'), [...packages].sort().map(licenceOf).join('\n\n'))

/** The folder of the package that a module is from; undefined for our own. */
function packageOf(id: string): string | undefined {
  const [file = ''] = id.split('?')
  if (!file.includes('/node_modules/')) return undefined
  let folder = dirname(file)
  while (!existsSync(join(folder, 'package.json')) || nameOf(folder) === undefined) folder = dirname(folder)
  return folder
}

/** Folders inside of a package may have a package.json without a name. */
function nameOf(folder: string): string | undefined {
  const description = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: string }
  return description.name
}

function licenceOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<
    string,
    string
  >
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
  const text = file === undefined ? `Licence: ${license}` : readFileSync(join(folder, file), 'utf8').trim()
  return `${name} ${version}\n\n${text}`
}
