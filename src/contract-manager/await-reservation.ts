/** Waits until the next hop has answered what a Reservation asks of it. */
import { deadline } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { ReservationKind, type Reservation } from '../objects/reservation.ts'
import { Problem, PROBLEMS, type ProblemCode } from '../rear/problem.ts'

/** @throws Problem when the reservation fails, or is not answered in time */
export async function awaitReservation(
  options: Pick<NodeBase, 'informers' | 'system' | 'log'>,
  reservation: Reservation,
  timeoutMs: number,
  done: (reservation: Reservation) => boolean,
): Promise<Reservation> {
  const { informers, system, log } = options
  const limit = deadline(system.clock, timeoutMs)
  const { uid, name } = reservation.metadata
  const { promise, resolve, reject } = Promise.withResolvers<Reservation>()
  const unsubscribe = informers.of(ReservationKind).onChange(({ type, object }) => {
    if (object.metadata.uid !== uid) return
    if (type === 'deleted') reject(new Problem('transaction-expired', 'the reservation was given up'))
    else if (object.status?.phase.phase === 'Failed') reject(problemOf(object))
    else if (done(object)) resolve(object)
  })
  const onTimeout = (): void =>
    reject(
      new Problem('timeout', `waiting for ${reservation.spec.seller.nodeID} took too long`, {
        extensions: { waitingFor: reservation.spec.seller.nodeID },
      }),
    )
  limit.signal.addEventListener('abort', onTimeout, { once: true })
  try {
    return await promise
  } catch (error) {
    log.info({ err: error, reservation: name }, 'forwarding failed')
    throw error
  } finally {
    unsubscribe()
    limit.done()
  }
}

/** What the next hop said, as far as the hop before may know it. */
function problemOf(reservation: Reservation): Problem {
  const code = reservation.status?.message
  const known =
    code !== undefined && Object.hasOwn(PROBLEMS, code) && PROBLEMS[code as ProblemCode].status < 500
  return new Problem(
    known ? (code as ProblemCode) : 'upstream-failed',
    reservation.status?.phase.message ?? 'the next node failed',
    { extensions: { at: reservation.spec.seller.nodeID } },
  )
}
