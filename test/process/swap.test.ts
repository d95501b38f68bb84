import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { exposedSwap, readSwap } from '../../src/process/swap.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'krypton-swap-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const write = (path: string, content: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), content)
}
const swaps = (...names: readonly string[]): void =>
  write('proc/swaps', `Filename\t\t\t\tType\n${names.map((name) => `${name}  file\t\t1\t0\t-2\n`).join('')}`)

/** `major:minor` of the file system that the fixture's files lie on: the machine's own, whatever it is. */
function deviceOf(file: string): string {
  const { dev } = statSync(file)
  return `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`
}

describe('swap', () => {
  it('is none where the kernel names none', () => {
    swaps()
    expect(readSwap(root)).toEqual({ spaces: [], keptOut: false })
    expect(readSwap(join(root, 'nothing'))).toEqual({ spaces: [], keptOut: false })
  })

  it('in compressed memory is on no disk, unless a device lies behind it', () => {
    swaps('/dev/zram0', '/dev/zram1')
    write('sys/block/zram0/backing_dev', 'none\n')
    write('sys/block/zram1/backing_dev', '/dev/sda3\n')
    const { spaces } = readSwap(root)
    expect(spaces.map(({ protection }) => protection)).toEqual(['memory', 'unknown'])
  })

  it('is encrypted where everything below it is dm-crypt, and in the clear where a part is not', () => {
    swaps('/swap\\040file')
    write('swap file', '')
    const device = `sys/dev/block/${deviceOf(join(root, 'swap file'))}`
    write(`${device}/dm/uuid`, 'CRYPT-PLAIN-swap')
    expect(readSwap(root).spaces).toEqual([{ name: '/swap file', protection: 'encrypted' }])

    write(`${device}/dm/uuid`, 'LVM-volume')
    write('sys/class/block/dm-1/dm/uuid', 'CRYPT-LUKS2-disk')
    mkdirSync(join(root, device, 'slaves/dm-1'), { recursive: true })
    expect(exposedSwap(readSwap(root))).toEqual([])

    mkdirSync(join(root, device, 'slaves/sdb1'))
    mkdirSync(join(root, 'sys/class/block/sdb1'), { recursive: true })
    expect(exposedSwap(readSwap(root))).toEqual(['/swap file'])
  })

  it('that cannot be looked at is said to be unknown', () => {
    swaps('/swapfile')
    write('swapfile', '')
    expect(readSwap(root).spaces).toEqual([{ name: '/swapfile', protection: 'unknown' }])
    expect(exposedSwap(readSwap(root))).toEqual(['/swapfile (what lies below it cannot be seen)'])
  })

  it('does not matter where the control group has none, whichever group above says so', () => {
    swaps('/swapfile')
    write('proc/self/cgroup', '0::/system.slice/krypton.service\n')
    write('sys/fs/cgroup/system.slice/krypton.service/memory.swap.max', 'max\n')
    expect(readSwap(root).keptOut).toBe(false)
    write('sys/fs/cgroup/system.slice/memory.swap.max', '0\n')
    expect(exposedSwap(readSwap(root))).toEqual([])
    write('proc/self/cgroup', '0::/\n')
    write('sys/fs/cgroup/memory.swap.max', '0\n')
    expect(readSwap(root).keptOut).toBe(true)
  })
})
