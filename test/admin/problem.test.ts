import { describe, expect, it } from 'vitest'
import { problemOf } from '../../src/admin/problem.ts'
import { KryptonError } from '../../src/errors.ts'

describe('problemOf', () => {
  it('says what to do, with the code by which a program decides', () => {
    expect(problemOf(new KryptonError('not-found', 'there is no tenant x'))).toEqual({
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      detail: 'there is no tenant x',
      code: 'not-found',
    })
  })

  it('answers a code without a status of its own with 500', () => {
    expect(problemOf(new KryptonError('random-failed', 'no randomness')).status).toBe(500)
  })

  it('keeps what is not a KryptonError to itself', () => {
    expect(problemOf(new Error('inner'))).toMatchObject({ status: 500, code: 'internal' })
    expect(JSON.stringify(problemOf('text'))).not.toMatch(/text/)
  })
})
