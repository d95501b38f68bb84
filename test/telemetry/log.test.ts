import { expect, test } from 'vitest'
import { KryptonError } from '../../src/errors.ts'
import { openLog } from '../../src/telemetry/log.ts'

function newLog(level: 'debug' | 'info' = 'debug') {
  const lines: string[] = []
  const log = openLog(level, (line) => lines.push(line))
  return { log, last: () => JSON.parse(lines.at(-1)!) as Record<string, unknown>, lines }
}

test('lines are JSON with their fields, and those of the log that they come from', () => {
  const { log, last } = newLog()
  log.with({ thread: 1 }).info('listening', { port: 5696 })
  expect(last()).toMatchObject({ msg: 'listening', thread: 1, port: 5696, level: 'info' })
  log.warn('careful')
  expect(last()).toMatchObject({ msg: 'careful', level: 'warn' })
  log.debug('detail', { absent: undefined })
  expect(last()).toMatchObject({ msg: 'detail', level: 'debug' })
})

test('lines below the level are not written', () => {
  const { log, lines } = newLog('info')
  log.debug('detail')
  expect(lines).toEqual([])
})

test('errors are written with code, stack and causes, and with nothing that hangs on them', () => {
  const { log, last } = newLog()
  const cause = Object.assign(new Error('the disk'), { input: 'a secret' })
  log.error('failed', new KryptonError('store-failed', 'look at the disk', { cause }), { table: 'objects' })
  expect(last()).toMatchObject({ msg: 'failed', table: 'objects', level: 'error' })
  expect(last().error).toContain('[store-failed]')
  expect(last().error).toContain('caused by: Error: the disk')
  expect(JSON.stringify(last())).not.toContain('a secret')
  log.fatal('ended', Buffer.from('a secret'))
  expect(last()).toMatchObject({ error: 'thrown: object', level: 'fatal' })
  log.error('nothing thrown')
  expect(last().error).toBeUndefined()
})
