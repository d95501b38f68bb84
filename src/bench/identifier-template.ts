import { Tag } from './tags.ts'
import { findChild } from './ttlv.ts'

/**
 * Requests that differ in their Unique Identifier only, made by a copy and a patch. Identifiers come from the server while
 * the clock runs, so building the message anew would be the generator's largest cost; a template is kept per length.
 */
export class IdentifierTemplate {
  readonly #build: (identifier: string) => Buffer
  readonly #byLength = new Map<number, { bytes: Buffer; offset: number }>()

  constructor(build: (identifier: string) => Buffer) {
    this.#build = build
  }

  /** The request for `identifier`, in a buffer of its own. */
  for(identifier: string): Buffer {
    // Only one byte a character can be patched in by length; any other identifier is built whole.
    if (!/^[\x20-\x7e]*$/.test(identifier)) return this.#build(identifier)
    let template = this.#byLength.get(identifier.length)
    if (!template) {
      const bytes = this.#build('-'.repeat(identifier.length))
      template = { bytes, offset: identifierOffset(bytes) }
      this.#byLength.set(identifier.length, template)
    }
    const request = Buffer.from(template.bytes)
    request.write(identifier, template.offset, 'latin1')
    return request
  }
}

function identifierOffset(request: Buffer): number {
  let start = 8
  let end = request.length
  for (const tag of [Tag.BatchItem, Tag.RequestPayload]) {
    const at = findChild(request, start, end, tag)
    start = at + 8
    end = start + request.readUInt32BE(at + 4)
  }
  const at = findChild(request, start, end, Tag.UniqueIdentifier)
  if (at < 0) throw new Error('a template needs a Unique Identifier in its payload')
  return at + 8
}
