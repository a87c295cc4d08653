/** The labels of the local node: where it stands, and what the configuration adds. */
import type { EffectiveConfig } from '../config/index.ts'

export function placeLabels(
  config: Pick<EffectiveConfig, 'sell' | 'cluster'>,
): Readonly<Record<string, string>> {
  const { city, country } = config.sell?.location ?? {}
  return {
    ...(city === undefined ? {} : { 'topology.tributary.io/city': city }),
    ...(country === undefined ? {} : { 'topology.tributary.io/country': country }),
    ...config.cluster.labels,
  }
}
