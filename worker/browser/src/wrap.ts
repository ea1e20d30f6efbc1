/** A window with the globals of its own realm. */
export type Realm = Window & typeof globalThis

type Callable = (...args: never[]) => unknown

/** Calls what was replaced, with the page's own arguments unless others are given. */
export type Original = (args?: unknown[]) => unknown

/** Stands in for a method of the platform. */
export type Replacement = (self: never, args: unknown[], original: Original) => unknown

/**
 * Replaces a method of the platform. A proxy keeps name, length, properties and the native look to `toString`.
 * What the browser at hand does not have is left alone.
 */
export function replace(owner: object, name: string, replacement: Replacement): void {
  const methods = owner as Record<string, Callable | undefined>
  const method = methods[name]
  if (!method) return
  methods[name] = new Proxy(method, {
    apply: (target, self, args) =>
      replacement(self as never, args, (changed: unknown[] = args) => Reflect.apply(target, self, changed)),
  })
}

/** Replaces the getter of an attribute. */
export function replaceGetter(prototype: object, name: string, replacement: Replacement): void {
  const attribute = Object.getOwnPropertyDescriptor(prototype, name)
  if (!attribute?.get) return
  const holder = { get: attribute.get }
  replace(holder, 'get', replacement)
  Object.defineProperty(prototype, name, { ...attribute, get: holder.get })
}

/** The platform's own getter of an attribute, for objects on which the page may have put something over it. */
export function getter<T>(prototype: object, name: string): (self: unknown) => T {
  const get = Object.getOwnPropertyDescriptor(prototype, name)?.get as () => T
  return (self) => Reflect.apply(get, self, []) as T
}
