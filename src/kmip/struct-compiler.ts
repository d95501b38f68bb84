import type { Description, Resume, StructCodec, TooNew } from './struct.ts'

/**
 * Straight-line code for one structure: as fast as code written by hand, half the time of the interpreter (bench/micro/codec.bench.ts).
 * Only the names of our own tables enter the code, and struct.ts has checked their form; nothing of a message ever does.
 * Returns undefined where Node forbids code generation (--disallow-code-generation-from-strings).
 */
export function compileStruct(description: Description, resume: Resume, tooNew: TooNew): StructCodec | undefined {
  if (!codeGenerationAllowed) return undefined
  const kinds = description.fields.map((field) => field.kind)
  const parameters = ['description', 'resume', 'tooNew', 'none', ...kinds.map((_, i) => `k${i}`)]
  const body = `'use strict'; return { read: ${readCode(description)}, ofFirst: ${ofFirstCode(description)}, size: ${sizeCode(description)}, write: ${writeCode(description)} }`
  // oxlint-disable-next-line typescript/no-implied-eval -- see above: the point of this file
  const build = new Function(...parameters, body) as (...values: unknown[]) => StructCodec
  return build(description, resume, tooNew, Object.freeze([]), ...kinds)
}

const codeGenerationAllowed = (() => {
  try {
    // oxlint-disable-next-line typescript/no-implied-eval -- asks whether the one above will be allowed
    return typeof new Function('') === 'function'
  } catch {
    return false
  }
})()

/** Fields in order; whatever else comes, `resume` takes over where this stands. */
function readCode({ fields, finish }: Description): string {
  let code =
    'function read(r, at) { const end = r.next(at), v = r.version; let p = at + 8, h = p < end ? r.head(p) : 0;\n'
  const absent: string[] = []
  fields.forEach(({ tag, kind, presence, acceptedSince }, i) => {
    const heads = kind.types.map((type) => `h === ${(tag << 8) | type}`).join(' || ')
    const test = acceptedSince > 10 ? `(${heads}) && v >= ${acceptedSince}` : heads
    const one = kind.methods === undefined ? `k${i}.read(r, p)` : `r.${kind.methods.read}(p)`
    const step = `p = ${kind.fixedSize === undefined ? 'r.next(p)' : `p + ${kind.fixedSize}`}; h = p < end ? r.head(p) : 0;`
    if (presence === 'required' || presence === 'optional') {
      code += `let f${i}; if (${test}) { f${i} = ${one}; ${step} }\n`
    } else {
      code += `let f${i}${presence === 'repeated' ? ' = none' : ''}; if (${test}) { f${i} = []; do { f${i}.push(${one}); ${step} } while (${heads}) }\n`
    }
    if (presence === 'required' || presence === 'oneOrMore') absent.push(` || f${i} === undefined`)
  })
  const values = fields.map((_, i) => `f${i}`).join(', ')
  code += `if (p !== end${absent.join('')}) return resume(description, r, p, end, [${values}]);\n`
  const literal = `{ ${fields.map(({ key }, i) => `${key}: f${i}`).join(', ')} }`
  return `${code}return ${finish === undefined ? literal : `description.finish(${literal}, r)`} }`
}

/** The same object that `read` makes, so that who reads it sees one shape. */
function ofFirstCode({ fields }: Description): string {
  const absent = fields
    .slice(1)
    .map(({ key, presence }) => `, ${key}: ${presence === 'repeated' ? 'none' : 'undefined'}`)
  return `function ofFirst(f0) { return { ${fields[0]?.key}: f0${absent.join('')} } }`
}

function sizeCode(description: Description): string {
  return `function size(o, v) { let n = 8;\n${sentCode(description, (i, one) => {
    const { kind } = description.fields[i]!
    return `n += ${kind.fixedSize ?? `k${i}.size(${one}, v)`};`
  })}return n }`
}

function writeCode(description: Description): string {
  return `function write(w, tag, o, v) { const start = w.begin(tag);\n${sentCode(description, (i, one) => {
    const { tag, kind } = description.fields[i]!
    if (kind.methods === undefined) return `k${i}.write(w, ${tag}, ${one}, v);`
    const { write } = kind.methods
    return write === 'word' ? `w.word(${(tag << 8) | kind.types[0]!}, ${one});` : `w.${write}(${tag}, ${one});`
  })}w.end(start) }`
}

function sentCode({ fields }: Description, one: (index: number, expression: string) => string): string {
  let code = ''
  fields.forEach(({ key, kind, presence, since, goesWith }, i) => {
    const other = fields.findIndex((field) => field.key === goesWith)
    const isHidden =
      fields[other]?.kind.visible === undefined ? '' : `f${other} !== undefined && !k${other}.visible(f${other}, v)`
    const test = `f${i} !== undefined${since > 10 ? ` && v >= ${since}` : ''}${isHidden && ` && !(${isHidden})`}`
    const single = presence === 'required' || presence === 'optional'
    code += `const f${i} = o.${key}; if (${test}) `
    if (!single) {
      const visible = kind.visible === undefined ? '' : `if (k${i}.visible(f${i}[i], v)) `
      code += `for (let i = 0; i < f${i}.length; i++) ${visible}{ ${one(i, `f${i}[i]`)} }\n`
    } else if (kind.visible === undefined) {
      code += `{ ${one(i, `f${i}`)} }\n`
    } else {
      const otherwise = presence === 'required' ? ` else throw tooNew(description, '${key}', v);` : ''
      code += `if (k${i}.visible(f${i}, v)) { ${one(i, `f${i}`)} }${otherwise}\n`
    }
  })
  return code
}
