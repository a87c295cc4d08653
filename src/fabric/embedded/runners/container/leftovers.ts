/** Takes away what of ours is with an engine: found by its labels, so that nobody else's is touched. */
import type Docker from 'dockerode'

/** @param labels `name=value`; all of them must be there */
export async function removeLeftovers(docker: Docker, labels: readonly string[]): Promise<void> {
  const filters = { label: [...labels] }
  const gone = (error: unknown): void => {
    if ((error as { statusCode?: number }).statusCode !== 404) throw error
  }
  const containers = await docker.listContainers({ all: true, filters })
  await Promise.all(
    containers.map(({ Id }) => docker.getContainer(Id).remove({ force: true, v: true }).catch(gone)),
  )
  const { Volumes } = await docker.listVolumes({ filters: JSON.stringify(filters) as never })
  for (const { Name } of Volumes ?? []) await docker.getVolume(Name).remove({ force: true }).catch(gone)
  for (const { Id } of await docker.listNetworks({ filters: JSON.stringify(filters) as never }))
    await docker.getNetwork(Id).remove().catch(gone)
}
