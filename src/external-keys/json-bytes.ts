/**
 * The text at `path` in a JSON document, as a view of the document's own bytes between the quotes: it may be a key, which must not become a string, as
 * `JSON.parse` would make one. Undefined where there is no such text, or one with an escape in it, or a document that is not well-formed up to there.
 */
export function textAt(json: Uint8Array, path: readonly string[]): Uint8Array | undefined {
  let at = afterSpace(json, 0)
  for (const name of path) {
    at = memberOf(json, at, Buffer.from(name))
    if (at === none) return undefined
  }
  const end = endOfText(json, at)
  if (end === none) return undefined
  const text = json.subarray(at + 1, end - 1)
  return text.includes(backslash) ? undefined : text
}

/** Where the value of the member `name` of the object at `start` begins. */
function memberOf(json: Uint8Array, start: number, name: Buffer): number {
  if (json[start] !== openBrace) return none
  let at = afterSpace(json, start + 1)
  while (at < json.byteLength) {
    const end = endOfText(json, at)
    if (end === none) return none
    const isIt = name.equals(json.subarray(at + 1, end - 1))
    at = afterSpace(json, end)
    if (json[at] !== colon) return none
    at = afterSpace(json, at + 1)
    if (isIt) return at
    at = endOfValue(json, at)
    if (at === none) return none
    at = afterSpace(json, at)
    if (json[at] !== comma) return none
    at = afterSpace(json, at + 1)
  }
  return none
}

/** Past the text whose quote is at `start`. */
function endOfText(json: Uint8Array, start: number): number {
  if (json[start] !== quote) return none
  for (let at = start + 1; at < json.byteLength; at++) {
    if (json[at] === backslash) at++
    else if (json[at] === quote) return at + 1
  }
  return none
}

/** Past the value at `start`. Brackets are counted, not matched by kind: a value that is not well-formed ends somewhere too. */
function endOfValue(json: Uint8Array, start: number): number {
  let depth = 0
  let at = start
  while (at < json.byteLength) {
    const byte = json[at]
    if (byte === quote) {
      at = endOfText(json, at)
      if (at === none || depth === 0) return at
      continue
    }
    const closes = byte === closeBrace || byte === closeBracket
    if (depth === 0 && (byte === comma || closes)) return at
    if (byte === openBrace || byte === openBracket) depth++
    if (closes && --depth === 0) return at + 1
    at++
  }
  return none
}

function afterSpace(json: Uint8Array, start: number): number {
  let at = start
  while (json[at] === 0x20 || json[at] === 0x0a || json[at] === 0x0d || json[at] === 0x09) at++
  return at
}

const none = -1
const [quote, backslash, colon, comma] = [0x22, 0x5c, 0x3a, 0x2c]
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d]
