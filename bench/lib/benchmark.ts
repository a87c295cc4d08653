/** What a benchmark is and what it hands back. `bench/run.ts` runs them, prints and keeps what they return. */

/** One line of a table: what was measured, under column names. */
export type Row = Readonly<Record<string, string | number>>

export interface Table {
  readonly title: string
  readonly rows: readonly Row[]
}

/** A number that somebody has promised, and what it is now. */
export interface Goal {
  readonly goal: string
  readonly measured: number
  readonly met: boolean
}

export interface BenchmarkResult {
  readonly tables: readonly Table[]
  readonly goals: readonly Goal[]
  /** What a reader must know to believe the numbers. */
  readonly notes?: readonly string[]
}

export interface BenchmarkContext {
  /** Fewer and shorter rounds: shows that it runs, proves little. */
  readonly quick: boolean
  /** A folder of this run; removed at its end. */
  readonly directory: string
  /** Arguments of Node for workers, such as `--cpu-prof`. */
  readonly execArgv: readonly string[]
  /** Says on standard error how far it is. */
  progress(text: string): void
}

export interface Benchmark {
  readonly name: string
  /** One line, for `--help`. */
  readonly description: string
  run(context: BenchmarkContext): Promise<BenchmarkResult>
}

/** @returns the goal, met when `measured` is at least `least` */
export function atLeast(goal: string, measured: number, least: number): Goal {
  return { goal, measured: round(measured), met: measured >= least }
}

/** @returns the goal, met when `measured` is at most `most` */
export function atMost(goal: string, measured: number, most: number): Goal {
  return { goal, measured: round(measured), met: measured <= most }
}

/** @returns `value` with three digits that mean something */
export function round(value: number): number {
  return value === 0 ? 0 : Number(value.toPrecision(3))
}
