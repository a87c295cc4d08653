/**
 * The images that were pulled for contracts. A contract may have so many bytes of them; when the last contract that uses
 * one has ended, it goes. What was with the engine before is its owner's, and stays. Remembered in a file, for the next
 * life of the node.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type Docker from 'dockerode'
import { RunnerError } from '../../runner.ts'
import { ensureImage, type Image, type ImageRequest } from './images.ts'

interface Pulled {
  readonly bytes: number
  readonly groups: readonly string[]
}

export interface PulledImagesOptions {
  readonly docker: Docker
  readonly file: string
  /** Of the images that are pulled for one contract. */
  readonly mostBytes: number
}

export class PulledImages {
  readonly #options: PulledImagesOptions
  /** By their names, as pods have them. */
  readonly #images = new Map<string, Pulled>()

  constructor(options: PulledImagesOptions) {
    this.#options = options
    try {
      const known = JSON.parse(readFileSync(options.file, 'utf8')) as Record<string, Pulled>
      for (const [name, image] of Object.entries(known)) this.#images.set(name, image)
    } catch {
      // There was no earlier life, or it pulled nothing.
    }
  }

  /**
   * @param group the contract's; undefined for our own pods, whose images are ours
   * @throws RunnerError as `ensureImage`; `image-pull-failed` also where the contract has too many bytes of images
   */
  async ensure(group: string | undefined, request: Omit<ImageRequest, 'mostBytes'>): Promise<Image> {
    const { docker, mostBytes } = this.#options
    if (group === undefined) return ensureImage(docker, request)
    const { image: name } = request
    const known = this.#images.get(name)
    const others = [...this.#images].filter(([other, { groups }]) => other !== name && groups.includes(group))
    const left = mostBytes - others.reduce((sum, [, { bytes }]) => sum + bytes, 0)
    const image = await ensureImage(docker, { ...request, mostBytes: left })
    if (!image.isNew && known === undefined) return image
    this.#images.set(name, { bytes: image.bytes, groups: [...new Set([...(known?.groups ?? []), group])] })
    this.#write()
    if (image.bytes > left) {
      await this.release(group, name)
      throw new RunnerError(
        'image-pull-failed',
        `${name} has ${image.bytes} bytes, and the contract has ${left} of ${mostBytes} left for images (guests.images)`,
      )
    }
    return image
  }

  /** The contract uses the image no more; none at all where no name is given. */
  async release(group: string, name?: string): Promise<void> {
    for (const [each, { bytes, groups }] of this.#images) {
      if (!groups.includes(group) || (name !== undefined && each !== name)) continue
      const rest = groups.filter((other) => other !== group)
      if (rest.length > 0) this.#images.set(each, { bytes, groups: rest })
      else {
        this.#images.delete(each)
        // Where something else runs it by now it is not ours any more.
        await this.#options.docker
          .getImage(each)
          .remove()
          .catch(() => {})
      }
    }
    this.#write()
  }

  #write(): void {
    mkdirSync(dirname(this.#options.file), { recursive: true })
    writeFileSync(this.#options.file, JSON.stringify(Object.fromEntries(this.#images)), { mode: 0o600 })
  }
}
