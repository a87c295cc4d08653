/**
 * What can be started and stopped. The composition root starts and stops everything through this.
 */

/** Both calls are idempotent; `stop` resolves when nothing of the component runs any more. */
export interface Component {
  start(): Promise<void>
  stop(): Promise<void>
}

/**
 * Starts in the given order, each after the one before.
 * @throws what the first failing `start` threw, after those already started were stopped again
 */
export async function startAll(components: readonly Component[]): Promise<void> {
  for (const [index, component] of components.entries()) {
    try {
      await component.start()
    } catch (error) {
      try {
        await stopAll(components.slice(0, index + 1))
      } catch (stopError) {
        throw new AggregateError(
          [error, stopError],
          'start failed, and so did stopping what had been started',
          { cause: stopError },
        )
      }
      throw error
    }
  }
}

/**
 * Stops in reverse order; every one is stopped, even when another throws.
 * @throws what the failing `stop` threw; an `AggregateError` when several did
 */
export async function stopAll(components: readonly Component[]): Promise<void> {
  const errors: unknown[] = []
  for (const component of components.toReversed()) {
    try {
      await component.stop()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length === 1) throw errors[0]
  if (errors.length > 1) throw new AggregateError(errors, 'several components could not be stopped')
}
