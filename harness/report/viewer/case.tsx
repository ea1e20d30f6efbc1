// A case: why it failed, its steps, its calls, and everything that was written meanwhile.
import type { JSX } from "preact";
import { type Address, link } from "./address";
import { CallView, Json } from "./call";
import { type Call, calls, isBadStatus, label } from "./calls";
import { copy } from "./copy";
import { type Case, type Excerpt, type Failure, type Run, failures, isBad, sentence, word } from "./data";
import { Now } from "./now";
import { Picture } from "./picture";
import { Steps, during } from "./steps";
import { time } from "./shown";
import type { Running } from "./ui";

interface Props {
  one: Case;
  run: Run;
  /** What came of it with the other worker. */
  other: Case | undefined;
  address: Address;
  /** What can be done with it, where something can. */
  running?: Running | undefined;
}

export function CaseView({ one, run, other, address, running }: Props): JSX.Element {
  const step = Math.min(Math.max(0, Math.floor(Number(address.get("step") ?? 0)) || 0), one.steps.length);
  const all = calls(step === 0 ? one.hops : during(one, step));
  const wanted = address.get("call");
  const about = failures(one.verdict).find((failure) => failure.ray != null)?.ray;
  const call = all.find(({ id }) => id === (wanted ?? about)) ?? all.find(({ id }) => id === about) ?? all.at(-1);
  return (
    <article key={one.name}>
      <h1 id="title" tabIndex={-1}>
        {one.title}
      </h1>
      <Facts one={one} run={address.get("run") === "2" ? run.against : run} address={address} running={running} />
      {running !== undefined && <Now one={one} running={running} />}
      {other !== undefined && <Both one={one} other={other} run={run} address={address} />}
      {step === 0 && <Why one={one} />}
      {one.steps.length > 0 && <Steps one={one} step={step} address={address} />}
      {step > 0 && <Why one={one} />}
      {one.screenshots.map(({ visitor, picture }) => (
        <Picture picture={picture} title={`What ${visitor} saw at the end`} />
      ))}
      {call !== undefined && <Calls all={all} call={call} one={one} address={address} />}
      <Rest one={one} />
    </article>
  );
}

interface FactsProps extends Pick<Props, "one" | "address" | "running"> {
  /** The one that it is of. */
  run: Run | null;
}

function Facts({ one, run, address, running }: FactsProps): JSX.Element {
  const command = `${run?.about?.again ?? `edgeproof run ${quoted(one.file)}`} --filter ${quoted(one.name.split("#")[0] ?? one.name)}`;
  return (
    <p class="facts">
      <b class={`badge ${word(one.verdict)}`}>{word(one.verdict)}</b>
      <code>{one.name}</code>
      <span class="dim">{one.took_ms > 0 && time(one.took_ms * 1000)}</span>
      {one.attempts > 1 && <span class="skipped">{one.attempts} attempts</span>}
      {one.tags.map((tag) => (
        <a class="chip" href={link(new Map(), { tag })}>
          {tag}
        </a>
      ))}
      {one.refs.map((reference) => (
        <Reference to={reference} />
      ))}
      {running !== undefined && (
        <button type="button" onClick={() => running.run([one.name])}>
          ▶ run
        </button>
      )}
      <button type="button" onClick={() => copy(command)}>
        copy the command
      </button>
      <a class="back" href={link(address, { case: null, call: null, step: null })}>
        all cases
      </a>
    </p>
  );
}

/** A link where it leads to a page of the web. Any other scheme could do something in the reader's name. */
function Reference({ to }: { to: string }): JSX.Element {
  return /^https?:\/\//i.test(to) ? (
    <a href={to} rel="noreferrer">
      {to}
    </a>
  ) : (
    <span>{to}</span>
  );
}

/** What came of the case with each of two workers. */
function Both({ one, other, run, address }: { one: Case; other: Case; run: Run; address: Address }): JSX.Element {
  const isSecond = address.get("run") === "2";
  const [first, second] = isSecond ? [other, one] : [one, other];
  const sides: [string, Case, string | null][] = [
    [run.worker ?? "the first worker", first, null],
    [run.against?.worker ?? "the second worker", second, "2"],
  ];
  return (
    <div class="both">
      {sides.map(([title, side, number]) => (
        <section class="card">
          <h2>
            <a href={link(address, { run: number, call: null })}>{title}</a> <b class={`badge ${word(side.verdict)}`}>{word(side.verdict)}</b>
          </h2>
          {failures(side.verdict).map((failure) => (
            <p>{sentence(failure)}</p>
          ))}
          <ul class="mono">
            {calls(side.hops).map(({ head }) => (
              <li>
                <b class={isBadStatus(head.status) ? "failed" : ""}>{head.status ?? "no response"}</b> {label(head)}
              </li>
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

function Why({ one }: { one: Case }): JSX.Element {
  const { verdict } = one;
  if (typeof verdict !== "string" && "known_failure" in verdict) {
    return (
      <p>
        {verdict.known_failure.reason} <Reference to={verdict.known_failure.link} />
      </p>
    );
  }
  if (typeof verdict !== "string" && "skipped" in verdict) return <p>{verdict.skipped}</p>;
  if (typeof verdict !== "string" && "error" in verdict) return <pre class="card bad">{verdict.error}</pre>;
  const all = failures(verdict);
  return (
    <>
      {all.length > 0 && <h2>{isBad(verdict) ? "Why it failed" : "What did not hold"}</h2>}
      {all.map((failure, index) => (
        <FailureView failure={failure} next={all[index + 1]} />
      ))}
      {one.source !== null && (
        <details>
          <summary>{one.file}</summary>
          <Source text={one.source} marked={all.map((failure) => failure.excerpt?.place.line ?? 0)} />
        </details>
      )}
    </>
  );
}

/** What the next one says as well is said there. */
function FailureView({ failure, next }: { failure: Failure; next: Failure | undefined }): JSX.Element {
  const { excerpt, nearest, notes } = failure;
  const message = failure.message === next?.message ? null : failure.message;
  const way_out = failure.way_out === next?.way_out ? null : failure.way_out;
  return (
    <div class="card bad">
      <p class="sentence">{sentence(failure)}</p>
      {excerpt !== null && <Marked excerpt={excerpt} />}
      {message !== null && <p>{message}</p>}
      {nearest !== null && <p>the most similar was {nearest}</p>}
      {way_out !== null && (
        <p>
          <b>What to do:</b> {way_out}
        </p>
      )}
      {notes.map(({ title, lines }) => (
        <details open>
          <summary>{title}</summary>
          <pre>{lines.join("\n")}</pre>
        </details>
      ))}
    </div>
  );
}

/** The lines of an excerpt with what they are about marked; its numbers count bytes of UTF-8. */
function Marked({ excerpt }: { excerpt: Excerpt }): JSX.Element {
  const bytes = new TextEncoder().encode(excerpt.text);
  const text = (from: number, to?: number): string => new TextDecoder().decode(bytes.slice(from, to));
  const end = excerpt.start + excerpt.length;
  const { file, line, column } = excerpt.place;
  return (
    <>
      <p class="dim mono">
        {file}:{line}:{column}
      </p>
      <pre>
        {text(0, excerpt.start)}
        <mark>{text(excerpt.start, end)}</mark>
        {text(end)}
      </pre>
    </>
  );
}

function Source({ text, marked }: { text: string; marked: number[] }): JSX.Element {
  return (
    <ol class="source mono">
      {text
        .replace(/\n$/, "")
        .split("\n")
        .map((line, index) => (
          <li class={marked.includes(index + 1) ? "marked" : ""}>{line === "" ? " " : line}</li>
        ))}
    </ol>
  );
}

function Calls({ all, call, one, address }: { all: Call[]; call: Call; one: Case; address: Address }): JSX.Element {
  const events = one.events.filter(({ ray }) => ray !== null && ray === call.head.ray);
  return (
    <>
      <h2>{all.length === 1 ? "The call" : `${all.length} calls`}</h2>
      {all.length > 1 && (
        <ul class="calls mono" aria-label="Calls">
          {all.map(({ head, id }) => (
            <li>
              <a href={link(address, { case: one.name, call: id })} aria-current={id === call.id ? "true" : undefined}>
                <b class={isBadStatus(head.status) ? "failed" : "passed"}>{head.status ?? "—"}</b> <span>{label(head)}</span>
                {head.took_us !== null && <small class="dim">{time(head.took_us)}</small>}
              </a>
            </li>
          ))}
        </ul>
      )}
      <CallView key={call.id} call={call} events={events.map(({ event }) => event)} />
    </>
  );
}

function Rest({ one }: { one: Case }): JSX.Element {
  const apps = one.apps.filter(({ printed }) => printed.length > 0);
  const told = one.log.length + apps.length + one.events.length + one.attacks.length;
  return (
    <>
      {told > 0 && <h2>What else was recorded</h2>}
      {one.events.map(({ event }) => <Json title={`event ${String(event["event_id"] ?? "")}`} value={event} />)}
      {one.attacks.map((attack) => <Json title={`attack ${String(attack["type"])} on ${String(attack["domain"])}${String(attack["path"])}`} value={attack} />)}
      {one.log.length > 0 && (
        <details>
          <summary>the worker's log, {one.log.length} lines</summary>
          <pre>{one.log.join("\n")}</pre>
        </details>
      )}
      {apps.map(({ command, printed }) => (
        <details>
          <summary>
            what <code>{command}</code> printed
          </summary>
          <pre>{printed.map(({ text }) => text).join("\n")}</pre>
        </details>
      ))}
    </>
  );
}

function quoted(word: string): string {
  return /^[\w./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
