import type { RoleRule } from '../admin/client.ts'
import { KryptonError } from '../errors.ts'

/** Rules of roles as people write them: `get,locate types=symmetric-key groups=cards,"blue cards"`. */

export const ruleForm =
  'operations or roles, with commas; then, where it is about some objects only, types=... and groups=... (may be repeated); names with spaces, commas or quotes stand in "..."'

/** Reads a rule. Between double quotes everything is a part of the name; \\ takes a quote or a backslash into it. @throws KryptonError usage */
export function ruleOf(text: string): RoleRule {
  const [operations, ...others] = wordsOf(text)
  const rule: { -readonly [K in keyof RoleRule]: RoleRule[K] } = { operations: namesIn(operations ?? [], text) }
  for (const [first = '', ...more] of others) {
    const at = first.indexOf('=')
    const name = first.slice(0, at)
    const names = [first.slice(at + 1), ...more]
    if (name === 'types' && rule.objectTypes === undefined) rule.objectTypes = namesIn(names, text)
    else if (name === 'groups' && rule.objectGroups === undefined) rule.objectGroups = namesIn(names, text)
    else throw noRule(text)
  }
  return rule
}

/** A rule as `ruleOf` reads it, by names as they are typed: the server shows those of the specification. */
export function textOfRule({ operations, objectTypes, objectGroups }: RoleRule): string {
  return [
    operations.map(typed).join(','),
    objectTypes && `types=${objectTypes.map(typed).join(',')}`,
    objectGroups && `groups=${objectGroups.map(quoted).join(',')}`,
  ]
    .filter((part) => part !== undefined)
    .join(' ')
}

/** Words between spaces, each of names between commas. */
function wordsOf(text: string): string[][] {
  const words: string[][] = []
  let names: string[] | undefined
  let isQuoted = false
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!
    if (!isQuoted && /\s/u.test(character)) {
      if (names !== undefined) words.push(names)
      names = undefined
      continue
    }
    names ??= ['']
    if (character === '"') isQuoted = !isQuoted
    else if (character === ',' && !isQuoted) names.push('')
    else names[names.length - 1] += character === '\\' && isQuoted ? (text[++i] ?? '') : character
  }
  if (isQuoted) throw noRule(text)
  return names === undefined ? words : [...words, names]
}

function namesIn(names: readonly string[], rule: string): readonly string[] {
  if (names.length === 0 || names.includes('')) throw noRule(rule)
  return names
}

function typed(name: string): string {
  return name.toLowerCase().replaceAll(' ', '-')
}

function quoted(name: string): string {
  return /^[\p{L}\p{N}._:@/+=*-]+$/u.test(name) ? name : `"${name.replaceAll(/["\\]/gu, '\\$&')}"`
}

function noRule(text: string): KryptonError {
  return new KryptonError(
    'usage',
    `--rule takes ${ruleForm}, such as 'get,locate types=symmetric-key groups=cards', not '${text.slice(0, 60)}'`,
  )
}
