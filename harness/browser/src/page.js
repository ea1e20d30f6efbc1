// What the input steps ask of a document, for every engine. It is called in a world of its own, where the page's scripts
// can neither see nor change what it uses; its global object lasts as long as the document. What it is given first
// is `selectors.js`.
async ({ all, find, selectorOf }, action, argument) => {
  const parent = (node) => node.assignedSlot ?? node.parentNode ?? node.host
  const holds = (outer, node) => {
    for (; node; node = parent(node)) if (node === outer) return true
    return false
  }
  // A click on the label of a control is a click on the control.
  const reaches = (element, hit) => holds(element, hit) || hit?.closest?.('label')?.control === element

  // `<div id="banner">We value your privacy</div>`, cut short.
  const describe = (node) => {
    if (!(node instanceof Element)) return 'the document'
    const name = node.localName
    const attributes = ['id', 'class', 'name', 'type', 'role']
      .filter((attribute) => node.getAttribute(attribute))
      .map((attribute) => ` ${attribute}="${node.getAttribute(attribute).slice(0, 40)}"`)
    const text = (node.textContent ?? '').slice(0, 400).replace(/\s+/g, ' ').trim()
    const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text
    return `<${name}${attributes.join('')}>${shown}${shown ? `</${name}>` : ''}`
  }
  const blocker = (element, hit) => {
    let outermost = hit
    for (let node = hit; node instanceof Element && !holds(node, element); node = parent(node)) outermost = node
    const inner = describe(hit)
    return outermost === hit ? inner : `${inner} in ${describe(outermost)}`
  }

  const isVisible = (element) => {
    const box = element.getBoundingClientRect()
    return element.checkVisibility({ visibilityProperty: true }) && box.width > 0 && box.height > 0
  }
  const whyHidden = (element) => {
    if (!element.isConnected) return 'it was removed'
    for (let node = element; node; node = parent(node)) {
      if (!(node instanceof Element)) continue
      const { display, visibility } = getComputedStyle(node)
      const where = node === element ? 'it' : describe(node)
      if (display === 'none') return `${where} has display: none`
      if (node === element && visibility !== 'visible') return `it has visibility: ${visibility}`
    }
    const { width, height } = element.getBoundingClientRect()
    return width > 0 && height > 0 ? 'it is not rendered' : `it has no size (${width} × ${height})`
  }
  const isDisabled = (element) => element.matches(':disabled') || element.closest('[aria-disabled="true"]') !== null

  // A line of text that wraps has a box for each line: the middle of the whole may be outside of all.
  const middle = (element) => {
    const boxes = [...element.getClientRects()]
    const box = boxes.find(({ width, height }) => width * height >= 1) ?? element.getBoundingClientRect()
    return { x: box.x + box.width / 2, y: box.y + box.height / 2 }
  }
  const at = ({ x, y }) => {
    let hit = document.elementFromPoint(x, y)
    for (let root = hit?.shadowRoot; root; root = hit.shadowRoot) {
      const inner = root.elementFromPoint(x, y)
      if (!inner || inner === hit) break
      hit = inner
    }
    return hit
  }
  // A page in the background draws no frames, and one on a busy machine draws them late.
  const frame = () =>
    new Promise((done) => {
      requestAnimationFrame(done)
      setTimeout(done, document.hidden ? 100 : 2000)
    })
  // Whether the element is in the same place in two frames, one after the other: each of its lines.
  const atRest = async (element) => {
    const place = () => JSON.stringify([...element.getClientRects()])
    await frame()
    const before = place()
    await frame()
    return before === place()
  }

  // The element that an action on `element` is done at: of a label its control, of an invisible choice its label.
  const control = (element) => (element instanceof HTMLLabelElement && element.control) || element
  const choice = (element) => {
    const chosen = control(element)
    if (isVisible(chosen)) return chosen
    return [...(chosen.labels ?? [])].find(isVisible) ?? chosen
  }
  const isChoice = (element) => element.matches('input[type=checkbox], input[type=radio]')
  const isChecked = (element) => {
    if (isChoice(element)) return element.checked
    const said = element.getAttribute('aria-checked')
    return said === null ? null : said === 'true'
  }

  const changed = (element) => {
    element.dispatchEvent(new Event('input', { bubbles: true, composed: true }))
    element.dispatchEvent(new Event('change', { bubbles: true }))
  }
  const TYPED = ['text', 'search', 'tel', 'url', 'email', 'password', 'number']
  const kindOf = (element) => {
    if (element instanceof HTMLTextAreaElement) return 'typed'
    if (element instanceof HTMLSelectElement) return 'select'
    if (element instanceof HTMLInputElement) {
      if (TYPED.includes(element.type)) return 'typed'
      if (['checkbox', 'radio', 'file'].includes(element.type)) return element.type
      if (['button', 'submit', 'reset', 'image', 'hidden'].includes(element.type)) return 'none'
      return 'set'
    }
    return element.isContentEditable ? 'editable' : 'none'
  }
  // Line feeds are what a control has for line breaks, and what lines of an editable element read as.
  const content = (element) =>
    element.isContentEditable ? element.innerText.replace(/\n+$/, '') : element.value.replace(/\r\n?/g, '\n')

  const optionFor = (options, { value, label, index, any }) => {
    if (index !== undefined) return options[index]
    if (value !== undefined) return options.find((option) => option.value === value)
    if (label !== undefined) return options.find((option) => option.label.trim() === label)
    return (
      options.find((option) => option.value === any) ??
      options.find((option) => option.label.trim() === any) ??
      (/^\d+$/.test(any) ? options[Number(any)] : undefined)
    )
  }

  const actions = {
    // Whether something is decided here that a browser asks people.
    async decided() {
      if (!isSecureContext) return false
      const names = ['geolocation', 'notifications', 'camera', 'microphone', 'midi']
      const decisions = await Promise.all(names.map((name) => navigator.permissions.query({ name })))
      return decisions.some(({ state }) => state !== 'prompt')
    },

    // Whether a visitor could act on an element now, and where.
    async look({ selector, as, needs, attempt }) {
      const found = find(selector)
      if (!found) return { state: 'missing' }
      const element = as === 'choice' ? choice(found) : as === 'control' ? control(found) : found
      const needed = (need) => needs.includes(need)
      if (needed('visible') && !isVisible(element)) return { state: 'hidden', detail: whyHidden(element) }
      if (needed('enabled') && isDisabled(as === 'choice' ? control(found) : element)) return { state: 'disabled' }
      if (needed('editable') && element.readOnly) return { state: 'read-only' }
      if (!needed('point')) return { state: 'ready', kind: kindOf(element) }

      if (!reaches(element, at(middle(element)))) {
        // A bar at one edge of the window may cover what was scrolled there.
        const block = ['center', 'end', 'start'][attempt % 3]
        element.scrollIntoView({ block, inline: 'center', behavior: 'instant' })
      }
      if (!(await atRest(element))) return { state: 'moving' }
      const point = middle(element)
      const hit = at(point)
      if (!hit) return { state: 'outside' }
      if (!reaches(element, hit)) return { state: 'covered', detail: blocker(element, hit) }
      if (needed('aim')) aim(element)
      return { state: 'ready', ...point }
    },

    // Whether the press of the mouse arrived where it was aimed at.
    hit() {
      const aimed = globalThis.edgeproofAim
      // The press has led to another document.
      if (!aimed) return { reached: true }
      aimed.release()
      return { reached: aimed.reached ?? false, by: aimed.by }
    },

    // The point of a frame's document in this one, if the frame is there to be clicked.
    async through({ selector, x, y, attempt }) {
      const frame = find(selector)
      if (!frame) return { state: 'missing' }
      if (!isVisible(frame)) return { state: 'hidden', detail: whyHidden(frame) }
      const inside = () => {
        const box = frame.getBoundingClientRect()
        return { x: box.x + frame.clientLeft + x, y: box.y + frame.clientTop + y }
      }
      let point = inside()
      if (at(point) !== frame) {
        scrollBy({ left: point.x - innerWidth / 2, top: point.y - innerHeight / (2 + (attempt % 3)), behavior: 'instant' })
        point = inside()
      }
      const hit = at(point)
      if (!hit) return { state: 'outside' }
      return hit === frame ? { state: 'ready', ...point } : { state: 'covered', detail: blocker(frame, hit) }
    },

    // Gives a field the focus, with its content selected, so that what is typed replaces it.
    focus({ selector }) {
      const element = control(find(selector))
      element.focus()
      if (element.isContentEditable) getSelection().selectAllChildren(element)
      else element.select?.()
    },

    // Types a text where the focus is, for an engine that has no command for it.
    insert({ text }) {
      document.execCommand('insertText', false, text)
    },

    // Gives a field that nobody types into its value, as its picker does.
    set({ selector, value }) {
      const element = control(find(selector))
      element.value = value
      if (element.value === value) changed(element)
    },

    content({ selector }) {
      return content(control(find(selector)))
    },

    select({ selector, choices }) {
      const element = control(find(selector))
      const all = [...element.options]
      const chosen = []
      for (const wanted of choices) {
        const option = optionFor(all, wanted)
        if (!option) return { missing: wanted, options: all.slice(0, 20).map((option) => option.label.trim()) }
        if (option.disabled || option.closest('optgroup:disabled')) return { disabled: option.label.trim() }
        chosen.push(option)
      }
      if (chosen.length > 1 && !element.multiple) return { single: true }
      for (const option of all) option.selected = chosen.includes(option)
      changed(element)
      return { wrong: all.filter((option) => option.selected !== chosen.includes(option)).map((option) => option.label.trim()) }
    },

    checked: ({ selector }) => isChecked(control(find(selector))),

    // The radio button of the same group that has a value.
    radio({ selector, value }) {
      const element = control(find(selector))
      const group = element.form ? [...element.form.elements] : [...element.getRootNode().querySelectorAll('input')]
      const alike = group.filter((other) => other.type === 'radio' && other.name === element.name && other.form === element.form)
      const wanted = alike.find((other) => other.value === value)
      if (!wanted) return { values: alike.slice(0, 20).map((other) => other.value) }
      return { selector: `input[type=radio][name="${CSS.escape(wanted.name)}"][value="${CSS.escape(wanted.value)}"]` }
    },

    files: ({ selector }) => [...(control(find(selector)).files ?? [])].map((file) => file.name),
    element: ({ selector }) => control(find(selector)),
    // The window of a frame.
    window: ({ selector }) => find(selector)?.contentWindow ?? null,
    // A selector of the frame that is the document's frame of this number.
    frameSelector({ number }) {
      const inner = [...all('iframe, frame, object, embed')].find((frame) => frame.contentWindow === window[number])
      return inner ? selectorOf(inner) : null
    },

    submit({ selector }) {
      const form = find(selector)
      if (!(form instanceof HTMLFormElement)) return { other: describe(form) }
      // The form's own fields may have names such as `noValidate`.
      const own = (name) => Object.getOwnPropertyDescriptor(HTMLFormElement.prototype, name)
      const elements = [...own('elements').get.call(form)]
      if (!own('noValidate').get.call(form)) {
        const invalid = elements.find((field) => field.willValidate && !field.validity.valid)
        if (invalid) return { invalid: describe(invalid), message: invalid.validationMessage }
      }
      HTMLFormElement.prototype.requestSubmit.call(form)
      return {}
    },

    html: () => document.documentElement?.outerHTML ?? '',
    userAgent: () => navigator.userAgent,
    shows: ({ text }) => (document.body?.innerText ?? '').includes(text),
    turn: () => new Promise((done) => setTimeout(done)),
    isLoaded: () => document.readyState === 'complete',
    isParsed: () => document.readyState !== 'loading',
    agentStarted: () => performance.getEntriesByName('edgeproof-agent-started').length > 0,

    // Selectors of what the document has, to name the nearest to one that finds nothing.
    selectors() {
      const names = new Set()
      for (const element of document.querySelectorAll('[id], [name], button, input, select, textarea, a, form')) {
        if (names.size >= 500) break
        if (element.id) names.add(`#${element.id}`)
        const name = element.getAttribute('name')
        if (name) names.add(`[name=${name}]`).add(`${element.localName}[name=${name}]`)
        names.add(element.localName)
      }
      return [...names].filter((name) => name.length <= 80)
    },
  }

  // Lets the next press of the mouse through to the element only. Whatever else it would reach, since something moved
  // between the look and the press, does not see it.
  function aim(element) {
    globalThis.edgeproofAim?.release()
    const types = ['pointerdown', 'mousedown', 'pointerup', 'mouseup', 'click']
    // What happens in the document of a frame is not heard here.
    const isFrame = element.matches('iframe, frame, object, embed')
    const state = { reached: isFrame || undefined, by: undefined }
    const listener = (event) => {
      if (!event.isTrusted) return
      if (state.reached === undefined) {
        const [hit] = event.composedPath()
        state.reached = reaches(element, hit)
        if (!state.reached) state.by = blocker(element, hit)
      }
      if (!state.reached) {
        event.preventDefault()
        event.stopImmediatePropagation()
      }
    }
    for (const type of types) addEventListener(type, listener, { capture: true, passive: false })
    state.release = () => {
      for (const type of types) removeEventListener(type, listener, { capture: true })
    }
    globalThis.edgeproofAim = state
  }

  try {
    return await actions[action](argument)
  } catch (error) {
    if (error.name === 'SyntaxError') return { state: 'invalid', detail: error.message.replace(/^(Failed to execute .*?|[\w.]+): /, '').replace(/\.$/, '') }
    throw error
  }
}
