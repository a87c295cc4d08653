import { describe, expect, it } from 'vitest'
import { CONTRACT_PHASES } from '../contract.ts'
import { IntentKind } from '../intent.ts'
import { PeerKind } from '../peer.ts'
import { PoolShardKind } from '../pool-shard.ts'
import { RESERVATION_PHASES } from '../reservation.ts'
import { SOLVER_PHASES } from '../solver.ts'
import { VirtualNodeKind } from '../virtual-node.ts'
import { LIFECYCLES } from './index.ts'
import { GONE, NEW, nextState } from './lifecycle.ts'

/** @returns every constant string that a schema allows somewhere inside */
function literals(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  const { const: constant, enum: choices } = schema as { const?: unknown; enum?: unknown }
  const own = [constant, ...(Array.isArray(choices) ? (choices as unknown[]) : [])]
  return [
    ...own.filter((one) => typeof one === 'string'),
    ...Object.entries(schema).flatMap(([name, inner]) => (name === 'enum' ? [] : literals(inner))),
  ]
}

/** @returns the constants that the schema of a kind allows for a field, by the names that lead to it */
function phasesAt({ schema }: { readonly schema: unknown }, path: readonly string[]): string[] {
  let at = schema as Record<string, unknown>
  for (const name of path) {
    at = ((at['items'] as typeof at | undefined) ?? at)['properties'] as typeof at
    at = at[name] as typeof at
  }
  return literals(at)
}

const SCHEMA_PHASES: Readonly<Record<string, readonly string[]>> = {
  Contract: CONTRACT_PHASES,
  Reservation: RESERVATION_PHASES,
  Solver: SOLVER_PHASES,
  Intent: phasesAt(IntentKind, ['status', 'phase']),
  VirtualNode: phasesAt(VirtualNodeKind, ['status', 'phase']),
  Peer: phasesAt(PeerKind, ['status', 'phase']),
  Hold: literals((PoolShardKind.schema as never as { properties: object }).properties).filter(
    (text) => text === 'held' || text === 'allocated',
  ),
}

describe.each(LIFECYCLES.map((each) => [each.kind, each] as const))(
  'the life cycle of a %s',
  (kind, table) => {
    const states = Object.keys(table.states)

    it('has the states that the schema of the kind has, and no others', () => {
      expect(SCHEMA_PHASES[kind]!.length).toBeGreaterThan(1)
      expect(states.toSorted()).toEqual(SCHEMA_PHASES[kind]!.toSorted())
    })

    it('has a row for every state, and moves lead to states', () => {
      expect(Object.keys(table.moves).toSorted()).toEqual([NEW, ...states].toSorted())
      const known = new Set([GONE, ...states])
      for (const row of Object.values(table.moves)) {
        for (const [event, to] of Object.entries(row)) {
          expect(Object.keys(table.events)).toContain(event)
          expect(known).toContain(to)
        }
      }
    })

    it('can reach every state, and every event may happen somewhere', () => {
      const reached = new Set<string>([NEW])
      // A set is visited with what is added on the way.
      for (const state of reached) for (const to of Object.values(table.moves[state] ?? {})) reached.add(to!)
      expect([...reached].filter((state) => state !== NEW && state !== GONE).toSorted()).toEqual(
        states.toSorted(),
      )
      const used = new Set(Object.values(table.moves).flatMap((row) => Object.keys(row)))
      expect([...used].toSorted()).toEqual(Object.keys(table.events).toSorted())
    })

    it('has no way out of its terminal states, and one out of every other', () => {
      const ways = (state: string) => Object.values(table.moves[state] ?? {}).filter((to) => to !== state)
      expect(states.filter((state) => ways(state).length === 0).toSorted()).toEqual(table.terminal.toSorted())
      for (const state of table.terminal) expect(table.moves[state]).toEqual({})
    })

    it('has no way from a state that it does not know', () => {
      for (const event of Object.keys(table.events)) {
        expect(nextState(table, 'NeverHeardOf', event)).toBeUndefined()
        expect(nextState(table, 'toString', event)).toBeUndefined()
      }
    })
  },
)
