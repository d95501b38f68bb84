import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where Debian's python3-cryptography-vectors puts NIST's files. Undefined, with a line that says so, when absent. */
export function cavpFolder(): string | undefined {
  const folder = '/usr/lib/python3/dist-packages/cryptography_vectors'
  if (existsSync(folder)) return folder
  process.stderr.write(
    `NIST's vectors are absent (${folder}): tests over them are skipped; apt-get install python3-cryptography-vectors\n`,
  )
  return undefined
}

/** A vector: what stands in its block, and before it for all of its kind. */
export class CavpVector {
  readonly #fields: ReadonlyMap<string, string>

  constructor(fields: ReadonlyMap<string, string>) {
    this.#fields = fields
  }

  has(name: string): boolean {
    return this.#fields.has(name)
  }

  text(name: string): string {
    const value = this.#fields.get(name)
    if (value === undefined) throw new Error(`the vector has no ${name}: ${this.toString()}`)
    return value
  }

  number(name: string): number {
    return Number(this.text(name))
  }

  /** A field in hexadecimal. */
  bytes(name: string): Buffer {
    const text = this.text(name)
    return Buffer.from(text.padStart(text.length + (text.length % 2), '0'), 'hex')
  }

  toString(): string {
    return [...this.#fields].map(([name, value]) => `${name}=${value.slice(0, 40)}`).join(' ')
  }
}

/**
 * The vectors of a file: blocks that have the field `result`, or the word FAIL. What other blocks and lines in brackets say holds until it is said
 * anew; the name in brackets that says nothing else is `section`.
 */
export function cavpVectors(path: string, result: string): CavpVector[] {
  const vectors: CavpVector[] = []
  const shared = new Map<string, string>()
  for (const block of readFileSync(path, 'latin1')
    .replaceAll('\r', '')
    .split(/\n\s*\n/u)) {
    const fields = new Map<string, string>()
    for (const line of block.split('\n').filter((one) => !one.startsWith('#'))) {
      const inBrackets = /^\[(.*)\]\s*$/u.exec(line)?.[1]
      if (inBrackets !== undefined) {
        for (const part of inBrackets.includes('=') ? inBrackets.split(',') : [`section=${inBrackets}`]) {
          const [name, value] = part.split('=')
          shared.set(name!.trim(), value!.trim())
        }
        continue
      }
      const [, name, value] = /^\s*([\w ]+?)\s*=\s*(.*?)\s*$/u.exec(line) ?? []
      if (name !== undefined) fields.set(name, value!)
      else if (line.trim() === 'FAIL') fields.set('FAIL', 'true')
    }
    if (fields.has(result) || fields.has('FAIL')) vectors.push(new CavpVector(new Map([...shared, ...fields])))
    else for (const [name, value] of fields) shared.set(name, value)
  }
  return vectors
}

/** The files of a folder whose names are like that. */
export function cavpFiles(folder: string, name: RegExp): string[] {
  return readdirSync(folder)
    .filter((file) => name.test(file))
    .sort()
    .map((file) => join(folder, file))
}
