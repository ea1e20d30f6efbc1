// Tells what a person does in a document, as the steps that do the same. It is called first in every document, in a world of
// its own, where the page's scripts can neither see it nor speak in its place. What a script does (`element.click()`) is not
// told: it happens again when the person's part is repeated.
(selectors, tell) => {
  const { selectorOf, labelOf } = selectors

  // Bytes of the files of one choice that are told; of larger ones only the names are.
  const MOST_BYTES = 8 * 1024 * 1024

  // By which of the frames of each document around it this one is reached.
  const frames = () => {
    const path = []
    for (let inner = window; inner !== inner.parent; inner = inner.parent) {
      let number = 0
      while (number < inner.parent.length && inner.parent[number] !== inner) number++
      path.unshift(number)
    }
    return path
  }
  const isTop = window === window.parent
  const say = (what) =>
    tell(
      JSON.stringify({
        ...what,
        url: location.href,
        frames: frames(),
        agent: performance.getEntriesByName('edgeproof-agent-started').length > 0,
      }),
    )

  const TYPED = ['text', 'search', 'tel', 'url', 'email', 'password', 'number', 'date', 'time', 'month', 'week', 'datetime-local', 'color', 'range']
  const isInput = (element, types) => element instanceof HTMLInputElement && types.includes(element.type)
  const isTyped = (element) => element instanceof HTMLTextAreaElement || isInput(element, TYPED) || element.isContentEditable === true
  const isChoice = (element) => isInput(element, ['checkbox', 'radio'])
  const target = (event) => event.composedPath()[0]
  // An element in an editable one is a part of what is written there.
  const editable = (element) => {
    while (element.parentElement?.isContentEditable) element = element.parentElement
    return element
  }

  // What is clicked when something within it is.
  const ACTIVE = `a[href], area[href], button, summary, label, input, select, option, textarea, [contenteditable],
    [role=button], [role=link], [role=tab], [role=menuitem], [role=option], [role=switch], [role=checkbox], [role=radio], [onclick]`

  // What could be seen since the last deed, wherever the pointer was: of what shows only while the pointer is somewhere, it is
  // said before the click that it was there.
  const MOST_LOOKED = 2000
  const MOST_PLACES = 100
  let places = []
  const look = (over) => {
    const shown = new WeakSet()
    let left = MOST_LOOKED
    for (const element of document.querySelectorAll(ACTIVE)) {
      if (left-- === 0) break
      if (element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) shown.add(element)
    }
    places = [...places.slice(0, MOST_PLACES), { over, shown }]
  }
  const lookAnew = () => {
    places = []
    look(null)
  }
  addEventListener('load', lookAnew)
  addEventListener('mouseover', (event) => {
    if (!event.isTrusted) return
    if (places.length === 0) look(null)
    else if (target(event) instanceof Element) look(target(event))
  }, true)
  const hoveredFor = (element) => {
    let at = places.findIndex(({ shown }) => shown.has(element))
    while (at > 0 && (places[at].over === element || element.contains(places[at].over))) at--
    const over = at > 0 ? places[at].over : null
    return over === document.body || over === document.documentElement || !over?.isConnected ? null : over
  }

  // Whether the key Enter is down, in which element.
  let enter

  addEventListener(
    'click',
    (event) => {
      if (!event.isTrusted || event.button !== 0) return
      const path = event.composedPath().filter((node) => node instanceof Element)
      const element = path.find((node) => node.matches(ACTIVE)) ?? path[0]
      if (!element || element === document.documentElement || element === document.body) return
      // The control of a label tells for itself, and so do fields.
      if (element instanceof HTMLLabelElement && element.control) return
      if (isChoice(element) || isInput(element, ['file']) || element.matches('select, option')) return
      if (isTyped(element) && !element.readOnly) return
      // For the key Enter the browser clicks the button of the form.
      if (event.detail === 0 && enter && enter !== element) return
      const over = hoveredFor(element)
      if (over) say({ hover: selectorOf(over.closest(ACTIVE) ?? over) })
      say({ click: selectorOf(element) })
      setTimeout(lookAnew)
    },
    true,
  )

  addEventListener(
    'input',
    (event) => {
      const field = target(event)
      if (!event.isTrusted || !(field instanceof Element)) return
      if (isChoice(field)) say(field.checked ? { check: selectorOf(field) } : { uncheck: selectorOf(field) })
      else if (isTyped(field)) {
        const whole = editable(field)
        const value = whole.isContentEditable ? whole.innerText.replace(/\n+$/, '') : whole.value
        const isSecret =
          whole.type === 'password' || /(current|new)-password|one-time-code|cc-number|cc-csc/.test(whole.autocomplete ?? '')
        const called = whole.getAttribute('name') || whole.id || labelOf(whole)
        say({ fill: selectorOf(whole), value, secret: isSecret, called })
      }
    },
    true,
  )

  addEventListener(
    'change',
    (event) => {
      const field = target(event)
      if (field instanceof HTMLSelectElement && event.isTrusted) {
        say({ select: selectorOf(field), options: [...field.selectedOptions].map((option) => option.value || option.label.trim()) })
      } else if (isInput(field, ['file']) && field.files.length > 0) {
        const files = [...field.files]
        const selector = selectorOf(field)
        // The place among the steps is that of the choice, the content follows.
        say({ upload: selector, files: files.map((file) => file.name) })
        const isSmall = files.reduce((sum, file) => sum + file.size, 0) <= MOST_BYTES
        if (isSmall) for (const file of files) send(selector, file)
      }
    },
    true,
  )
  const send = (upload, file) => {
    const reader = new FileReader()
    reader.onload = () => say({ content: upload, file: file.name, base64: String(reader.result).replace(/^[^,]*,/, '') })
    reader.readAsDataURL(file)
  }

  // No step draws one thing to another: that it was done is told.
  const FAR = 30
  let drawn, pressed
  addEventListener('dragstart', (event) => event.isTrusted && (drawn = target(event)), true)
  addEventListener(
    'drop',
    (event) => {
      if (!event.isTrusted) return
      const files = [...(event.dataTransfer?.files ?? [])].map((file) => file.name).join(', ')
      const what = files || (drawn instanceof Element ? `'${selectorOf(drawn)}'` : 'something')
      say({ lost: `${what} was dragged onto '${selectorOf(target(event))}'` })
      drawn = undefined
    },
    true,
  )
  addEventListener('pointerdown', (event) => (pressed = event.isTrusted && event.button === 0 ? { from: target(event), x: event.clientX, y: event.clientY } : undefined), true)
  addEventListener(
    'pointerup',
    (event) => {
      const { from, x, y } = pressed ?? {}
      pressed = undefined
      const isFar = Math.hypot(event.clientX - x, event.clientY - y) > FAR
      // Text that is marked, and fields, tell for themselves.
      if (!isFar || !(from instanceof Element) || isTyped(from) || getSelection()?.isCollapsed === false) return
      say({ lost: `the pointer was drawn from '${selectorOf(from)}' to '${selectorOf(target(event))}'` })
    },
    true,
  )

  addEventListener(
    'keydown',
    (event) => {
      if (!event.isTrusted || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return
      const element = target(event)
      enter = undefined
      if (event.key === 'Escape') say({ press: 'Escape' })
      if (event.key !== 'Enter' || event.repeat) return
      enter = element
      // In these Enter is a click, or a line break.
      if (element instanceof HTMLTextAreaElement || element.isContentEditable || element.matches('button, summary, a[href]')) return
      say({ press: 'Enter', in: element.matches('input, select') ? selectorOf(element) : undefined })
    },
    true,
  )
  addEventListener('keyup', () => (enter = undefined), true)
  addEventListener(
    'submit',
    (event) => {
      if (enter && event.isTrusted && !enter.matches?.('button, input[type=submit]')) say({ submit: selectorOf(target(event)) })
      enter = undefined
    },
    true,
  )

  if (isTop) {
    const how = performance.getEntriesByType('navigation')[0]?.type ?? 'navigate'
    say({ document: how })
    addEventListener('pageshow', (event) => event.persisted && say({ document: 'back_forward' }))
  }
}
