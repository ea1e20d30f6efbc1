import { apply, defineProperty, getOwnPropertyDescriptor, store } from './language'

type Callable = (...args: never[]) => unknown

/** Calls what was replaced, with the page's own arguments unless others are given. */
export type Original = (args?: unknown[]) => unknown

/** Stands in for a method of the platform. */
export type Replacement = (self: never, args: unknown[], original: Original) => unknown

const NativeProxy = Proxy

/** Errors that a replacement throws as the platform would. */
const meant = store<object, boolean>()

/** Says of an error that the page is to have it. */
export function meaning<E extends object>(error: E): E {
  meant.set(error, true)
  return error
}

/** What stands behind each replaced function. */
const originals = store<object, object>()

/** A function that is one of the platform's to everybody who looks: name, length, properties, and `toString` too. */
export function lookalike<F extends object>(original: F, handler: ProxyHandler<F>): F {
  const proxy = new NativeProxy(original, handler)
  originals.set(proxy, original)
  return proxy
}

/** Replaces a method of the platform. What the browser at hand does not have is left alone. */
export function replace(owner: object, name: string, replacement: Replacement): void {
  const methods = owner as Record<string, Callable | undefined>
  const method = methods[name]
  if (!method) return
  methods[name] = lookalike(method, {
    apply: (target, self, args) => {
      let isCalled = false
      const original: Original = (changed = args) => {
        isCalled = true
        return apply(target, self, changed)
      }
      try {
        return replacement(self as never, args, original)
      } catch (error) {
        // What fails here and not in the platform is none of the page's concern.
        if (isCalled || meant.get(error as object)) throw error
        return original()
      }
    },
  })
}

/** Replaces the getter of an attribute. */
export function replaceGetter(prototype: object, name: string, replacement: Replacement): void {
  replaceAccessor(prototype, name, 'get', replacement)
}

/** Replaces the setter of an attribute. */
export function replaceSetter(prototype: object, name: string, replacement: Replacement): void {
  replaceAccessor(prototype, name, 'set', replacement)
}

function replaceAccessor(prototype: object, name: string, accessor: 'get' | 'set', replacement: Replacement): void {
  const attribute = getOwnPropertyDescriptor(prototype, name)
  if (!attribute) return
  replace(attribute, accessor, replacement)
  defineProperty(prototype, name, attribute)
}

/** Makes `toString` of a realm show what stands behind a replaced function, itself included. */
export function disguise({ prototype }: FunctionConstructor): void {
  prototype.toString = lookalike(prototype.toString, {
    apply: (target, self: object, args) => apply(target, originals.get(self) ?? self, args),
  })
}
