import { expect, test } from 'vitest'
import { page } from '../../src/bench/page.ts'

test('a page of tables shows what they say as text, asks for nothing, and has no part where none was measured', () => {
  const table = { title: 'Start <now>', columns: ['what', 'ms'], rows: [['a & b', '12']], notes: ['seven starts'] }
  const html = page({ title: 'Bench', about: ['one machine'] }, [], [table])
  expect(html).toContain("default-src 'none'")
  expect(html).toContain('<h2>Start &lt;now&gt;</h2>')
  expect(html).toContain('<td>a &amp; b</td><td>12</td>')
  expect(html).toContain('<p>seven starts</p>')
  expect(html).not.toMatch(/https?:|<svg|p99/)
})
