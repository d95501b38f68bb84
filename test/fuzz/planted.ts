import { realTarget } from './target.ts'
import type { Target } from './target.ts'

/** Decoders with a defect of each sort that the oracles are there for. A run that does not find all of them says nothing about the real one. */
export const plantedTargets: readonly { readonly name: string; readonly finds: RegExp; readonly target: Target }[] = [
  {
    name: 'a request read by its shape whose padding is not looked at',
    finds: /read by its shape/,
    target: {
      ...realTarget,
      readShortRequest: (frame) => {
        const padded = Buffer.from(frame)
        padded.fill(0, padded.length - 1)
        return realTarget.readShortRequest(padded)
      },
    },
  },
  {
    name: 'an error that is no KryptonError, thrown for one value',
    finds: /planted: a field of undefined/,
    target: {
      ...realTarget,
      decodeRequest: (frame) => {
        const message = realTarget.decodeRequest(frame)
        const option = message.requestHeader.maximumResponseSize
        if (option !== undefined && option < 0) throw new TypeError('planted: a field of undefined')
        return message
      },
    },
  },
  {
    name: 'a length that is not checked before it is used',
    finds: /out of range/,
    target: {
      ...realTarget,
      decodeRequest: (frame) => {
        // the last byte of the first item in the header, before anything else has looked at the frame
        Buffer.from(frame).readUInt8(16 + Buffer.from(frame).readUInt32BE(12) - 1)
        return realTarget.decodeRequest(frame)
      },
    },
  },
  {
    name: 'a value that is not written as it was read',
    // The byte that is written otherwise may be padding: then what was written is not read again.
    finds: /encode\(decode\(x\)\) is not x|is not encoded alike|padding is zero/,
    target: {
      ...realTarget,
      encodeRequest: (message) => {
        const bytes = realTarget.encodeRequest(message)
        // an identifier with one of the last letters gets another last byte
        const payload = message.batchItems[0]?.requestPayload as { uniqueIdentifier?: string } | undefined
        if (/[p-z]/.test(payload?.uniqueIdentifier ?? '')) bytes[bytes.length - 1]! ^= 1
        return bytes
      },
    },
  },
  {
    name: 'an input that takes too long',
    finds: /took .* ms/,
    target: {
      ...realTarget,
      decodeRequest: (frame) => {
        const until = frame.length > 20_000 ? performance.now() + 60 : 0
        while (performance.now() < until);
        return realTarget.decodeRequest(frame)
      },
    },
  },
  {
    name: 'an error that is no KryptonError, thrown for an escape of JSON',
    finds: /planted: an escape/,
    target: {
      ...realTarget,
      jsonToFrame: (text) => {
        if (text.includes('\\ud83d')) throw new TypeError('planted: an escape')
        return realTarget.jsonToFrame(text)
      },
    },
  },
  {
    name: 'an item of XML that is lost',
    finds: /is not the frame that it was made of/,
    target: {
      ...realTarget,
      xmlToFrame: (text) => realTarget.xmlToFrame(Buffer.from(text.toString().replace(/<Operation [^>]*>/, ''))),
    },
  },
  {
    name: 'a frame that is cut one byte too late',
    finds: /the frame reader changed bytes/,
    target: {
      ...realTarget,
      cut: (reader, input) => {
        const frame = realTarget.cut(reader, input)
        return frame !== undefined && reader.pendingBytes > 8 ? frame.subarray(1) : frame
      },
    },
  },
]
