// The viewer of a finished run.
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { type Address, go, link, useAddress } from "./address";
import { CaseView } from "./case";
import { type Case, type Run, isBad, isFlaky, place, word } from "./data";
import { Frame, Search, useKeys } from "./frame";
import { sign } from "./matrix";
import { isHeld, progress } from "./now";
import { isMeant, prepare } from "./search";
import { time } from "./shown";
import { Summary } from "./summary";
import type { Running } from "./ui";

/** Cases that are listed at once: a list is made anew with every letter of a search. */
const MOST = 200;

/** The run is over, or `running` tells how far it is. */
export function Report({ run, running }: { run: Run; running?: Running }): JSX.Element {
  const address = useAddress();
  const second = useMemo(() => new Map(run.against?.cases.map((one) => [one.name, one])), [run]);
  const differs = (one: Case): boolean => run.against !== null && word(second.get(one.name)?.verdict ?? "passed") !== word(one.verdict);
  const differing = useMemo(() => run.cases.filter(differs), [run]);
  const cases = useMemo(() => {
    const meant = run.cases.filter((one) => isMeant(one, address, differs));
    return meant.sort((left, right) => rank(left, differs) - rank(right, differs));
  }, [run, filters(address)]);
  const isSecond = address.get("run") === "2" && run.against !== null;
  const first = run.cases.find(({ name }) => name === address.get("case"));
  const listed = isSecond ? second.get(address.get("case") ?? "") : first;
  const chosen = running === undefined ? listed : running.useCase(listed);
  const other = isSecond ? first : second.get(address.get("case") ?? "");
  useReading(address.get("case"));
  const held = running && (chosen !== undefined && isHeld(chosen, running) ? chosen : run.cases.find((one) => isHeld(one, running)));
  useEffect(() => prepare(run.cases), [run]);
  useKeys({
    r: () => running?.run(chosen === undefined ? cases.map(({ name }) => name) : [chosen.name]),
    n: () => held && running?.next(held.name),
    j: () => next(cases, chosen, address, 1),
    k: () => next(cases, chosen, address, -1),
    f: () => next(cases.filter(({ verdict }) => isBad(verdict)), chosen, address, 1),
    Escape: () => go(link(address, { case: null, call: null, step: null })),
  });
  return (
    <Frame
      isOpen={chosen !== undefined}
      keys={{ "← →": "step by step", ...(running && { r: "run", n: "next step, where one waits" }) }}
      bar={
        <>
          {running !== undefined && <Controls running={running} cases={cases} isAll={cases.length === run.cases.length} />}
          <Sums cases={run.cases} differing={differing} address={address} />
          <Search value={address.get("q") ?? ""} hint="Search: title, URL, status, rule …" search={(q) => go(link(address, { q: q === "" ? null : q }), true)} />
        </>
      }
      list={<Cases cases={cases} address={address} differs={differs} running={running} />}
    >
      {running?.problem != null && <pre class="card bad">{running.problem}</pre>}
      {chosen === undefined ? (
        <Summary run={run} cases={cases} address={address} differing={differing} />
      ) : (
        <CaseView one={chosen} run={run} other={other} address={address} running={running} />
      )}
    </Frame>
  );
}

/** What is to be looked at comes first: differences, then failures. */
function rank(one: Case, differs: (one: Case) => boolean): number {
  if (differs(one)) return 0;
  return isBad(one.verdict) ? 1 : 2;
}

/** Everything of the address that chooses cases. */
function filters(address: Address): string {
  return link(address, { case: null, call: null, step: null, run: null });
}

/** Another case is read from its top. */
function useReading(name: string | undefined): void {
  useEffect(() => {
    document.getElementById("title")?.focus({ preventScroll: true });
    document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest" });
    document.querySelector("main > .content")?.scrollTo(0, 0);
  }, [name]);
}

function next(cases: Case[], chosen: Case | undefined, address: Address, by: number): void {
  const at = cases.findIndex(({ name }) => name === chosen?.name);
  const to = at < 0 ? (by > 0 ? cases[0] : cases.at(-1)) : cases[at + by];
  if (to !== undefined) go(link(address, { case: to.name, call: null, step: null }));
}

/** Runs what the list shows, or stops; says whether a save runs it again. */
function Controls({ running, cases, isAll }: { running: Running; cases: Case[]; isAll: boolean }): JSX.Element {
  return (
    <>
      {!running.isConnected && <span class="failed">not connected</span>}
      {running.isRunning ? (
        <button type="button" onClick={running.stop}>
          ■ stop
        </button>
      ) : (
        <button type="button" disabled={cases.length === 0} onClick={() => running.run(isAll ? [] : cases.map(({ name }) => name))}>
          ▶ run {isAll ? "all" : `these ${cases.length}`}
        </button>
      )}
      <button type="button" aria-pressed={running.isWatching} title="A save runs it again" onClick={() => running.watch(!running.isWatching)}>
        watch
      </button>
      <button type="button" aria-pressed={running.isStepping} title="Waits before each step" onClick={() => running.step(!running.isStepping)}>
        step by step
      </button>
    </>
  );
}

function Sums({ cases, differing, address }: { cases: Case[]; differing: Case[]; address: Address }): JSX.Element {
  const sums = new Map<string, number>();
  const add = (key: string, count = 1): void => void (count > 0 && sums.set(key, (sums.get(key) ?? 0) + count));
  for (const { verdict } of cases) add(word(verdict));
  add("flaky", cases.filter(isFlaky).length);
  add("differs", differing.length);
  const order = ["failed", "error", "differs", "flaky", "passed", "observed", "known failure", "skipped", "running", "waiting", "not run"];
  return (
    <span class="filters">
      {order
        .filter((key) => sums.has(key))
        .map((key) => (
          <a class={`chip ${key}`} aria-current={address.has(key) ? "true" : undefined} href={link(address, { [key]: address.has(key) ? null : "" })}>
            {sums.get(key)} {key}
          </a>
        ))}
      {["folder", "tag", "worker"]
        .filter((key) => address.has(key))
        .map((key) => (
          <a class="chip" aria-current="true" href={link(address, { [key]: null })}>
            {address.get(key)} <span aria-label="remove">×</span>
          </a>
        ))}
    </span>
  );
}

interface CasesProps {
  cases: Case[];
  address: Address;
  differs: (one: Case) => boolean;
  /** What is done with them, where one can. */
  running: Running | undefined;
}

/** The cases by folder, those that differ or did not pass before the others. */
function Cases({ cases, address, differs, running }: CasesProps): JSX.Element {
  const [most, setMost] = useState(MOST);
  const chosen = cases.findIndex(({ name }) => name === address.get("case"));
  const shown = cases.slice(0, Math.max(most, chosen + 50));
  const groups = new Map<string, Case[]>();
  for (const one of shown) {
    const title = differs(one) ? "differs" : isBad(one.verdict) ? "did not pass" : place(one).folder;
    groups.set(title, [...(groups.get(title) ?? []), one]);
  }
  if (cases.length === 0) {
    return (
      <p class="dim">
        No case is meant by this search. <a href="#">Show all</a>
      </p>
    );
  }
  return (
    <>
      {[...groups].map(([title, group]) => (
        <section key={title}>
          <h2>
            {title} <span class="dim">{group.length}</span>
          </h2>
          <ul>
            {group.map((one) => (
              <li key={one.name}>
                <a href={link(address, { case: one.name, call: null, step: null })} aria-current={one.name === address.get("case") ? "true" : undefined}>
                  <b class={word(one.verdict)} aria-label={word(one.verdict)} role="img">
                    {sign(word(one.verdict))}
                  </b>
                  <span>{titled(one)}</span>
                  <small>{(running && progress(one, running)) ?? (one.took_ms > 0 && time(one.took_ms * 1000))}</small>
                </a>
                {running !== undefined && (
                  <button type="button" class="again" aria-label={`Run ${one.name}`} title="Run it" onClick={() => running.run([one.name])}>
                    ▶
                  </button>
                )}
              </li>
            ))}
          </ul>
        </section>
      ))}
      {shown.length < cases.length && (
        <button type="button" onClick={() => setMost(cases.length)}>
          show {cases.length - shown.length} more
        </button>
      )}
    </>
  );
}

/** What a case proves, and which combination it is where that does not say so. */
function titled(one: Case): string {
  const labels = place(one).labels.filter((label) => !one.title.includes(label));
  return labels.length === 0 ? one.title : `${one.title} (${labels.join(", ")})`;
}
