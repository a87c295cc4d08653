/**
 * The text of a list, item by item: a list may be a hundred times as long as an object, and others are answered while
 * it is written.
 */
import type { Turns } from '../kernel/turns.ts'
import type { JsonObject } from '../kernel/json.ts'
import { writeYaml } from './yaml.ts'

/** What an item looks like in the answer: a value, or its JSON. */
type Shaped = { readonly value: unknown } | { readonly json: string }

export interface ListText {
  /** Everything but the items. */
  readonly head: JsonObject
  /** What the member is called that they are in. */
  readonly member: 'items' | 'rows'
  readonly items: readonly unknown[]
  readonly shape: (item: never) => Shaped
}

export type ListForm = 'json' | 'pretty' | 'yaml'

/** Characters that are sent at a time, unless an item is longer. */
const CHUNK = 64 * 1024

/** @returns the text in pieces; before each item it is somebody else's turn, if he waits */
export async function* listBody(
  { head, member, items, shape }: ListText,
  form: ListForm,
  turns: Pick<Turns, 'next'>,
): AsyncGenerator<string> {
  let text = opening(head, member, form, items.length === 0)
  for (const [index, item] of items.entries()) {
    await turns.next()
    text += itemText(shape(item as never), form, index === 0)
    if (text.length < CHUNK) continue
    yield text
    text = ''
  }
  yield text + closing(form, items.length === 0)
}

function opening(head: JsonObject, member: string, form: ListForm, isEmpty: boolean): string {
  switch (form) {
    case 'json':
      return `${JSON.stringify(head).slice(0, -1)},"${member}":[`
    case 'pretty':
      return `${JSON.stringify(head, undefined, 2).slice(0, -2)},\n  "${member}": [`
    case 'yaml':
      return `${writeYaml(head)}${member}:${isEmpty ? ' []' : ''}\n`
  }
}

function itemText(shaped: Shaped, form: ListForm, isFirst: boolean): string {
  if (form === 'json') {
    const json = 'json' in shaped ? shaped.json : JSON.stringify(shaped.value)
    return isFirst ? json : `,${json}`
  }
  const value: unknown = 'json' in shaped ? JSON.parse(shaped.json) : shaped.value
  // A list stands as far to the left as the name of it.
  if (form === 'yaml') return writeYaml([value])
  return `${isFirst ? '' : ','}\n    ${JSON.stringify(value, undefined, 2).replaceAll('\n', '\n    ')}`
}

function closing(form: ListForm, isEmpty: boolean): string {
  switch (form) {
    case 'json':
      return ']}'
    case 'pretty':
      return isEmpty ? ']\n}\n' : '\n  ]\n}\n'
    case 'yaml':
      return ''
  }
}
