import { InvalidArgumentError } from 'commander'
import { closeSync, existsSync, openSync, rmSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'

/** What flags of the benches take. Each of these reads one value, and throws commander's InvalidArgumentError with what is allowed. */

/** 0 seconds or more, fractions too. */
export function seconds(text: string): number {
  return number(text, 0, limits.benchSecondsMax)
}

/** More than 0 seconds, fractions too. */
export function someSeconds(text: string): number {
  return number(text, Number.MIN_VALUE, limits.benchSecondsMax)
}

/** More than 0 milliseconds. */
export function milliseconds(text: string): number {
  return number(text, Number.MIN_VALUE, limits.benchSecondsMax * 1000)
}

/** Tasks a second, of all processes. */
export function rate(text: string): number {
  return number(text, Number.MIN_VALUE, limits.benchRateMax)
}

/** A count of things. */
export function count(text: string): number {
  return whole(text, 1, limits.benchCountMax)
}

/** Connections, or clients that connect for each request. */
export function connections(text: string): number {
  return whole(text, 1, limits.benchConnectionsMax)
}

/** Several numbers of connections, with commas between. */
export function listOfConnections(text: string): number[] {
  return text.split(',').map(connections)
}

/** Requests in flight on a connection. */
export function depth(text: string): number {
  return whole(text, 1, limits.benchDepthMax)
}

/** Client processes. */
export function processes(text: string): number {
  return whole(text, 1, limits.benchProcessesMax)
}

/** A TCP port that somebody may listen on. */
export function port(text: string): number {
  return whole(text, 1, 65_535)
}

/** A name or an address, as it is. */
export function host(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('It must be a name or an address.')
  return text
}

/** Cores as taskset(1) takes them: '1', '2-7', '0,2-3'. */
export function cores(text: string): string {
  const parts = text.split(',').map((part) => /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part))
  if (parts.some((part) => part === null || Number(part[2] ?? part[1]) < Number(part[1])))
    throw new InvalidArgumentError('It must be numbers of cores, as in 1, 2-7 or 0,2-3.')
  return text
}

/** Throws 'usage' when `file`, which `flag` names, cannot be written: a bench of minutes must not end so. */
export function checkWritable(flag: string, file: string): void {
  const place = resolve(file)
  const wrong = (what: string): KryptonError =>
    new KryptonError('usage', `${flag} ${file}: ${what}: name a file that can be written`)
  const there = statSync(place, { throwIfNoEntry: false })
  if (file === '' || there?.isDirectory() === true) throw wrong('that is no name of a file')
  if (!existsSync(dirname(place))) throw wrong(`there is no folder ${dirname(place)}`)
  try {
    closeSync(openSync(place, 'a'))
    if (there === undefined) rmSync(place)
  } catch (error) {
    throw wrong(`it cannot be written (${(error as NodeJS.ErrnoException).code})`) // what a file system throws is one
  }
}

function whole(text: string, min: number, max: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < min || value > max)
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
  return value
}

function number(text: string, min: number, max: number): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= min && value <= max))
    throw new InvalidArgumentError(`It must be a number${min > 0 ? ' above 0' : ' from 0 on'}, at most ${max}.`)
  return value
}
