// The steps of a case, each with what the page showed after it. One of them can be chosen: then it is shown large, with its
// place in the file and the calls that it caused, and the arrow keys go through time.
import type { JSX } from "preact";
import { type Address, go, link } from "./address";
import type { Case, Hop, Step } from "./data";
import { useKeys } from "./frame";
import { Picture, source } from "./picture";
import { time } from "./shown";

/** Lines of the file before and after the one of a step. */
const AROUND = 4;

/** The hops that began while a step was taken, and before the next one. */
export function during(one: Case, step: number): Hop[] {
  const from = one.steps[step - 1]?.started_us ?? 0;
  const to = one.steps[step]?.started_us ?? Infinity;
  const began = new Map<string, number>();
  for (const hop of one.hops) if (hop.ray !== null && !began.has(hop.ray)) began.set(hop.ray, hop.started_us);
  // What a call led to belongs to it, however late.
  return one.hops.filter((hop) => {
    const at = (hop.ray === null ? undefined : began.get(hop.ray)) ?? hop.started_us;
    return at >= from && at < to;
  });
}

interface Props {
  one: Case;
  /** The number of the one that is chosen, from 1; 0 for none. */
  step: number;
  address: Address;
}

export function Steps({ one, step, address }: Props): JSX.Element {
  const { steps } = one;
  const to = (number: number): string => link(address, { step: number === 0 ? null : String(number), call: null });
  const by = (count: number): void => {
    const number = step + count;
    if (number >= 0 && number <= steps.length) go(to(number), true);
  };
  useKeys({ ArrowLeft: () => by(-1), ArrowRight: () => by(1) });
  const chosen = steps[step - 1];
  return (
    <>
      <h2>{chosen === undefined ? "Steps" : `Step ${step} of ${steps.length}`}</h2>
      {chosen !== undefined && <Chosen one={one} step={chosen} number={step} by={by} all={to(0)} />}
      <ol class={chosen === undefined ? "steps" : "steps strip"}>
        {steps.map((shown, index) => (
          <li class={`${shown.held ? "" : "bad"} ${index + 1 === step ? "chosen" : ""}`}>
            {chosen === undefined && <Picture picture={shown.picture} title={`The page after: ${shown.title}`} />}
            <p>
              <a href={to(index + 1)} aria-current={index + 1 === step ? "step" : undefined}>
                <code>{shown.title}</code>
              </a>{" "}
              <b class="failed">{!shown.held && "failed"}</b> {chosen === undefined && <About step={shown} />}
            </p>
            {chosen === undefined && <Printed step={shown} />}
          </li>
        ))}
      </ol>
    </>
  );
}

function About({ step }: { step: Step }): JSX.Element {
  return (
    <span class="dim">
      {step.visitor} {time(step.took_us)}
      {step.place !== null && ` · ${step.place.file.split(/[\\/]/).pop()}:${step.place.line}`}
    </span>
  );
}

function Printed({ step }: { step: Step }): JSX.Element | null {
  return step.console.length > 0 ? <pre aria-label="The page's console">{step.console.join("\n")}</pre> : null;
}

interface ChosenProps {
  one: Case;
  step: Step;
  number: number;
  by: (count: number) => void;
  all: string;
}

function Chosen({ one, step, number, by, all }: ChosenProps): JSX.Element {
  const picture = source(step.picture);
  return (
    <section class={`card step ${step.held ? "" : "bad"}`} aria-label={step.title}>
      <p class="tools">
        <button type="button" onClick={() => by(-1)} aria-label="The step before" title="The step before (←)">
          ←
        </button>
        <button type="button" disabled={number >= one.steps.length} onClick={() => by(1)} aria-label="The next step" title="The next step (→)">
          →
        </button>
        <code>{step.title}</code>
        <b class="failed">{!step.held && "failed"}</b>
        <About step={step} />
        <a href={all}>all steps</a>
      </p>
      <div class="looked">
        {picture === null ? <p class="dim">There is no picture of it: no browser took this step, or none was kept.</p> : <img src={picture} alt={`The page after: ${step.title}`} />}
        <div>
          <Around one={one} step={step} />
          <Printed step={step} />
        </div>
      </div>
    </section>
  );
}

/** The lines of the file around those of the step. */
export function Around({ one, step }: { one: Case; step: Step }): JSX.Element | null {
  const { place } = step;
  if (place === null || one.source === null || place.file !== one.file) return null;
  const first = Math.max(1, place.line - AROUND);
  const lines = one.source.split("\n").slice(first - 1, place.line + 2 * AROUND);
  return (
    <ol class="source mono" style={{ counterReset: `line ${first - 1}` }} aria-label={`${place.file} at line ${place.line}`}>
      {lines.map((line, index) => (
        <li class={first + index === place.line ? "marked" : ""}>{line === "" ? " " : line}</li>
      ))}
    </ol>
  );
}
