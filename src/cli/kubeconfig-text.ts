/** The text of a kubeconfig: a new one, or one with a context more. Pure. */
import { isMap, isSeq, parseDocument, stringify, type YAMLMap } from 'yaml'
import { CliError } from './cli-error.ts'

/** A context with the cluster and the user that it names; all three have the same name. */
export interface KubeconfigEntry {
  readonly name: string
  readonly url: string
  /** PEM. */
  readonly authority: string
  readonly token: string
}

function parts({ name, url, authority, token }: KubeconfigEntry) {
  const data = Buffer.from(authority).toString('base64')
  return {
    clusters: { name, cluster: { 'certificate-authority-data': data, server: url } },
    users: { name, user: { token } },
    contexts: { name, context: { cluster: name, namespace: 'default', user: name } },
  }
}

export function kubeconfigText(entry: KubeconfigEntry): string {
  const { clusters, users, contexts } = parts(entry)
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [clusters],
    users: [users],
    contexts: [contexts],
    'current-context': entry.name,
  })
}

/**
 * @param text what is there, perhaps nothing; all else in it stays, with its comments
 * @param file what to call it in an error
 * @throws CliError when the text is no kubeconfig; it had better stay as it is
 */
export function mergeKubeconfig(text: string, entry: KubeconfigEntry, file: string): string {
  if (text.trim() === '') return kubeconfigText(entry)
  const document = parseDocument(text)
  const root = document.contents
  if (document.errors.length > 0 || !isMap(root))
    throw new CliError(`${file} is not a kubeconfig; it was left alone`)
  for (const [list, item] of Object.entries(parts(entry))) {
    const items = document.get(list)
    const node = document.createNode(item)
    if (items === undefined || items === null) document.set(list, document.createNode([item]))
    else if (!isSeq(items)) throw new CliError(`${file}: ${list} is not a list; it was left alone`)
    else {
      const at = items.items.findIndex((each) => isMap(each) && (each as YAMLMap).get('name') === entry.name)
      if (at < 0) items.add(node)
      else items.set(at, node)
    }
  }
  document.set('current-context', entry.name)
  return document.toString({ lineWidth: 0 })
}

/** @returns the token of the user of that name in a kubeconfig, if it is of the same authority */
export function tokenIn(
  text: string,
  { name, authority }: Pick<KubeconfigEntry, 'name' | 'authority'>,
): string | undefined {
  const document = parseDocument(text)
  const find = (list: string): YAMLMap | undefined => {
    const items = document.get(list)
    if (!isSeq(items)) return undefined
    return items.items.find((each): each is YAMLMap => isMap(each) && (each as YAMLMap).get('name') === name)
  }
  const data = find('clusters')?.getIn(['cluster', 'certificate-authority-data'])
  const token = find('users')?.getIn(['user', 'token'])
  const isSame = data === Buffer.from(authority).toString('base64')
  return isSame && typeof token === 'string' ? token : undefined
}
