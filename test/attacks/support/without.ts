/** For controls: the same attack while one method, the defence, does something else. */
import type { Tried } from './attack.ts'

/**
 * @param prototype of the class whose method is the defence
 * @param instead what it does meanwhile; `this` is the object
 */
export async function without<T, Name extends keyof T>(
  prototype: T,
  name: Name,
  instead: T[Name],
  attempt: () => Promise<Tried>,
): Promise<Tried> {
  const defence = prototype[name]
  prototype[name] = instead
  try {
    return await attempt()
  } finally {
    prototype[name] = defence
  }
}
