import { withoutComments, type SourceTree } from './source-tree.ts'

/** Where each code is made into an error: `new KryptonError('code'`, or a choice between two codes. */
export function thrownCodes(sources: SourceTree): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const [path, text] of sources)
    for (const match of withoutComments(text).matchAll(/new KryptonError\(\s*([^,]*?),/g))
      for (const literal of (match[1] ?? '').matchAll(/'([a-z-]+)'/g)) add(found, literal[1] ?? '', path)
  return found
}

/**
 * Codes that the sources use outside errors.ts, also those that reach the constructor through a name or an argument. The key
 * of a table (`'code': …`) is no use: the tables that answer a code know codes that nobody throws.
 */
export function mentionedCodes(sources: SourceTree, codes: readonly string[]): Set<string> {
  const texts = [...sources].filter(([path]) => path !== 'src/errors.ts').map(([, text]) => withoutComments(text))
  return new Set(codes.filter((code) => texts.some((text) => new RegExp(`'${code}'(?!\\s*:)`).test(text))))
}

/**
 * Codes that a test expects: the literal stands as `code: 'x'` in an object that is matched, or as the argument of a helper
 * named after what it does (`refuses(…, 'x')`, `expectRefusal`, `toThrowCode`, `rejectsWith`), or compared with an error's code.
 */
export function expectedCodes(tests: SourceTree, codes: readonly string[]): Set<string> {
  const found = new Set<string>()
  for (const [, text] of tests) {
    const plain = withoutComments(text)
    for (const form of expectations)
      for (const match of plain.matchAll(form))
        for (const literal of match[0].matchAll(/'([a-z-]+)'/g))
          if (codes.includes(literal[1] ?? '')) found.add(literal[1] ?? '')
  }
  return found
}

/**
 * Codes whose Result Reason a test expects in KMIP's words: `reason).toBe('Item Not Found')`. `reasons` is the table of
 * `operations/result.ts` as text; codes that share a reason are all told by it.
 */
export function codesOfExpectedReasons(
  tests: SourceTree,
  reasons: string,
  wordOf: (reason: string) => string | undefined,
): Set<string> {
  const words = new Set<string>()
  for (const [, text] of tests)
    for (const match of withoutComments(text).matchAll(/\breason\b[^;\n]{0,40}(?:toBe|toEqual)\(\s*'([A-Za-z ]+)'/g))
      words.add(match[1] ?? '')
  const found = new Set<string>()
  for (const match of withoutComments(reasons).matchAll(/'?([a-z-]+)'?: ResultReason\.(\w+)/g)) {
    const word = wordOf(match[2] ?? '')
    if (word !== undefined && words.has(word)) found.add(match[1] ?? '')
  }
  return found
}

/** Forms of an expectation of a code. Bounded, so that a literal far away from the expectation does not count. */
const expectations = [
  /\bcode:\s*'[a-z-]+'/g,
  /\bcode\b[^;\n]{0,40}\)\s*\.(?:toBe|toEqual|toStrictEqual)\(\s*'[a-z-]+'/g,
  /\b\w*(?:[rR]efus|[rR]eject|[tT]hrow|[fF]ail|[cC]ode)\w*\([^;]{0,300}?'[a-z-]+'/g,
]

function add(found: Map<string, string[]>, code: string, path: string): void {
  found.set(code, [...(found.get(code) ?? []), path])
}
