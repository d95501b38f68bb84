import { Socket } from 'node:net'

/** Set by `bin/krypton` where it stays as our parent, under a Node that cannot put another in its place: the descriptor of a pipe that ends when it does. */
export const launcherVariable = 'KRYPTON_LAUNCHER_PIPE'

/**
 * Calls `ended` when the launcher that has started this process is gone, however that came: signals that are meant for us are then handed on by nobody. Whoever is started without one is never told.
 * Takes the variable out of `environment`: the pipe is no child's of ours.
 */
export function whenLauncherEnds(environment: NodeJS.ProcessEnv, ended: () => void): void {
  const descriptor = environment[launcherVariable]
  delete environment[launcherVariable]
  if (descriptor === undefined) return
  const pipe = new Socket({ fd: Number(descriptor), readable: true, writable: false })
  // It ends nobody's life but by ending, and nothing is ever written to it.
  pipe.unref()
  pipe.on('error', ended)
  pipe.on('end', ended)
  pipe.resume()
}
