/** A window with the globals of its own realm. */
export type Realm = Window & typeof globalThis

type Callable = (...args: never[]) => unknown

/** Calls what was replaced, with the page's own arguments unless others are given. */
export type Original = (args?: unknown[]) => unknown

/** Stands in for a method of the platform. */
export type Replacement = (self: never, args: unknown[], original: Original) => unknown

/** What stands behind each replaced function. */
const originals = new WeakMap<object, object>()

/** A function that is one of the platform's to everybody who looks: name, length, properties, and `toString` too. */
export function lookalike<F extends object>(original: F, handler: ProxyHandler<F>): F {
  const proxy = new Proxy(original, handler)
  originals.set(proxy, original)
  return proxy
}

/** Replaces a method of the platform. What the browser at hand does not have is left alone. */
export function replace(owner: object, name: string, replacement: Replacement): void {
  const methods = owner as Record<string, Callable | undefined>
  const method = methods[name]
  if (!method) return
  methods[name] = lookalike(method, {
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

/** Makes `toString` of a realm show what stands behind a replaced function, itself included. */
export function disguise(win: Realm): void {
  const { prototype } = win.Function
  prototype.toString = lookalike(prototype.toString, {
    apply: (target, self: object, args) => Reflect.apply(target, originals.get(self) ?? self, args),
  })
}

/** The platform's own getter of an attribute, for objects on which the page may have put something over it. */
export function getter<T>(prototype: object, name: string): (self: unknown) => T {
  const get = Object.getOwnPropertyDescriptor(prototype, name)?.get as () => T
  return (self) => Reflect.apply(get, self, []) as T
}
