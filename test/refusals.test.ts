import { describe, expect, it } from 'vitest'
import { errorCodes } from '../src/errors.ts'
import { readSources } from './support/source-tree.ts'
import { enumTables, ResultReason } from '../src/kmip/enums.ts'
import { codesOfExpectedReasons, expectedCodes, mentionedCodes, thrownCodes } from './support/thrown-codes.ts'

const sources = readSources('src')
const tests = new Map([...readSources('test')].filter(([path]) => path !== 'test/refusals.test.ts'))

/** The specification's name of a Result Reason, as tests of operations expect it. */
const wordOf = (reason: string): string | undefined =>
  enumTables.ResultReason.get(ResultReason[reason as keyof typeof ResultReason])?.name

describe('every refusal', () => {
  it('is found where it is thrown, and counts as tested only where it is expected', () => {
    const planted = new Map([
      ['src/x.ts', "throw new KryptonError(\n  'item-not-found',\n  'x')\n// new KryptonError('usage', "],
    ])
    expect([...thrownCodes(planted).keys()]).toEqual(['item-not-found'])
    const expecting = (text: string) => [...expectedCodes(new Map([['test/x.test.ts', text]]), errorCodes)]
    expect(expecting("toMatchObject({ code: 'usage' })")).toEqual(['usage'])
    expect(expecting("expect(error.code).toBe('usage')")).toEqual(['usage'])
    expect(expecting("expectRefusal(() => act(), 'usage')")).toEqual(['usage'])
    expect(expecting("const word = 'usage'\nit('is about usage', () => {})")).toEqual([])
    expect(expecting("// code: 'usage'")).toEqual([])
    const inWords = (text: string) => [
      ...codesOfExpectedReasons(new Map([['test/x.test.ts', text]]), "'usage': ResultReason.ItemNotFound,", wordOf),
    ]
    expect(inWords("expect(refusal.reason).toBe('Item Not Found')")).toEqual(['usage'])
    expect(inWords("expect(refusal.reason).toBe('Permission Denied')")).toEqual([])
    expect(inWords("test('Item Not Found', () => {})")).toEqual([])
  })

  it('has a test that provokes it', () => {
    const inWords = codesOfExpectedReasons(tests, sources.get('src/operations/result.ts')!, wordOf)
    const expected = expectedCodes(tests, errorCodes).union(inWords)
    const without = [...thrownCodes(sources)].filter(([code]) => !expected.has(code))
    expect(without.map(([code, paths]) => `${code} (${[...new Set(paths)].join(', ')})`)).toEqual([])
  })

  it('is in the list of codes because somebody throws it', () => {
    const mentioned = mentionedCodes(sources, errorCodes)
    expect(errorCodes.filter((code) => !mentioned.has(code))).toEqual([])
  })
})
