/**
 * The components and roles of the workflow document, as it writes them.
 */

/** @returns for example `Discovery Manager`; REAR stays REAR */
export function componentTitle(component: string): string {
  return component
    .split('-')
    .map((word) => (word === 'rear' ? 'REAR' : word.charAt(0).toUpperCase() + word.slice(1)))
    .join(' ')
}
