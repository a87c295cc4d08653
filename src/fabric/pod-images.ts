/** What a pod needs of the images that it names. Pure. */
import type { PodSpec } from '../objects/core/pod-spec.ts'

/** @returns the first container that names an image and has no command, and so can only run its image */
export function commandless({ containers }: Pick<PodSpec, 'containers'>): string | undefined {
  return containers.find(({ image, command = [] }) => image !== undefined && command.length === 0)?.name
}

/** @returns the containers that name an image and have a command, which runs without the image too */
export function withSpareImage({ containers }: Pick<PodSpec, 'containers'>): readonly string[] {
  return containers
    .filter(({ image, command = [] }) => image !== undefined && command.length > 0)
    .map(({ name }) => name)
}
