/**
 * Probes: whether a container has started, is ready, still lives. Kubernetes' rules, but for one: until
 * the first success a probe is repeated quickly, so that nobody waits a period for what is long ready.
 */
import { deadline, sleep, type System } from '../../kernel/system.ts'
import type { Container, Probe } from '../../objects/core/pod-spec.ts'
import { ContainerConfigError } from './environment.ts'
import type { ProbeTarget, RunningPod } from './runner.ts'

export interface ProbeContext {
  readonly container: Container
  readonly pod: Pick<RunningPod, 'address' | 'probe'>
  readonly system: System
  /** Runs a command beside the container. @returns undefined when it succeeds, else what is wrong */
  readonly exec: (command: readonly string[], signal: AbortSignal) => Promise<string | undefined>
}

const FIRST_DELAY_MS = 5
const SLOWEST_PORT_POLL_MS = 500

/**
 * @returns a function that tries the probe once: undefined when it succeeds, else what is wrong
 * @throws ContainerConfigError when the probe is of a kind that is not supported
 */
function attempt(probe: Probe, context: ProbeContext): (signal: AbortSignal) => Promise<string | undefined> {
  const { container, pod } = context
  if (probe.exec !== undefined) {
    const command = probe.exec.command ?? []
    return (signal) => context.exec(command, signal)
  }
  const target = targetOf(probe, container, pod.address)
  return (signal) => pod.probe(target, signal)
}

function targetOf(probe: Probe, container: Container, podIP: string): ProbeTarget {
  const { httpGet, tcpSocket } = probe
  const host = httpGet?.host ?? tcpSocket?.host
  // Else a guest could have our daemon knock at any door of our network.
  if (host !== undefined && host !== podIP) {
    throw new ContainerConfigError(`container "${container.name}": a probe's host can only be the pod itself`)
  }
  if (httpGet !== undefined) {
    const port = portOf(httpGet.port, container)
    const path = httpGet.path ?? '/'
    return {
      kind: 'http',
      scheme: httpGet.scheme === 'HTTPS' ? 'https' : 'http',
      port,
      path: path.startsWith('/') ? path : `/${path}`,
      headers: {
        'user-agent': 'kube-probe/tributary',
        ...Object.fromEntries(
          (httpGet.httpHeaders ?? []).map(({ name, value }) => [name.toLowerCase(), value]),
        ),
      },
    }
  }
  if (tcpSocket !== undefined) return { kind: 'tcp', port: portOf(tcpSocket.port, container) }
  throw new ContainerConfigError(
    `container "${container.name}": only probes of kind httpGet, tcpSocket and exec are supported`,
  )
}

function portOf(port: number | string, container: Container): number {
  if (typeof port === 'number') return port
  const found = container.ports?.find(({ name }) => name === port)?.containerPort
  if (found === undefined) {
    throw new ContainerConfigError(
      `container "${container.name}": a probe names the port "${port}", which it lacks`,
    )
  }
  return found
}

/** @throws ContainerConfigError when one of the container's probes cannot be done here */
export function checkProbes(context: ProbeContext): void {
  const { startupProbe, readinessProbe, livenessProbe } = context.container
  for (const probe of [startupProbe, readinessProbe, livenessProbe]) if (probe) attempt(probe, context)
}

export interface ProbeReports {
  started(): void
  ready(ready: boolean): void
  /** Of failures, for the user. */
  unhealthy(kind: 'Startup' | 'Readiness' | 'Liveness', message: string): void
  /** The container is to be killed. */
  dead(message: string): void
}

/** Watches a running container until `signal` aborts (when it ends). Never rejects. */
export async function watchProbes(
  context: ProbeContext,
  reports: ProbeReports,
  signal: AbortSignal,
): Promise<void> {
  const { startupProbe, readinessProbe, livenessProbe } = context.container
  try {
    if (startupProbe) {
      const failure = await untilStarted(startupProbe, context, reports, signal)
      if (failure !== undefined) {
        reports.dead(failure)
        return
      }
    }
    reports.started()
    await Promise.all([
      readinessProbe
        ? watchReadiness(readinessProbe, context, reports, signal)
        : watchPorts(context, reports, signal),
      livenessProbe && watchLiveness(livenessProbe, context, reports, signal),
    ])
  } catch (error) {
    if (!signal.aborted) reports.unhealthy('Readiness', (error as Error).message)
  }
}

const seconds = (given: number | undefined, unset: number): number => (given || unset) * 1_000

/** How long until the next quick attempt. */
const slower = (delay: number, most: number): number => Math.min(most, delay * 1.5)

async function once(
  probe: Probe,
  tryIt: (signal: AbortSignal) => Promise<string | undefined>,
  context: ProbeContext,
  parent: AbortSignal,
): Promise<string | undefined> {
  const { signal, done } = deadline(context.system.clock, seconds(probe.timeoutSeconds, 1), parent)
  try {
    return await tryIt(signal)
  } finally {
    done()
    parent.throwIfAborted()
  }
}

async function untilStarted(
  probe: Probe,
  context: ProbeContext,
  reports: ProbeReports,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { clock } = context.system
  const tryIt = attempt(probe, context)
  await sleep(clock, (probe.initialDelaySeconds ?? 0) * 1_000, signal)
  const period = seconds(probe.periodSeconds, 10)
  const end = clock.monotonic() + period * (probe.failureThreshold || 3)
  for (let delay = FIRST_DELAY_MS; ; delay = slower(delay, period)) {
    const failure = await once(probe, tryIt, context, signal)
    if (failure === undefined) return undefined
    if (clock.monotonic() >= end) {
      reports.unhealthy('Startup', failure)
      return failure
    }
    await sleep(clock, Math.min(delay, Math.max(1, end - clock.monotonic())), signal)
  }
}

async function watchReadiness(
  probe: Probe,
  context: ProbeContext,
  reports: ProbeReports,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = context.system
  const tryIt = attempt(probe, context)
  const period = seconds(probe.periodSeconds, 10)
  await sleep(clock, (probe.initialDelaySeconds ?? 0) * 1_000, signal)
  let successes = 0
  let failures = 0
  let everReady = false
  for (let delay = FIRST_DELAY_MS; ; delay = slower(delay, period)) {
    const failure = await once(probe, tryIt, context, signal)
    if (failure === undefined) {
      failures = 0
      if (++successes >= (probe.successThreshold || 1)) {
        everReady = true
        reports.ready(true)
      }
    } else {
      successes = 0
      if (++failures >= (probe.failureThreshold || 3)) {
        if (everReady) reports.unhealthy('Readiness', failure)
        reports.ready(false)
      }
    }
    await sleep(clock, everReady ? period : delay, signal)
  }
}

async function watchLiveness(
  probe: Probe,
  context: ProbeContext,
  reports: ProbeReports,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = context.system
  const tryIt = attempt(probe, context)
  const period = seconds(probe.periodSeconds, 10)
  // Before its first period a program is given time.
  await sleep(clock, (probe.initialDelaySeconds ?? 0) * 1_000 || period, signal)
  let failures = 0
  for (;;) {
    const failure = await once(probe, tryIt, context, signal)
    if (failure === undefined) failures = 0
    else {
      reports.unhealthy('Liveness', failure)
      if (++failures >= (probe.failureThreshold || 3)) {
        reports.dead(failure)
        return
      }
    }
    await sleep(clock, period, signal)
  }
}

const COMPLAIN_AFTER_MS = 5_000

/**
 * Without a readiness probe a container is ready when its declared TCP ports accept connections: whoever
 * is told of it must not be refused.
 */
async function watchPorts(context: ProbeContext, reports: ProbeReports, signal: AbortSignal): Promise<void> {
  const { container, pod, system } = context
  const { clock } = system
  const begun = clock.monotonic()
  let complained = false
  for (const { containerPort: port, protocol } of container.ports ?? []) {
    if (protocol !== undefined && protocol !== 'TCP') continue
    for (let delay = FIRST_DELAY_MS; ; delay = slower(delay, SLOWEST_PORT_POLL_MS)) {
      const limit = deadline(clock, 1_000, signal)
      const failure = await pod.probe({ kind: 'tcp', port }, limit.signal)
      limit.done()
      signal.throwIfAborted()
      if (failure === undefined) break
      if (!complained && clock.monotonic() - begun >= COMPLAIN_AFTER_MS) {
        complained = true
        reports.unhealthy(
          'Readiness',
          `nothing accepts connections on ${pod.address}:${port} yet: the program has to listen on the address in POD_IP`,
        )
      }
      await sleep(clock, delay, signal)
    }
  }
  reports.ready(true)
}
