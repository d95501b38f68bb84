import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

/** Another commit of this repository, checked out and built beside it. */
export interface OtherCommit {
  /** Abbreviated, as git does it. */
  readonly name: string
  readonly executable: string
  /** Takes the worktree away again. */
  remove(): void
}

/**
 * Checks a commit out into a worktree in the temporary folder and builds its addon. It has this checkout's packages when its lock file is the same, else npm installs its own.
 * Throws when there is no such commit, or when it has no server.
 */
export function checkOut(commit: string): OtherCommit {
  const name = git('rev-parse', '--short', '--verify', '--quiet', '--end-of-options', `${commit}^{commit}`)
  const parent = mkdtempSync(join(tmpdir(), 'bench-against-'))
  const directory = join(parent, name)
  const remove = (): void => {
    process.off('exit', remove)
    rmSync(parent, { recursive: true, force: true })
    git('worktree', 'prune')
  }
  // An interrupted run ends there.
  process.once('exit', remove)
  try {
    git('worktree', 'add', '--detach', '--quiet', directory, name)
    const run = (command: string, ...args: string[]): void =>
      void execFileSync(command, args, { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] })
    const [own, other] = [root, directory].map((folder) => readFileSync(join(folder, 'package-lock.json')))
    if (own!.equals(other!)) {
      symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'))
      run(process.execPath, 'scripts/build-addon.cjs')
    } else run('npm', 'ci', '--loglevel=error')
    return { name, executable: join(directory, 'bin/krypton'), remove }
  } catch (error) {
    remove()
    throw error
  }
}

function git(...args: readonly string[]): string {
  try {
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
  } catch (cause) {
    throw new Error(`git ${args[0]} failed: name a commit of this repository, in a clone that has it`, { cause })
  }
}
