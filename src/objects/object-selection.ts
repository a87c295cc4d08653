/**
 * Which objects of a kind: by namespace, by labels, by fields. What lists, watches and informers are narrowed by.
 *
 * Pure.
 */
import { type FieldSelector, formatFieldSelector, selectsFields } from './field-selector.ts'
import { formatLabelSelector, type LabelSelector, selectsLabels } from './label-selector.ts'
import type { KubeObject } from './meta.ts'

export interface ObjectSelection {
  /** All namespaces when absent. */
  readonly namespace?: string
  readonly labels?: LabelSelector
  /** Only by fields that the kind lists as selectable. */
  readonly fields?: FieldSelector
}

/** @returns whether the labels and fields of an object are selected; its namespace is not looked at */
export function selectsObject({ labels, fields }: ObjectSelection, object: KubeObject): boolean {
  return (
    (labels === undefined || selectsLabels(labels, object.metadata.labels)) &&
    (fields === undefined || selectsFields(fields, object))
  )
}

/** @returns a text that is the same for selections that say the same; empty for that of everything */
export function selectionKey({ namespace, labels, fields }: ObjectSelection): string {
  const parts = [
    namespace === undefined ? '' : `namespace=${namespace}`,
    labels === undefined ? '' : formatLabelSelector(labels),
    fields === undefined ? '' : formatFieldSelector(fields),
  ]
  return parts.every((part) => part === '') ? '' : parts.join('; ')
}
