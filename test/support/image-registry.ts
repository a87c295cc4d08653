/** A registry of images on the loopback, which engines may ask without TLS: each of its images is Busybox and a filling. */
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface ImageRegistry {
  /** `host:port`. */
  readonly host: string
  close(): void
}

const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** @param images how many bytes each is filled with that do not compress, by its name */
export async function startImageRegistry(images: Readonly<Record<string, number>>): Promise<ImageRegistry> {
  const blobs = new Map<string, Buffer>()
  const keep = (bytes: Buffer) => {
    const digest = digestOf(bytes)
    blobs.set(digest, bytes)
    return { digest, size: bytes.length }
  }
  const manifests = new Map<string, Buffer>()
  for (const [name, filling] of Object.entries(images)) {
    const layer = layerOf(filling)
    const config = {
      ...{ architecture: 'amd64', os: 'linux', config: {} },
      rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
    }
    const type = 'application/vnd.docker'
    const manifest = {
      ...{ schemaVersion: 2, mediaType: `${type}.distribution.manifest.v2+json` },
      config: { mediaType: `${type}.container.image.v1+json`, ...keep(Buffer.from(JSON.stringify(config))) },
      layers: [{ mediaType: `${type}.image.rootfs.diff.tar`, ...keep(layer) }],
    }
    const bytes = Buffer.from(JSON.stringify(manifest))
    manifests.set(name, bytes)
    manifests.set(digestOf(bytes), bytes)
  }
  const server = createServer(({ url = '', method }, response) => {
    const [, name = '', kind, reference = ''] = /^\/v2\/(.+)\/(manifests|blobs)\/(.+)$/.exec(url) ?? []
    const body =
      url === '/v2/'
        ? Buffer.from('{}')
        : kind === 'blobs'
          ? blobs.get(reference)
          : (manifests.get(reference) ?? manifests.get(name))
    if (body === undefined) {
      response.writeHead(404).end('{}')
      return
    }
    const type =
      kind === 'manifests'
        ? 'application/vnd.docker.distribution.manifest.v2+json'
        : 'application/octet-stream'
    response.writeHead(200, {
      ...{ 'content-type': type, 'content-length': body.length, 'docker-content-digest': digestOf(body) },
    })
    response.end(method === 'HEAD' ? undefined : body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

function layerOf(filling: number): Buffer {
  const root = mkdtempSync(join(tmpdir(), 'tributary-layer-'))
  try {
    copyFileSync('/bin/busybox', join(root, 'busybox'))
    writeFileSync(join(root, 'filling'), randomBytes(filling))
    const tar = `${root}.tar`
    execFileSync('tar', ['-C', root, '-cf', tar, '.'])
    const bytes = readFileSync(tar)
    rmSync(tar)
    return bytes
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}
