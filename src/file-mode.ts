/** The mode of a file as chmod is told it, as 0400: its last bits alone. */
export function modeText(mode: number): string {
  return `0${(mode & 0o7777).toString(8).padStart(3, '0')}`
}
