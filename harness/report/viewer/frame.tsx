// What every view stands in: the bar, the list, the content; the keys and the colours.
import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

interface FrameProps {
  /** Whether something of the list is open: a narrow screen then shows that alone. */
  isOpen: boolean;
  /** Keys of this view alone, with what they do. */
  keys?: Record<string, string>;
  bar: ComponentChildren;
  list: ComponentChildren;
  children: ComponentChildren;
}

export function Frame({ isOpen, keys, bar, list, children }: FrameProps): JSX.Element {
  const [isHelped, setHelped] = useState(false);
  useKeys({ "?": () => setHelped((helped) => !helped), d: toggleDark });
  return (
    <>
      <header>
        <a class="brand" href="#">
          edgeproof
        </a>
        {bar}
        <button type="button" onClick={toggleDark} aria-label="Light or dark" title="Light or dark (d)">
          ◐
        </button>
        <button type="button" onClick={() => setHelped(!isHelped)} aria-expanded={isHelped} aria-label="Keys" title="Keys (?)">
          ?
        </button>
      </header>
      {isHelped && <Keys more={keys ?? {}} />}
      <main class={isOpen ? "open" : ""}>
        <nav aria-label="List">{list}</nav>
        <div class="content">{children}</div>
      </main>
      <p id="told" role="status" />
    </>
  );
}

function Keys({ more }: { more: Record<string, string> }): JSX.Element {
  const keys = { "/": "search", j: "next", k: "previous", f: "next that did not pass", c: "copy as curl", s: "copy as step", d: "light or dark", Esc: "back to all", ...more };
  return (
    <dl class="keys">
      {Object.entries(keys).map(([key, does]) => (
        <div>
          <dt>
            <kbd>{key}</kbd>
          </dt>
          <dd>{does}</dd>
        </div>
      ))}
    </dl>
  );
}

interface SearchProps {
  value: string;
  hint: string;
  search: (text: string) => void;
}

export function Search({ value, hint, search }: SearchProps): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  useKeys({ "/": () => input.current?.focus() });
  return (
    <input
      ref={input}
      type="search"
      value={value}
      placeholder={`${hint} ( / )`}
      aria-label="Search"
      onInput={(event) => search(event.currentTarget.value)}
      onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
    />
  );
}

/** Does these things at these keys, but where somebody writes. A button names its own key with `data-key`. */
export function useKeys(keys: Record<string, () => void>): void {
  const latest = useRef(keys);
  latest.current = keys;
  // Before the page is shown: who sees it may press a key at once.
  useLayoutEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      const isWriting = event.target instanceof Element && event.target.matches("input, textarea, select");
      if (isWriting || event.ctrlKey || event.metaKey || event.altKey) return;
      const does = latest.current[event.key];
      if (does === undefined) return;
      event.preventDefault();
      does();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

/** A key of a button presses it. */
export function pressButtons(event: KeyboardEvent): void {
  const isWriting = event.target instanceof Element && event.target.matches("input, textarea, select");
  if (isWriting || event.ctrlKey || event.metaKey || event.altKey || !/^[a-z]$/.test(event.key)) return;
  document.querySelector<HTMLButtonElement>(`button[data-key="${event.key}"]`)?.click();
}

const THEME = "edgeproof-theme";

/** Light where it was dark, and the other way round. */
function toggleDark(): void {
  const root = document.documentElement;
  const isDark = root.dataset["theme"] ? root.dataset["theme"] === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset["theme"] = isDark ? "light" : "dark";
  remember(root.dataset["theme"]);
}

/** A page that may keep nothing asks the system again. */
function remember(theme: string): void {
  try {
    localStorage.setItem(THEME, theme);
  } catch {
    // Nothing is kept.
  }
}

export function recallTheme(): void {
  try {
    const theme = localStorage.getItem(THEME);
    if (theme === "light" || theme === "dark") document.documentElement.dataset["theme"] = theme;
  } catch {
    // Nothing was kept.
  }
}
