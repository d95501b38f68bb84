import { closeSync, fstatSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs'
import { PatternSearch } from './pattern-search.ts'

/**
 * `node scanner.ts <patterns.json> <result.json> <pid or file>`: looks for every pattern in all readable mappings of a process, or in a
 * file. A process of its own, so that what it knows is not found in the harness, with the right to read others' memory.
 */
export interface ScanRequest {
  /** In hex. */
  readonly patterns: readonly string[]
}

export interface ScanResult {
  /** What was read. */
  readonly bytes: number
  readonly mappings: number
  /** Mappings that the kernel shows to nobody: memfd_secret. */
  readonly secretMappings: number
  readonly hits: readonly ScanHit[]
}

export interface ScanHit {
  readonly pattern: number
  /** Where, as /proc names it, with the address. */
  readonly where: string
  /** In locked memory that is in no core file. */
  readonly locked: boolean
}

const pageBytes = 4096
const pieceBytes = 1024 * 1024
const zeros = Buffer.alloc(pieceBytes)

const [, , patternsFile = '', resultFile = '', target = ''] = process.argv
// The harness wrote it a moment ago.
const { patterns } = JSON.parse(readFileSync(patternsFile, 'utf8')) as ScanRequest
const search = new PatternSearch(patterns.map((pattern) => Buffer.from(pattern, 'hex')))
const result = /^\d+$/.test(target) ? scanProcess(Number(target)) : scanFile(target)
writeFileSync(resultFile, JSON.stringify(result))

interface Mapping {
  readonly from: bigint
  readonly to: bigint
  readonly name: string
  readonly readable: boolean
  readonly secret: boolean
  readonly locked: boolean
}

function scanProcess(pid: number): ScanResult {
  const mappings = mappingsOf(readFileSync(`/proc/${pid}/smaps`, 'utf8'))
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  const hits: ScanHit[] = []
  let bytes = 0
  let read = 0
  let secretMappings = 0
  try {
    for (const mapping of mappings) {
      if (mapping.secret) secretMappings++
      if (!mapping.readable || mapping.secret) continue
      read++
      bytes += scanPieces(memory, mapping.from, mapping.to, (pattern, at) =>
        hits.push({ pattern, where: `${mapping.name} at ${at.toString(16)}`, locked: mapping.locked }),
      )
    }
  } finally {
    closeSync(memory)
  }
  return { bytes, mappings: read, secretMappings, hits }
}

function scanFile(file: string): ScanResult {
  const descriptor = openSync(file, 'r')
  const hits: ScanHit[] = []
  try {
    const bytes = scanPieces(descriptor, 0n, BigInt(fstatSync(descriptor).size), (pattern, at) =>
      hits.push({ pattern, where: `at ${at.toString(16)}`, locked: false }),
    )
    return { bytes, mappings: 0, secretMappings: 0, hits }
  } finally {
    closeSync(descriptor)
  }
}

/** Pieces overlap by the longest pattern, so that none is cut in two; what lies in the overlap counts once. */
function scanPieces(
  descriptor: number,
  from: bigint,
  to: bigint,
  found: (pattern: number, at: bigint) => void,
): number {
  const piece = Buffer.allocUnsafeSlow(pieceBytes)
  let total = 0
  for (let at = from; at < to;) {
    const wanted = to - at > BigInt(pieceBytes) ? pieceBytes : Number(to - at)
    const got = readAt(descriptor, piece, wanted, at)
    if (got === 0) {
      // A page that is not there, inside a mapping: go on behind it.
      at += BigInt(pageBytes)
      continue
    }
    const isWhole = got === wanted && at + BigInt(got) < to
    const end = isWhole ? got - search.longest : got
    // Most of a mapping was never written to.
    if (piece.compare(zeros, 0, got, 0, got) !== 0) {
      search.search(piece.subarray(0, got), (pattern, offset) => {
        if (offset < end) found(pattern, at + BigInt(offset))
      })
    }
    total += end
    at += BigInt(end)
  }
  return total
}

function readAt(descriptor: number, piece: Buffer, wanted: number, at: bigint): number {
  try {
    return readSync(descriptor, piece, 0, wanted, at)
  } catch {
    return 0
  }
}

/** /proc/PID/smaps: a line of the mapping, then its figures, at last its flags. */
function mappingsOf(smaps: string): Mapping[] {
  return smaps
    .split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
    .filter((text) => text !== '')
    .map((text) => {
      const [, from = '0', to = '0', rights = '', name = ''] =
        /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)$/m.exec(text) ?? []
      const flags = /^VmFlags: (.*)$/m.exec(text)?.[1]?.split(' ') ?? []
      const secret = name.startsWith('/secretmem')
      return {
        from: BigInt(`0x${from}`),
        to: BigInt(`0x${to}`),
        name: name === '' ? `[anonymous ${rights}]` : `${name} ${rights}`,
        readable: rights.startsWith('r') && name !== '[vvar]' && name !== '[vsyscall]',
        secret,
        locked: secret || (flags.includes('lo') && flags.includes('dd')),
      }
    })
}
