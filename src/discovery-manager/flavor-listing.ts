/** Keeps the table that LIST_FLAVORS is answered from in line with our flavors. */
import { FlavorTable } from '../flavor-index/index.ts'
import type { Component } from '../kernel/component.ts'
import type { NodeBase } from '../node-base.ts'
import { FlavorKind } from '../objects/flavor.ts'
import { flavorToWire } from '../rear/wire/index.ts'

export class FlavorListing implements Component {
  readonly table = new FlavorTable()
  readonly #base: NodeBase
  #unsubscribe: (() => void) | undefined

  constructor(base: NodeBase) {
    this.#base = base
    base.informers.of(FlavorKind)
  }

  async start(): Promise<void> {
    this.#unsubscribe ??= this.#base.informers.of(FlavorKind).onChange(({ type, object }) => {
      if (type === 'deleted') this.table.delete(object.metadata.name)
      else this.table.set(object.metadata.name, object, JSON.stringify(flavorToWire(object)))
    })
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
  }
}
