// A clock that is wrong by so many milliseconds, put in before any script of the page runs.
((ahead) => {
  const real = Date
  const now = real.now
  const wrong = () => now() + ahead
  // Proxies of native functions look like these functions, but for the name in their text.
  const natives = new WeakMap()
  const proxy = (native, handler) => {
    const made = new Proxy(native, handler)
    natives.set(made, native)
    return made
  }
  const replaceGetter = (prototype, name, apply) => {
    const property = Object.getOwnPropertyDescriptor(prototype, name)
    Object.defineProperty(prototype, name, { ...property, get: proxy(property.get, { apply }) })
  }
  const replaceConstructor = (native, handler) => {
    const made = proxy(native, handler)
    native.prototype.constructor = made
    const property = Object.getOwnPropertyDescriptor(globalThis, native.name)
    Object.defineProperty(globalThis, native.name, { ...property, value: made })
  }
  Function.prototype.toString = proxy(Function.prototype.toString, {
    apply: (text, of, values) => Reflect.apply(text, natives.get(of) ?? of, values),
  })
  replaceConstructor(real, {
    construct: (target, values, of) => Reflect.construct(target, values.length ? values : [wrong()], of),
    apply: () => new real(wrong()).toString(),
  })
  real.now = proxy(now, { apply: wrong })
  replaceGetter(Performance.prototype, 'timeOrigin', (get, of) => Reflect.apply(get, of, []) + ahead)

  // A formatter that is given no time takes the machine's.
  const formats = new WeakMap()
  const formatAt = (format, of, [at = wrong(), ...rest]) => Reflect.apply(format, of, [at, ...rest])
  replaceGetter(Intl.DateTimeFormat.prototype, 'format', (get, of) => {
    const format = Reflect.apply(get, of, [])
    if (!formats.has(format)) formats.set(format, proxy(format, { apply: formatAt }))
    return formats.get(format)
  })
  const parts = Intl.DateTimeFormat.prototype.formatToParts
  Intl.DateTimeFormat.prototype.formatToParts = proxy(parts, { apply: formatAt })

  // So does a file without one, and a document whose response did not say when it was modified last.
  replaceConstructor(File, {
    construct: (target, [bits, name, options, ...rest], of) => {
      const dated = options?.lastModified === undefined ? { ...options, lastModified: wrong() } : options
      const given = name === undefined ? [bits] : [bits, name, dated, ...rest]
      return Reflect.construct(target, given, of)
    },
  })
  const shown = (at) => {
    const [day, time] = new real(at).toLocaleString('en-US', {
      month: '2-digit', day: '2-digit', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23',
    }).split(', ')
    return `${day} ${time}`
  }
  replaceGetter(Document.prototype, 'lastModified', (get, of) => {
    const before = shown(now())
    const said = Reflect.apply(get, of, [])
    return said === before || said === shown(now()) ? shown(wrong()) : said
  })
})
