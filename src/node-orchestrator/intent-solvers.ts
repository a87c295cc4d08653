/** The solvers of an intent: looked up, changed together and removed. */
import { mutate, remove } from '../kernel/object-store.ts'
import type { Intent } from '../objects/intent.ts'
import { DEFAULT_NAMESPACE, keyOf } from '../objects/meta.ts'
import { SolverKind, type Solver } from '../objects/solver.ts'
import type { NodeOrchestratorOptions } from './orchestration.ts'
import { solverKey, solverSelector } from './solver-of-request.ts'

/** By name, for each request that is bought; undefined where there is none. */
export type Solvers = ReadonlyMap<string, Solver | undefined>

type Options = Pick<NodeOrchestratorOptions, 'store' | 'informers'>

/** @returns the solvers as an informer shows them, which may lag behind; one that it does not know is looked up */
export function knownSolvers(options: Options, intent: Intent): Promise<Solvers> {
  const known = options.informers.of(SolverKind)
  return solversBy(intent, (key) => Promise.resolve(known.get(key) ?? options.store.get(SolverKind, key)))
}

/** @returns the solvers as they are stored, for what cannot be taken back */
export function storedSolvers({ store }: Options, intent: Intent): Promise<Solvers> {
  return solversBy(intent, (key) => store.get(SolverKind, key))
}

async function solversBy(
  intent: Intent,
  find: (key: ReturnType<typeof solverKey>) => Promise<Solver | undefined>,
): Promise<Solvers> {
  const names = (intent.status?.requests ?? []).flatMap(({ solver }) => solver ?? [])
  const solvers = await Promise.all(names.map((name) => find(solverKey(intent, name))))
  return new Map(names.map((name, index) => [name, solvers[index]]))
}

/** Tells several solvers the same. */
export async function patchGroup(
  { store }: Options,
  solvers: readonly Solver[],
  change: Pick<Solver['spec'], 'reserveAndBuy' | 'reserveOnly'>,
): Promise<void> {
  await Promise.all(
    solvers.map((solver) =>
      mutate(store, SolverKind, keyOf(solver), (each) => ({ ...each, spec: { ...each.spec, ...change } })),
    ),
  )
}

/** @returns whether none is left; one that has something to give back takes its time */
export async function removeSolvers({ store }: Options, intent: Intent): Promise<boolean> {
  const namespace = intent.metadata.namespace ?? DEFAULT_NAMESPACE
  // By label, not by what the status says: a crash may have come between the solver and the word of it.
  const mine = async (): Promise<readonly Solver[]> =>
    (await store.list(SolverKind, { namespace, labels: solverSelector(intent) })).items
  const solvers = await mine()
  await Promise.all(solvers.map((solver) => remove(store, SolverKind, keyOf(solver))))
  return solvers.length === 0 || (await mine()).length === 0
}
