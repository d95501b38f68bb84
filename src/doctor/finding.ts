/** One thing that was looked at. */
export interface Finding {
  readonly check: string
  /** `wrong`: a server of production does not start with it, or its keys are open to others. `warning`: it can be better. */
  readonly state: 'good' | 'warning' | 'wrong'
  /** What is so, as a sentence or a figure. */
  readonly found: string
  /** The line that would change it; absent where nothing is to be done. */
  readonly remedy?: string
}
