/**
 * What of a pod's spec no runner does: refused with its field, so that nobody believes in what is not there. Pure.
 *
 * `docs/workloads.md` has the table of what is done. What is absent here and there means nothing to a pod that runs
 * (hints for schedulers, the names of service accounts).
 */
import type { Complaint } from '../kind.ts'
import type { Container, PodSpec, VolumeSource } from './pod-spec.ts'

/** Members that nothing is done about, and those of containers. */
const POD_MEMBERS = [
  ...['activeDeadlineSeconds', 'dnsConfig', 'ephemeralContainers', 'hostAliases', 'hostIPC', 'hostNetwork'],
  ...['hostPID', 'hostname', 'hostnameOverride', 'initContainers', 'overhead', 'readinessGates'],
  ...['resourceClaims', 'resources', 'runtimeClassName', 'schedulingGates', 'schedulingGroup'],
  ...['setHostnameAsFQDN', 'shareProcessNamespace', 'subdomain', 'workloadRef'],
] as const satisfies readonly (keyof PodSpec)[]
const CONTAINER_MEMBERS = [
  ...['lifecycle', 'restartPolicy', 'restartPolicyRules', 'stdin', 'stdinOnce', 'tty', 'volumeDevices'],
] as const satisfies readonly (keyof Container)[]
const SECURITY_MEMBERS = [
  ...['appArmorProfile', 'fsGroup', 'fsGroupChangePolicy', 'privileged', 'allowPrivilegeEscalation'],
  ...['procMount', 'seLinuxChangePolicy', 'seLinuxOptions', 'supplementalGroups'],
  ...['supplementalGroupsPolicy', 'sysctls', 'windowsOptions'],
]
const MOUNT_MEMBERS = ['subPathExpr', 'mountPropagation', 'recursiveReadOnly']
const SOURCES = new Set(['configMap', 'secret', 'downwardAPI'])
const VOLUMES = new Set([...SOURCES, 'emptyDir', 'projected', 'name'])

/**
 * @param at where the spec stands, for example `spec.template.spec`
 * @returns one complaint for each field
 */
export function unsupportedFields(spec: PodSpec, at: string): readonly Complaint[] {
  return [
    ...asked(spec, POD_MEMBERS, at),
    ...securityComplaints(spec.securityContext, `${at}.securityContext`),
    ...spec.containers.flatMap((container, index) =>
      containerComplaints(container, `${at}.containers[${index}]`),
    ),
    ...(spec.volumes ?? []).flatMap((volume, index) => [
      ...asked(
        volume,
        Object.keys(volume).filter((name) => !VOLUMES.has(name)),
        `${at}.volumes[${index}]`,
      ),
      ...(volume.projected?.sources ?? []).flatMap((source: VolumeSource, number) =>
        asked(
          source,
          Object.keys(source).filter((name) => !SOURCES.has(name)),
          `${at}.volumes[${index}].projected.sources[${number}]`,
        ),
      ),
    ]),
  ]
}

function containerComplaints(container: Container, at: string): readonly Complaint[] {
  return [
    ...asked(container, CONTAINER_MEMBERS, at),
    ...securityComplaints(container.securityContext, `${at}.securityContext`),
    ...(container.ports ?? []).flatMap((port, index) =>
      asked(port, ['hostPort', 'hostIP'], `${at}.ports[${index}]`),
    ),
    ...(container.volumeMounts ?? []).flatMap((mount, index) =>
      asked(mount, MOUNT_MEMBERS, `${at}.volumeMounts[${index}]`),
    ),
    ...(container.env ?? []).flatMap(({ valueFrom = {} }, index) =>
      asked(valueFrom, ['fileKeyRef'], `${at}.env[${index}].valueFrom`),
    ),
    ...(['livenessProbe', 'readinessProbe', 'startupProbe'] as const).flatMap((name) =>
      asked(container[name] ?? {}, ['grpc'], `${at}.${name}`),
    ),
  ]
}

function securityComplaints(context: unknown, at: string): readonly Complaint[] {
  if (typeof context !== 'object' || context === null) return []
  const { capabilities, seccompProfile } = context as Record<string, Record<string, unknown> | undefined>
  return [
    ...asked(context, SECURITY_MEMBERS, at),
    ...asked(capabilities ?? {}, ['add'], `${at}.capabilities`),
    ...(seccompProfile === undefined || seccompProfile['type'] === 'RuntimeDefault'
      ? []
      : [unsupported(`${at}.seccompProfile`)]),
  ]
}

function asked(object: object, members: readonly string[], at: string): readonly Complaint[] {
  return members
    .filter((name) => isSet((object as Record<string, unknown>)[name]))
    .map((name) => unsupported(`${at}.${name}`))
}

/** What tools write without meaning anything by it is no question. */
function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '' || value === 0) return false
  if (typeof value === 'object') return Object.keys(value).length > 0
  return true
}

function unsupported(field: string): Complaint {
  return { field, message: 'Forbidden: not supported', reason: 'FieldValueForbidden' }
}
