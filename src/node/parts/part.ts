/** What a stage of the composition root gives to the next ones, and to the node. */
import type { Component } from '../../kernel/component.ts'
import type { Route } from '../../rear/route.ts'

export interface Part<Handles> {
  /** What later stages may use. A stage never names what a later one makes: who needs news of it watches objects. */
  readonly handles: Handles
  /** In this order they start, after those of the stages before; in the reverse order they stop. */
  readonly components: readonly Component[]
  /** What speaks to other nodes unasked: started when the components of every stage are. */
  readonly outreach?: readonly Component[]
  /** What of the protocol it answers. */
  readonly routes: readonly Route[]
}
