import { describe, expect, it } from 'vitest'
import { defaultPolicy, registryOf } from './images.ts'

describe('an image without a pull policy', () => {
  it.each([
    ['nginx', 'Always'],
    ['nginx:latest', 'Always'],
    ['localhost:5000/nginx', 'Always'],
    ['nginx:1.2', 'IfNotPresent'],
    [`nginx@sha256:${'a'.repeat(64)}`, 'IfNotPresent'],
  ])('%s is pulled %s', (image, policy) => expect(defaultPolicy(image)).toBe(policy))
})

it.each([
  ['nginx', 'docker.io'],
  ['library/nginx', 'docker.io'],
  ['quay.io/a/b:1', 'quay.io'],
  ['localhost/a', 'localhost'],
  ['host:5000/a', 'host:5000'],
])('%s comes from %s', (image, registry) => expect(registryOf(image)).toBe(registry))
