import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A disk in a file, so that the moment of a power loss can be copied: what was not synced is in no copy. */
export class DiskImage {
  readonly #file: string
  /** Where the disk's files are while it is mounted. */
  readonly mounted: string

  private constructor(file: string, mounted: string) {
    this.#file = file
    this.mounted = mounted
    mkdirSync(mounted, { recursive: true })
  }

  /** Makes an empty disk under `root`. */
  static make(root: string, name: string): DiskImage {
    const image = new DiskImage(join(root, `${name}.img`), join(root, name))
    writeFileSync(image.#file, '')
    truncateSync(image.#file, imageBytes)
    run('mkfs.ext4', ['-q', '-F', image.#file])
    return image
  }

  /** The journal is written when somebody syncs, not by a clock, so that a copy is of one moment. */
  mount(): void {
    run('mount', ['-o', 'loop,commit=600', this.#file, this.mounted])
    mounted.add(this.mounted)
  }

  /** The disk as a power loss at this moment leaves it. Nothing may be writing. */
  copy(root: string, name: string): DiskImage {
    const image = new DiskImage(join(root, `${name}.img`), join(root, name))
    copyFileSync(this.#file, image.#file)
    return image
  }

  /** Unmounts it and forgets what is on it. */
  remove(): void {
    run('umount', [this.mounted])
    mounted.delete(this.mounted)
    rmSync(this.#file)
  }
}

/** Why disk images cannot be mounted here, or undefined when they can. */
export function whyNoImages(root: string): string | undefined {
  try {
    const image = DiskImage.make(root, 'probe')
    image.mount()
    image.remove()
    return undefined
  } catch (error) {
    return `no loop device can be mounted here: ${error instanceof Error ? error.message : String(error)}`
  }
}

function run(command: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} failed: ${stderr.trim()}`)
}

/** What must not stay mounted when this process ends. */
const mounted = new Set<string>()
process.on('exit', () => {
  for (const directory of mounted) spawnSync('umount', ['-l', directory])
})

const imageBytes = 64 * 1024 * 1024
