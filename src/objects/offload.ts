/**
 * Whether a Deployment asks to be offloaded, so that the node looks for a place for it. Pure.
 *
 * In a cluster of somebody most Deployments are none of our business: nobody may find that its DNS server was placed
 * on a machine of strangers. So the default is no, and a cluster that wants yes marks its namespaces.
 */
import { hasFluidosAnnotations } from './fluidos-annotations.ts'
import type { MetadataInput } from './meta.ts'

/** Label of a Deployment, or of a namespace for all in it: `"true"` asks, anything else declines. */
export const OFFLOAD_LABEL = 'tributary.io/offload'

/** Annotation of a Deployment that keeps it out of our hands, whatever else it says. */
export const IGNORE_ANNOTATION = 'tributary.io/ignore'

interface Marked {
  readonly metadata: Pick<MetadataInput, 'labels' | 'annotations'>
}

/**
 * What is nearer to the Deployment counts more: its own label, then upstream's annotations, then its namespace.
 * @param namespace the Namespace object, if there is one
 */
export function asksForOffload(deployment: Marked, namespace: Marked | undefined): boolean {
  const { labels, annotations } = deployment.metadata
  if (annotations?.[IGNORE_ANNOTATION] === 'true') return false
  const own = labels?.[OFFLOAD_LABEL]
  if (own !== undefined) return own === 'true'
  return hasFluidosAnnotations(annotations) || namespace?.metadata.labels?.[OFFLOAD_LABEL] === 'true'
}
