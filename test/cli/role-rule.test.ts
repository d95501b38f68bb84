import { describe, expect, test } from 'vitest'
import { ruleOf, textOfRule } from '../../src/cli/role-rule.ts'

describe('a rule of a role', () => {
  test.each([
    ['get,locate', { operations: ['get', 'locate'] }],
    [
      'user types=symmetric-key groups=cards,wallets',
      { objectTypes: ['symmetric-key'], objectGroups: ['cards', 'wallets'] },
    ],
    ['get groups="blue cards",plain', { objectGroups: ['blue cards', 'plain'] }],
    ['get groups="Ann, Bob & Co" types=certificate', { objectGroups: ['Ann, Bob & Co'], objectTypes: ['certificate'] }],
    [
      String.raw`get groups="say \"so\"","back\\slash","; get"`,
      { objectGroups: ['say "so"', String.raw`back\slash`, '; get'] },
    ],
    ['get groups="it\'s"', { objectGroups: ["it's"] }],
    ['get groups=a=b,Schlüssel', { objectGroups: ['a=b', 'Schlüssel'] }],
  ])('%s is read, and shown so that it is read again', (text, expected) => {
    const rule = ruleOf(text)
    expect(rule).toMatchObject(expected)
    expect(ruleOf(textOfRule(rule))).toEqual(rule)
    expect(textOfRule(ruleOf(textOfRule(rule)))).toBe(textOfRule(rule))
  })

  test('is shown by names as they are typed', () => {
    const rule = { operations: ['Get Attributes', 'Re-key'], objectTypes: ['Symmetric Key'] }
    expect(textOfRule(rule)).toBe('get-attributes,re-key types=symmetric-key')
  })

  test('takes every name of a group, however it is written', () => {
    for (const character of ' \t\n,"\'\\=;:&|$é鍵🔑') {
      const objectGroups = [character, `a${character}`, `${character}b`, `a${character}${character}b`]
      expect(ruleOf(textOfRule({ operations: ['get'], objectGroups })).objectGroups).toEqual(objectGroups)
    }
  })

  test.each([
    '',
    'get groups=',
    'get groups="a',
    'get groups=a,,b',
    'get groups=""',
    'get blue cards',
    'get,',
    'get groups=a groups=b',
  ])('%s is refused with what a rule is', (text) => {
    expect(() => ruleOf(text)).toThrow(/--rule takes operations or roles/u)
  })
})
