import { destination, type Logger, pino } from 'pino'

/** What may stand in a log line beside its message. No bytes: a key cannot be written by mistake. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal'

/** Structured lines for the operator, JSON, one a line. */
export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  /** `error` is written with its stack and causes: give it what was thrown. */
  error(message: string, error?: unknown, fields?: LogFields): void
  fatal(message: string, error?: unknown, fields?: LogFields): void
  /** A log whose lines all carry these fields too. */
  with(fields: LogFields): Log
}

/** Opens the log. Lines go to standard error, written before the call returns, or to `write`. */
export function openLog(level: LogLevel, write?: (line: string) => void): Log {
  const target = write === undefined ? destination({ fd: 2, sync: true }) : { write }
  return new PinoLog(
    pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: asWord } }, target),
  )
}

const asWord = (label: string): object => ({ level: label })

class PinoLog implements Log {
  readonly #logger: Logger

  constructor(logger: Logger) {
    this.#logger = logger
  }

  debug(message: string, fields: LogFields = {}): void {
    this.#logger.debug(fields, message)
  }

  info(message: string, fields: LogFields = {}): void {
    this.#logger.info(fields, message)
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#logger.warn(fields, message)
  }

  error(message: string, error?: unknown, fields: LogFields = {}): void {
    this.#logger.error({ ...fields, error: describe(error) }, message)
  }

  fatal(message: string, error?: unknown, fields: LogFields = {}): void {
    this.#logger.fatal({ ...fields, error: describe(error) }, message)
  }

  with(fields: LogFields): Log {
    return new PinoLog(this.#logger.child(fields))
  }
}

/** Name, code, stack and causes of an error; its other properties stay out, since a library may hang input on them. */
function describe(error: unknown, depth = 0): string | undefined {
  if (error === undefined) return undefined
  if (!(error instanceof Error)) return `thrown: ${typeof error}`
  const code = 'code' in error && typeof error.code === 'string' ? ` [${error.code}]` : ''
  const text = `${error.stack ?? error.message}${code}`
  const cause = depth < causesMax ? describe(error.cause, depth + 1) : undefined
  return cause === undefined ? text : `${text}\ncaused by: ${cause}`
}

const causesMax = 4
