import { KryptonError, type ErrorCode } from '../errors.ts'
import { formOf } from './schemas.ts'

/** RFC 9457: what a refused request is answered with, as `application/problem+json`. */
export interface Problem {
  readonly type: 'about:blank'
  readonly title: string
  readonly status: number
  /** What to do next. */
  readonly detail: string
  /** Krypton's own code, by which a program decides. */
  readonly code: string
}

/**
 * The problem that tells `error` to an administrator: the only such mapping. What is not a KryptonError is a fault of
 * ours: the answer says so and no more.
 */
export function problemOf(error: unknown): Problem {
  if (error instanceof KryptonError) return problem(statuses[error.code] ?? 500, error.code, error.message)
  if (isRequestFault(error)) return problem(error.statusCode, 'usage', requestFault(error))
  return problem(500, 'internal', 'the server failed, its log says why')
}

/** The answer for a route that does not exist. */
export function noSuchRoute(method: string, url: string): Problem {
  return problem(404, 'not-found', `${method} ${url} is no route: /v1/openapi.json lists them`)
}

function problem(status: number, code: string, detail: string): Problem {
  return { type: 'about:blank', title: titles[status] ?? 'Internal Server Error', status, detail, code }
}

/** The schema's finding in words; a name that it does not know is called by that name, and a form that a text does not have is said without its pattern. */
function requestFault(error: Error): string {
  const findings: unknown = 'validation' in error ? error.validation : undefined
  const [first]: unknown[] = Array.isArray(findings) ? findings : []
  if (typeof first !== 'object' || first === null || !('params' in first)) return error.message
  const { params } = first
  if (typeof params !== 'object' || params === null) return error.message
  const form = 'pattern' in params ? formOf(String(params.pattern)) : undefined
  if (form !== undefined && 'instancePath' in first)
    return `${String(first.instancePath).slice(1)} must be of this form: ${form}`
  if (!('additionalProperty' in params)) return error.message
  const name = String(params.additionalProperty).slice(0, shownCharacters)
  return `the body has a field ${name}, which is not known: /v1/openapi.json describes those that are`
}

const shownCharacters = 40

/** Fastify's own refusals (a body that fits no schema, too large, no JSON) carry a status of the 400s. */
function isRequestFault(error: unknown): error is Error & { statusCode: number } {
  return (
    error instanceof Error &&
    'statusCode' in error &&
    typeof error.statusCode === 'number' &&
    error.statusCode >= 400 &&
    error.statusCode < 500
  )
}

/** A code that is not here is answered with 500. */
const statuses: Partial<Record<ErrorCode, number>> = {
  usage: 400,
  'invalid-field': 400,
  'missing-data': 400,
  'certificate-invalid': 400,
  'operation-not-supported': 400,
  'permission-denied': 403,
  'authentication-not-successful': 403,
  'not-found': 404,
  'item-not-found': 404,
  'already-exists': 409,
  'wrong-key-lifecycle-state': 409,
  'store-unique': 409,
  'store-conflict': 409,
  'rows-changed': 409,
  'external-key-disabled': 409,
  'external-key-denied': 409,
  'external-key-not-found': 409,
  'external-key-mismatch': 409,
  'external-key-unreachable': 503,
  'external-key-throttled': 503,
  'seal-failed': 503,
  'not-healthy': 503,
  'store-failed': 503,
  overloaded: 503,
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
  503: 'Service Unavailable',
}
