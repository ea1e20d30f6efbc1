/** Any function of the platform. */
export type Native = (...args: never[]) => unknown

/** What stands in for a function of the platform: `native` calls the original with the arguments given. */
export type Replacement = (self: unknown, args: unknown[], native: (args?: unknown[]) => unknown) => unknown

/**
 * Replaces a method of the platform. A proxy keeps its name, its length, its properties and its native look to
 * `toString`, and cannot be told from it by code that inspects functions.
 */
export function replace(owner: object, name: string, replacement: Replacement): void {
  const native = (owner as Record<string, unknown>)[name]
  if (typeof native !== 'function') return
  ;(owner as Record<string, unknown>)[name] = new Proxy(native as Native, {
    apply: (target, self, args) =>
      replacement(self, args, (changed: unknown[] = args) => Reflect.apply(target, self, changed)),
  })
}

/** The getter of an attribute: it reads the platform's value past whatever the page put over it. */
export function getter<T>(prototype: object, name: string): (self: unknown) => T {
  const get = Object.getOwnPropertyDescriptor(prototype, name)?.get as () => T
  return (self) => Reflect.apply(get, self, []) as T
}
