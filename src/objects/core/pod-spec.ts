/**
 * What a Pod is wanted to be: shared by Pod and by the templates that make Pods.
 *
 * Pure. The member names are all of Kubernetes', so that any valid manifest is accepted and a
 * typing error is found; members that the embedded cluster does not look into are of any type.
 */
import Type, { type Static } from 'typebox'
import { anyValue, closed, oneOf, QUANTITY_PATTERN } from '../schema.ts'

const opt = Type.Optional
const any = () => Type.Optional(anyValue())

/** Quantities are written as strings or, when they are plain numbers, as numbers. */
const QuantitySchema = Type.Union([
  Type.String({ pattern: QUANTITY_PATTERN, maxLength: 40 }),
  Type.Number({ minimum: 0 }),
])
const QuantitiesSchema = Type.Record(Type.String(), QuantitySchema)
const PortNumberOrNameSchema = Type.Union([Type.Integer({ minimum: 1, maximum: 65_535 }), Type.String()])

const ResourceRequirementsSchema = closed({
  limits: opt(QuantitiesSchema),
  requests: opt(QuantitiesSchema),
  claims: any(),
})

export const ProbeSchema = closed({
  exec: opt(closed({ command: opt(Type.Array(Type.String())) })),
  httpGet: opt(
    closed({
      path: opt(Type.String()),
      port: PortNumberOrNameSchema,
      host: opt(Type.String()),
      scheme: opt(oneOf(['HTTP', 'HTTPS'])),
      httpHeaders: opt(Type.Array(closed({ name: Type.String(), value: Type.String() }))),
    }),
  ),
  tcpSocket: opt(closed({ port: PortNumberOrNameSchema, host: opt(Type.String()) })),
  grpc: any(),
  initialDelaySeconds: opt(Type.Integer({ minimum: 0 })),
  timeoutSeconds: opt(Type.Integer({ minimum: 0 })),
  periodSeconds: opt(Type.Integer({ minimum: 0 })),
  successThreshold: opt(Type.Integer({ minimum: 0 })),
  failureThreshold: opt(Type.Integer({ minimum: 0 })),
  terminationGracePeriodSeconds: opt(Type.Integer({ minimum: 0 })),
})
export type Probe = Static<typeof ProbeSchema>

const KeyRefSchema = closed({ name: Type.String(), key: Type.String(), optional: opt(Type.Boolean()) })
const ObjectRefSchema = closed({ name: Type.String(), optional: opt(Type.Boolean()) })
const ResourceFieldRefSchema = closed({
  containerName: opt(Type.String()),
  resource: Type.String(),
  divisor: opt(QuantitySchema),
})
const FieldRefSchema = closed({ apiVersion: opt(Type.String()), fieldPath: Type.String() })

export const EnvVarSchema = closed({
  name: Type.String({ minLength: 1 }),
  value: opt(Type.String()),
  valueFrom: opt(
    closed({
      fieldRef: opt(FieldRefSchema),
      resourceFieldRef: opt(ResourceFieldRefSchema),
      configMapKeyRef: opt(KeyRefSchema),
      secretKeyRef: opt(KeyRefSchema),
      fileKeyRef: any(),
    }),
  ),
})
export type EnvVar = Static<typeof EnvVarSchema>

export const EnvFromSchema = closed({
  prefix: opt(Type.String()),
  configMapRef: opt(ObjectRefSchema),
  secretRef: opt(ObjectRefSchema),
})
export type EnvFrom = Static<typeof EnvFromSchema>

/** Below the volume: Kubernetes refuses what leads out of it. */
const ItemPathSchema = Type.String({ pattern: '^(?!/)(?!\\.\\.(/|$))(?!.*/\\.\\.(/|$))[^\\0]+$' })
const ModeSchema = Type.Integer({ minimum: 0, maximum: 0o777 })
const ItemsSchema = Type.Array(closed({ key: Type.String(), path: ItemPathSchema, mode: opt(ModeSchema) }))
const DownwardItemsSchema = Type.Array(
  closed({
    path: ItemPathSchema,
    fieldRef: opt(FieldRefSchema),
    resourceFieldRef: opt(ResourceFieldRefSchema),
    mode: opt(ModeSchema),
  }),
)
const NamedItems = { name: Type.String(), items: opt(ItemsSchema), optional: opt(Type.Boolean()) }

/** Files of a projected volume; of a volume of one source, that source. */
export const VolumeSourceSchema = closed({
  configMap: opt(closed(NamedItems)),
  secret: opt(closed(NamedItems)),
  downwardAPI: opt(closed({ items: opt(DownwardItemsSchema) })),
  serviceAccountToken: any(),
  clusterTrustBundle: any(),
  podCertificate: any(),
})
export type VolumeSource = Static<typeof VolumeSourceSchema>

export const VolumeSchema = closed({
  name: Type.String({ pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$' }),
  emptyDir: opt(
    Type.Union([Type.Null(), closed({ medium: opt(oneOf(['', 'Memory'])), sizeLimit: opt(QuantitySchema) })]),
  ),
  configMap: opt(closed({ ...NamedItems, defaultMode: opt(ModeSchema) })),
  secret: opt(
    closed({
      secretName: Type.String(),
      items: opt(ItemsSchema),
      optional: opt(Type.Boolean()),
      defaultMode: opt(ModeSchema),
    }),
  ),
  downwardAPI: opt(closed({ items: opt(DownwardItemsSchema), defaultMode: opt(ModeSchema) })),
  projected: opt(closed({ sources: opt(Type.Array(VolumeSourceSchema)), defaultMode: opt(ModeSchema) })),
  // What follows no runner has: `unsupported-fields.ts` refuses it.
  ...Object.fromEntries(
    [
      ...['awsElasticBlockStore', 'azureDisk', 'azureFile', 'cephfs', 'cinder', 'csi', 'ephemeral', 'fc'],
      ...['flexVolume', 'flocker', 'gcePersistentDisk', 'gitRepo', 'glusterfs', 'hostPath', 'image'],
      ...['iscsi', 'nfs', 'persistentVolumeClaim', 'photonPersistentDisk', 'portworxVolume', 'quobyte'],
      ...['rbd', 'scaleIO', 'storageos', 'vsphereVolume'],
    ].map((name) => [name, any()]),
  ),
})
export type Volume = Static<typeof VolumeSchema>

export const VolumeMountSchema = closed({
  name: Type.String(),
  mountPath: Type.String({ pattern: '^/[^:\\0]*$' }),
  readOnly: opt(Type.Boolean()),
  subPath: opt(Type.String()),
  subPathExpr: any(),
  mountPropagation: any(),
  recursiveReadOnly: any(),
})

export const ContainerSchema = closed({
  name: Type.String({ minLength: 1, maxLength: 63, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' }),
  image: opt(Type.String()),
  command: opt(Type.Array(Type.String())),
  args: opt(Type.Array(Type.String())),
  workingDir: opt(Type.String()),
  ports: opt(
    Type.Array(
      closed({
        name: opt(Type.String()),
        containerPort: Type.Integer({ minimum: 1, maximum: 65_535 }),
        protocol: opt(oneOf(['TCP', 'UDP', 'SCTP'])),
        hostPort: opt(Type.Integer()),
        hostIP: opt(Type.String()),
      }),
    ),
  ),
  env: opt(Type.Array(EnvVarSchema)),
  envFrom: opt(Type.Array(EnvFromSchema)),
  resources: opt(ResourceRequirementsSchema),
  resizePolicy: any(),
  restartPolicy: opt(Type.String()),
  restartPolicyRules: any(),
  volumeMounts: opt(Type.Array(VolumeMountSchema)),
  volumeDevices: any(),
  livenessProbe: opt(ProbeSchema),
  readinessProbe: opt(ProbeSchema),
  startupProbe: opt(ProbeSchema),
  lifecycle: any(),
  terminationMessagePath: opt(Type.String()),
  terminationMessagePolicy: opt(Type.String()),
  imagePullPolicy: opt(Type.String()),
  securityContext: any(),
  stdin: opt(Type.Boolean()),
  stdinOnce: opt(Type.Boolean()),
  tty: opt(Type.Boolean()),
})
export type Container = Static<typeof ContainerSchema>

export const RESTART_POLICIES = ['Always', 'OnFailure', 'Never'] as const

export const PodSpecSchema = closed({
  activeDeadlineSeconds: opt(Type.Integer({ minimum: 1 })),
  affinity: any(),
  automountServiceAccountToken: opt(Type.Boolean()),
  containers: Type.Array(ContainerSchema, { minItems: 1 }),
  dnsConfig: any(),
  dnsPolicy: opt(Type.String()),
  enableServiceLinks: opt(Type.Boolean()),
  ephemeralContainers: any(),
  hostAliases: any(),
  hostIPC: opt(Type.Boolean()),
  hostNetwork: opt(Type.Boolean()),
  hostPID: opt(Type.Boolean()),
  hostUsers: opt(Type.Boolean()),
  hostname: opt(Type.String()),
  hostnameOverride: opt(Type.String()),
  imagePullSecrets: opt(Type.Array(closed({ name: Type.String() }))),
  initContainers: opt(Type.Array(ContainerSchema)),
  nodeName: opt(Type.String()),
  nodeSelector: opt(Type.Record(Type.String(), Type.String())),
  os: any(),
  overhead: any(),
  preemptionPolicy: opt(Type.String()),
  priority: opt(Type.Integer()),
  priorityClassName: opt(Type.String()),
  readinessGates: any(),
  resourceClaims: any(),
  resources: opt(ResourceRequirementsSchema),
  restartPolicy: opt(oneOf(RESTART_POLICIES)),
  runtimeClassName: opt(Type.String()),
  schedulerName: opt(Type.String()),
  schedulingGates: any(),
  schedulingGroup: any(),
  securityContext: any(),
  serviceAccount: opt(Type.String()),
  serviceAccountName: opt(Type.String()),
  setHostnameAsFQDN: opt(Type.Boolean()),
  shareProcessNamespace: opt(Type.Boolean()),
  subdomain: opt(Type.String()),
  terminationGracePeriodSeconds: opt(Type.Integer({ minimum: 0, description: 'Seconds; 30 unless given.' })),
  tolerations: any(),
  topologySpreadConstraints: any(),
  volumes: opt(Type.Array(VolumeSchema)),
  workloadRef: any(),
})
export type PodSpec = Static<typeof PodSpecSchema>

/** Metadata that a template gives to what is made from it. */
export const TemplateMetadataSchema = closed({
  name: opt(Type.String()),
  generateName: opt(Type.String()),
  namespace: opt(Type.String()),
  labels: opt(Type.Record(Type.String(), Type.String())),
  annotations: opt(Type.Record(Type.String(), Type.String())),
  finalizers: opt(Type.Array(Type.String())),
  ownerReferences: any(),
  creationTimestamp: any(),
})

export const PodTemplateSchema = closed({ metadata: opt(TemplateMetadataSchema), spec: PodSpecSchema })
export type PodTemplate = Static<typeof PodTemplateSchema>
