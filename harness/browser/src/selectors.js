// How elements are named: by CSS, or by what a person reads of them, as `label=E-mail`, `role=button[name="Sign up"]` or
// `text=Sign up`. The same names are found by `find` and given by `selectorOf`.
() => {
  const words = (text) => (text ?? '').replace(/\s+/g, ' ').trim()

  // The document, then the open shadow roots in it.
  function* rootsIn(root) {
    yield root
    for (const host of root.querySelectorAll('*')) if (host.shadowRoot) yield* rootsIn(host.shadowRoot)
  }

  // The text of an element without that of the fields in it.
  const ownText = (element) => {
    let text = ''
    for (const node of element.childNodes) {
      if (node.nodeType === Node.TEXT_NODE) text += node.data
      else if (node instanceof Element && !node.matches('input, select, textarea, button, script, style')) text += ` ${ownText(node)} `
    }
    return words(text)
  }
  const labelledBy = (element) => {
    const ids = (element.getAttribute('aria-labelledby') ?? '').split(/\s+/).filter(Boolean)
    return words(ids.map((id) => element.getRootNode().getElementById?.(id)?.textContent).join(' '))
  }
  const labelOf = (element) =>
    labelledBy(element) || words(element.getAttribute('aria-label')) || words([...(element.labels ?? [])].map(ownText).join(' '))

  const ROLES = [
    ['button', 'button, summary, input:is([type=button], [type=submit], [type=reset], [type=image])'],
    ['link', 'a[href], area[href]'],
    ['checkbox', 'input[type=checkbox]'],
    ['radio', 'input[type=radio]'],
    ['combobox', 'select:not([multiple])'],
    ['listbox', 'select[multiple]'],
    ['searchbox', 'input[type=search]'],
    ['textbox', 'textarea, input:is(:not([type]), [type=text], [type=email], [type=tel], [type=url])'],
    ['heading', 'h1, h2, h3, h4, h5, h6'],
  ]
  const roleOf = (element) =>
    element.getAttribute('role')?.trim().split(/\s+/)[0] || ROLES.find(([, selector]) => element.matches(selector))?.[0]
  // What a screen reader would call it, as far as that is its label or its text.
  const nameOf = (element) => {
    const label = labelOf(element)
    if (label) return label
    if (element.matches('input[type=submit], input[type=button], input[type=reset]')) return words(element.value)
    if (element.matches('input, select, textarea')) return words(element.getAttribute('placeholder') ?? element.title)
    const pictures = [...element.querySelectorAll('img[alt]')].map((image) => image.alt).join(' ')
    return words(element.textContent) || words(pictures) || words(element.title)
  }

  const isShown = (element) => element.checkVisibility({ visibilityProperty: true })
  const hasText = (element, text) => words(element.textContent) === text
  const reads = (element, text) =>
    hasText(element, text) && !element.matches('script, style, title, head, html, body') && ![...element.children].some((child) => hasText(child, text))

  const NAMED = /^(label|role|text)=(.*)$/s
  const ROLE = /^([\w-]+)(?:\[name=("(?:[^"\\]|\\.)*")\])?$/s
  const invalid = (selector) => Object.assign(new Error(`'${selector}' is not a valid selector`), { name: 'SyntaxError' })
  // Whether an element is meant; nothing where the selector is one of CSS.
  const meaning = (selector) => {
    const [, kind, written] = NAMED.exec(selector) ?? []
    if (kind === 'label') return (element) => element.matches('input, select, textarea, [role], [contenteditable]') && labelOf(element) === words(written)
    if (kind === 'text') return (element) => reads(element, words(written)) && isShown(element)
    if (kind === undefined) return undefined
    const [, role, name] = ROLE.exec(written) ?? []
    if (!role) throw invalid(selector)
    let wanted
    try {
      wanted = name && words(JSON.parse(name))
    } catch {
      throw invalid(selector)
    }
    return (element) => roleOf(element) === role && (wanted === undefined || nameOf(element) === wanted) && isShown(element)
  }

  // Every element that a selector means, in the order of `rootsIn`.
  function* all(selector) {
    const isMeant = meaning(selector)
    for (const root of rootsIn(document)) {
      if (!isMeant) yield* root.querySelectorAll(selector)
      else for (const element of root.querySelectorAll('*')) if (isMeant(element)) yield element
    }
  }
  const find = (selector) => {
    const isMeant = meaning(selector)
    for (const root of rootsIn(document)) {
      const found = isMeant ? [...root.querySelectorAll('*')].find(isMeant) : root.querySelector(selector)
      if (found) return found
    }
    return null
  }

  const LONGEST = 80
  const isShort = (text) => text && text.length <= LONGEST && !/[\p{Cc}\p{Cf}]/u.test(text)
  const quoted = (text) => `"${text.replace(/["\\]/g, '\\$&')}"`
  // Ids that a library counts up or draws by lot are others the next time.
  const isChosen = (id) => isShort(id) && /^[A-Za-z][\w-]*$/.test(id) && !/\d\d|[-_]\d+$|^_?r_|^(radix|headlessui|mui|react-aria)/.test(id)
  const MADE_FOR_TESTS = ['data-testid', 'data-test-id', 'data-test', 'data-cy', 'data-qa']

  // Its place among the others, from the nearest element that has a name of its own.
  const structure = (element) => {
    const steps = []
    for (let node = element; node instanceof Element; node = node.parentElement) {
      if (node !== element && isChosen(node.id) && isOnly(`#${CSS.escape(node.id)}`, node)) {
        steps.unshift(`#${CSS.escape(node.id)}`)
        break
      }
      const alike = [...(node.parentNode?.children ?? [])].filter((other) => other.localName === node.localName)
      const name = CSS.escape(node.localName)
      steps.unshift(alike.length > 1 ? `${name}:nth-of-type(${alike.indexOf(node) + 1})` : name)
    }
    return steps.join(' > ')
  }

  // Selectors of an element, what is likely to stay before what is not.
  function* names(element) {
    const tag = CSS.escape(element.localName)
    if (isChosen(element.id)) yield `#${CSS.escape(element.id)}`
    for (const attribute of MADE_FOR_TESTS) {
      const value = element.getAttribute(attribute)
      if (isShort(value)) yield `[${attribute}=${quoted(value)}]`
    }
    const name = element.getAttribute('name')
    if (isShort(name)) {
      const value = element.getAttribute('value')
      if (element.matches('input[type=radio], input[type=checkbox], button, input[type=submit]') && isShort(value)) {
        yield `${tag}[name=${quoted(name)}][value=${quoted(value)}]`
      }
      yield `${tag}[name=${quoted(name)}]`
      const form = element.closest('form')
      if (form && isChosen(form.id)) yield `#${CSS.escape(form.id)} ${tag}[name=${quoted(name)}]`
    }
    const isField = element.matches('input, select, textarea, [contenteditable]')
    if (isField && isShort(labelOf(element))) yield `label=${labelOf(element)}`
    const role = roleOf(element)
    if (role && !isField && isShort(nameOf(element))) yield `role=${role}[name=${JSON.stringify(nameOf(element))}]`
    const action = element.matches('form') ? element.getAttribute('action') : null
    if (isShort(action)) yield `form[action=${quoted(action)}]`
    const placeholder = element.getAttribute('placeholder')
    if (isShort(placeholder)) yield `${tag}[placeholder=${quoted(placeholder)}]`
    if (!isField && isShort(words(element.textContent))) yield `text=${words(element.textContent)}`
    const type = element.getAttribute('type')
    if (isField && isShort(type)) yield `${tag}[type=${quoted(type)}]`
    if (element.matches('form, main, body')) yield tag
  }
  const isOnly = (selector, element) => {
    const found = all(selector)
    return found.next().value === element && found.next().done
  }
  const selectorOf = (element) => {
    for (const selector of names(element)) if (isOnly(selector, element)) return selector
    return structure(element)
  }

  return { all, find, selectorOf, labelOf }
}
