// What happened beside the calls: what workers and their runtime wrote, what was deployed, which steps were taken.
import type { JSX } from "preact";
import { type Address, link } from "./address";
import type { LogLine } from "./live";
import { time } from "./shown";

/** Lines that are in the document at once. */
const MOST = 500;

export function LogView({ lines, address }: { lines: LogLine[]; address: Address }): JSX.Element {
  const words = (address.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const meant = lines.filter(({ kind, text }) => words.every((word) => `${kind} ${text}`.toLowerCase().includes(word)));
  const shown = meant.slice(-MOST).reverse();
  return (
    <article>
      <p class="facts">
        <a href={link(address, { log: null })}>the state of the rig</a>
      </p>
      <h1 id="title" tabIndex={-1}>
        Log
      </h1>
      {shown.length === 0 ? (
        <p class="dim">No line {words.length > 0 ? "is meant by this search." : "yet: what workers write to their console stands here, what they throw, what is deployed, and the steps that were taken."}</p>
      ) : (
        <ol class="log mono" aria-label="Lines, the latest first">
          {shown.map(({ number, at_us, kind, text }) => (
            <li key={number}>
              <span class="dim">{time(at_us)}</span> <b class={kind === "exception" ? "failed" : ""}>{kind}</b> <span>{text}</span>
            </li>
          ))}
        </ol>
      )}
      {meant.length > shown.length && <p class="dim">{meant.length - shown.length} older lines are not shown; search for them.</p>}
    </article>
  );
}
