/**
 * An object's identifier is 16 random bytes inside and a UUID's text on the wire (KMIP 1.4 section 3.1). Clients keep the text and send
 * it back as it is, so only the very text that was given out is an identifier.
 */
export function uniqueIdentifierOf(id: Buffer): string {
  const hex = id.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** The bytes behind a Unique Identifier; undefined for any other text: no object has it. */
export function parseUniqueIdentifier(text: string): Buffer | undefined {
  if (!form.test(text)) return undefined
  // Not in the pool, all of which an object that keeps its identifier would keep.
  const id = Buffer.allocUnsafeSlow(16)
  id.write(text.replaceAll('-', ''), 'hex')
  return id
}

const form = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
