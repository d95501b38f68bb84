import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'

const module = new URL('../../src/process/wipe-at-end.ts', import.meta.url).href

/** What a process that asks for its wipe prints, when it ends by `end`. */
function printed(end: string, where: 'main' | 'worker'): string {
  const body = `import { writeSync } from 'node:fs'
    const { wipeAtEnd } = await import(${JSON.stringify(module)})
    const takeBack = wipeAtEnd(() => writeSync(1, 'wiped'))
    ${end}`
  const program =
    where === 'main'
      ? body
      : `import { Worker } from 'node:worker_threads'
         new Worker(new URL(${JSON.stringify(`data:text/javascript,${encodeURIComponent(body)}`)})).on('error', () => undefined)`
  return spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }).stdout
}

describe('what is to be wiped at the end', () => {
  it.each([
    ['a return', ''],
    ['process.exit', 'process.exit(3)'],
    ['an error that nobody catches', 'setTimeout(() => { throw new Error("x") }, 1)'],
    ['a promise that nobody catches', 'void Promise.reject(new Error("x"))'],
  ])('is wiped by a thread that ends by %s', (_, end) => {
    expect(printed(end, 'main')).toBe('wiped')
    expect(printed(end, 'worker')).toBe('wiped')
  })

  it('is left alone when the request was taken back', () => {
    expect(printed('takeBack()', 'main')).toBe('')
  })
})
