/** A text as one word of a line that a person pastes into a shell: in quotes where the shell would make something else of it. */
export function shellWord(text: string): string {
  return /^[\w./:@,+%=][\w./:@,+%=-]*$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
