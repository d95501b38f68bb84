/** A system call of a traced process. Places count the lines of the trace: a call that others interrupt has two. */
export interface SystemCall {
  readonly name: string
  /** What its descriptor was open on, as `strace -yy` shows it. */
  readonly target: string
  readonly begunAt: number
  readonly returnedAt: number
  /** Negative when it failed, or when the process died in it. */
  readonly result: number
  /** Its arguments, or the beginning of them. */
  readonly text: string
}

/** The command that traces `calls` of a process and its threads to `file`. */
export function tracer(calls: readonly string[], file: string): string[] {
  return ['strace', '-f', '-yy', '-qq', '-s', '16', '-e', `trace=${calls.join(',')}`, '-e', 'signal=none', '-o', file]
}

/** The calls of a trace in the order in which they began. */
export function systemCallsIn(trace: string): SystemCall[] {
  const calls: SystemCall[] = []
  const pending = new Map<string, { text: string; begunAt: number; place: number }>()
  const lines = trace.split('\n')
  for (const [at, line] of lines.entries()) {
    const [, thread, text] = /^(\d+)\s+(.*)$/u.exec(line) ?? []
    if (thread === undefined || text === undefined) continue
    if (text.endsWith('<unfinished ...>')) {
      pending.set(thread, { text, begunAt: at, place: calls.length })
      // it may never return
      calls.push(callOf(text, at, Number.POSITIVE_INFINITY))
    } else if (text.startsWith('<... ')) {
      const begun = pending.get(thread)
      pending.delete(thread)
      if (begun !== undefined) calls[begun.place] = callOf(begun.text, begun.begunAt, at, resultOf(text))
    } else if (/^\w+\(/u.test(text)) {
      calls.push(callOf(text, at, at, resultOf(text)))
    }
  }
  return calls
}

function callOf(text: string, begunAt: number, returnedAt: number, result = -1): SystemCall {
  const [, name, target] = /^(\w+)\((?:\d+<(.*?)>(?=[,)\s]))?/u.exec(text) ?? []
  return { name: name ?? '', target: target ?? '', begunAt, returnedAt, result, text }
}

function resultOf(text: string): number {
  return Number(/\) += (-?\d+)/u.exec(text)?.[1] ?? -1)
}
