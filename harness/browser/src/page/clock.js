// A clock that is wrong by so many milliseconds, put in before any script of the page runs.
((ahead) => {
  const real = Date
  const now = real.now
  const wrong = () => now() + ahead
  // Proxies of native functions look like these functions.
  const Wrong = new Proxy(real, {
    construct: (target, values, of) => Reflect.construct(target, values.length ? values : [wrong()], of),
    apply: () => new real(wrong()).toString(),
  })
  real.now = new Proxy(now, { apply: wrong })
  real.prototype.constructor = Wrong
  globalThis.Date = Wrong
  const origin = Object.getOwnPropertyDescriptor(Performance.prototype, 'timeOrigin')
  Object.defineProperty(Performance.prototype, 'timeOrigin', {
    ...origin,
    get: new Proxy(origin.get, { apply: (get, of) => Reflect.apply(get, of, []) + ahead }),
  })
})
