import type { IncomingMessage } from 'node:http'
import { isKryptonError } from '../errors.ts'
import { messageEncodings } from '../kmip/encodings/message-encodings.ts'
import { limits } from '../limits.ts'
import { unknownClient } from './kmip-responder.ts'

/** RFC 9457: what is answered where there is no KMIP message to answer. */
export interface HttpProblem {
  readonly status: number
  readonly title: string
  /** What to do next. */
  readonly detail: string
  /** The methods that the resource has, with 405. */
  readonly allow?: string
  /** The rest of the request is not read: the connection ends with this answer. */
  readonly close?: true
}

/** Why a request is refused by its headers, in the order in which they are looked at; undefined when its body may come. */
export function refusalOf(request: IncomingMessage): HttpProblem | undefined {
  const { headers, method, url } = request
  if (url !== kmipPath) return { status: 404, title: 'Not Found', detail: `Send messages to ${kmipPath}` }
  if (method !== 'POST')
    return { status: 405, title: 'Method Not Allowed', detail: 'Send each message with POST', allow: 'POST' }
  const [type = '', ...parameters] = (headers['content-type'] ?? '').toLowerCase().split(';')
  if (!messageEncodings.has(type.trim()) || parameters.some((one) => !/^\s*charset="?utf-8"?\s*$/.test(one)))
    return {
      status: 415,
      title: 'Unsupported Media Type',
      detail: `Send a Content-Type of ${[...messageEncodings.keys()].join(', ')}, in UTF-8 where it is text`,
    }
  if (headers['content-encoding'] !== undefined)
    return { status: 415, title: 'Unsupported Media Type', detail: 'Send messages without a Content-Encoding' }
  const length = headers['content-length']
  if (length === undefined || headers['transfer-encoding'] !== undefined)
    return {
      status: 411,
      title: 'Length Required',
      detail: 'Send a Content-Length, and no Transfer-Encoding',
      close: true,
    }
  const bytesMax =
    messageEncodings.get(type.trim()) === undefined ? limits.frameBytesMaxKnown : limits.textMessageBytesMax
  if (Number(length) > bytesMax)
    return {
      status: 413,
      title: 'Content Too Large',
      detail: `Send messages of at most ${bytesMax} bytes in this encoding`,
      close: true,
    }
  return undefined
}

/** The problem of a message that could not be read, or of an answer that could not be written. */
export function problemOf(error: unknown): HttpProblem {
  if (!isKryptonError(error))
    return { status: 500, title: 'Internal Server Error', detail: 'The server failed, its log says why' }
  if (error.code === 'feature-not-supported')
    return { status: 500, title: 'Internal Server Error', detail: error.message }
  if (error.code === 'overloaded') return { status: 503, title: 'Service Unavailable', detail: error.message }
  return { status: 400, title: 'Bad Request', detail: error.message }
}

/** The same for all that are unknown; the log says why. */
export const unknownClientProblem: HttpProblem = { status: 403, title: 'Forbidden', detail: unknownClient.message }

/** Bytes that are no HTTP, or headers that are too long. */
export function unreadable(code: string | undefined): HttpProblem {
  return code === 'HPE_HEADER_OVERFLOW'
    ? {
        status: 431,
        title: 'Request Header Fields Too Large',
        detail: `Send headers of at most ${limits.httpHeaderBytesMax} bytes`,
      }
    : { status: 400, title: 'Bad Request', detail: 'Send HTTP/1.1' }
}

/** Section 2.3. */
const kmipPath = '/kmip'
