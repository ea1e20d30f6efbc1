// Where a case is that runs: the step that it is at, and what the page showed before it. Whoever goes step by step lets it be taken.
import type { JSX } from "preact";
import type { Case } from "./data";
import { source } from "./picture";
import { Around } from "./steps";
import type { Running } from "./ui";

/** Whether a case waits for somebody to let it go on. */
export function isHeld(one: Case, running: Running): boolean {
  return running.isStepping && one.at != null && !one.at.may_go_on;
}

/** How far a case is, in few letters. */
export function progress(one: Case, running: Running): string | null {
  return one.at == null ? null : `${isHeld(one, running) ? "waits " : ""}${one.at.number}/${one.at.of}`;
}

export function Now({ one, running }: { one: Case; running: Running }): JSX.Element | null {
  const { at } = one;
  if (at?.step == null) return null;
  const held = isHeld(one, running);
  const before = one.steps.filter(({ picture }) => picture !== null).at(-1);
  const picture = source(before?.picture ?? null);
  return (
    <section class="card step now" aria-label="Now">
      <p class="tools">
        <b class="badge">
          {held ? "waits before" : "at"} step {at.number} of {at.of}
        </b>
        <code>{at.step.title}</code>
        <span class="dim">{at.step.visitor}</span>
        {held && (
          <>
            <button type="button" title="Take this step (n)" onClick={() => running.next(one.name)}>
              ▶ next step
            </button>
            <button type="button" title="Step by step no longer" onClick={() => running.step(false)}>
              ▶▶ go on
            </button>
          </>
        )}
      </p>
      <div class="looked">
        {picture !== null && <img src={picture} alt={`The page after: ${before?.title ?? ""}`} />}
        <div>
          <Around one={one} step={at.step} />
        </div>
      </div>
    </section>
  );
}
