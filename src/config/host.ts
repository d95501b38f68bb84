import { isIP } from 'node:net'

/** An IP address, or a host name by RFC 1123 section 2.1: labels of letters, digits and hyphens, 253 characters at most. */
export function isHost(text: string): boolean {
  if (isIP(text) !== 0) return true
  // Four numbers with dots that are no address are a mistake in one, not a name.
  if (text.length > 253 || /^[\d.]+$/.test(text)) return false
  return text.split('.').every((label) => /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label))
}
