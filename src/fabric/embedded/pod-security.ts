/** What a `securityContext` asks for that runners can do. Pure. */
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import type { Container } from '../../objects/core/pod-spec.ts'
import type { Pod } from '../../objects/core/pod.ts'
import { ContainerConfigError } from './environment.ts'
import type { SecurityContext } from './runner.ts'

const UserSchema = Type.Optional(Type.Integer({ minimum: 0, maximum: 0x7fffffff }))

const context = Compile(
  Type.Object({
    runAsUser: UserSchema,
    runAsGroup: UserSchema,
    runAsNonRoot: Type.Optional(Type.Boolean()),
    readOnlyRootFilesystem: Type.Optional(Type.Boolean()),
    privileged: Type.Optional(Type.Boolean()),
    allowPrivilegeEscalation: Type.Optional(Type.Boolean()),
    capabilities: Type.Optional(Type.Object({ add: Type.Optional(Type.Array(Type.String())) })),
  }),
)

/** @throws ContainerConfigError for what would make a program more than it may be here */
export function securityOf(pod: Pod, { name, securityContext }: Container): SecurityContext {
  const all: unknown = { ...asObject(pod.spec.securityContext), ...asObject(securityContext) }
  if (!context.Check(all)) {
    const [first] = context.Errors(all)
    throw new ContainerConfigError(
      `container "${name}": securityContext${first?.instancePath ?? ''}: ${first?.message ?? 'not valid'}`,
    )
  }
  const { runAsUser, runAsGroup, runAsNonRoot, readOnlyRootFilesystem } = all
  const refused = [
    all.privileged === true ? 'privileged' : undefined,
    all.capabilities?.add?.length ? 'capabilities.add' : undefined,
    runAsNonRoot === true && runAsUser === 0 ? 'runAsNonRoot with runAsUser 0' : undefined,
  ].filter((member) => member !== undefined)
  if (refused.length > 0) {
    throw new ContainerConfigError(
      `container "${name}": securityContext: ${refused.join(', ')} is not granted here`,
    )
  }
  return {
    ...(runAsUser !== undefined && { runAsUser }),
    ...(runAsGroup !== undefined && { runAsGroup }),
    ...(runAsNonRoot !== undefined && { runAsNonRoot }),
    ...(readOnlyRootFilesystem !== undefined && { readOnlyRootFilesystem }),
  }
}

function asObject(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {}
}
