import { frameToJson } from './frame-to-json.ts'
import { frameToXml } from './frame-to-xml.ts'
import { jsonToFrame } from './json-to-frame.ts'
import { xmlToFrame } from './xml-to-frame.ts'

/** One way to write messages that is not TTLV. Nothing that is given or taken is kept or wiped: that is for who calls. */
export interface MessageEncoding {
  /** @throws KryptonError frame-*: what is wrong with the message */
  toFrame(message: Buffer): Buffer
  /** @throws KryptonError feature-not-supported: the encoding cannot write this answer */
  fromFrame(frame: Buffer): Buffer
}

/** By the Content-Type that HTTP names them with (KMIP Additional Message Encodings 1.0, section 2.4); undefined: the body is TTLV. */
export const messageEncodings: ReadonlyMap<string, MessageEncoding | undefined> = new Map([
  ['application/octet-stream', undefined],
  ['application/json', { toFrame: jsonToFrame, fromFrame: frameToJson }],
  ['text/xml', { toFrame: xmlToFrame, fromFrame: frameToXml }],
])
