// The viewer of a finished run.
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { type Address, go, link, useAddress } from "./address";
import { CaseView } from "./case";
import { type Case, type Run, isBad, isFlaky, place, word } from "./data";
import { Frame, Search, useKeys } from "./frame";
import { sign } from "./matrix";
import { isMeant, prepare } from "./search";
import { time } from "./shown";
import { Summary } from "./summary";

export function Report({ run }: { run: Run }): JSX.Element {
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
  const chosen = isSecond ? second.get(address.get("case") ?? "") : first;
  const other = isSecond ? first : second.get(address.get("case") ?? "");
  useReading(address.get("case"));
  useEffect(() => prepare(run.cases), [run]);
  useKeys({
    j: () => next(cases, chosen, address, 1),
    k: () => next(cases, chosen, address, -1),
    f: () => next(cases.filter(({ verdict }) => isBad(verdict)), chosen, address, 1),
    Escape: () => go(link(address, { case: null, call: null })),
  });
  return (
    <Frame
      isOpen={chosen !== undefined}
      bar={
        <>
          <Sums cases={run.cases} differing={differing} address={address} />
          <Search value={address.get("q") ?? ""} hint="Search: title, URL, status, rule …" search={(q) => go(link(address, { q: q === "" ? null : q }), true)} />
        </>
      }
      list={<Cases cases={cases} address={address} differs={differs} />}
    >
      {chosen === undefined ? (
        <Summary run={run} cases={cases} address={address} differing={differing} />
      ) : (
        <CaseView one={chosen} run={run} other={other} address={address} />
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
  return link(address, { case: null, call: null, run: null });
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
  if (to !== undefined) go(link(address, { case: to.name, call: null }));
}

function Sums({ cases, differing, address }: { cases: Case[]; differing: Case[]; address: Address }): JSX.Element {
  const sums = new Map<string, number>();
  const add = (key: string, count = 1): void => void (count > 0 && sums.set(key, (sums.get(key) ?? 0) + count));
  for (const { verdict } of cases) add(word(verdict));
  add("flaky", cases.filter(isFlaky).length);
  add("differs", differing.length);
  const order = ["failed", "error", "differs", "flaky", "passed", "observed", "known failure", "skipped"];
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
}

/** The cases by folder, those that differ or did not pass before the others. */
function Cases({ cases, address, differs }: CasesProps): JSX.Element {
  const groups = new Map<string, Case[]>();
  for (const one of cases) {
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
                <a href={link(address, { case: one.name, call: null })} aria-current={one.name === address.get("case") ? "true" : undefined}>
                  <b class={word(one.verdict)} aria-label={word(one.verdict)} role="img">
                    {sign(word(one.verdict))}
                  </b>
                  <span>{titled(one)}</span>
                  <small>{time(one.took_ms * 1000)}</small>
                </a>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </>
  );
}

/** What a case proves, and which combination it is. */
function titled(one: Case): string {
  const { labels } = place(one);
  return labels.length === 0 ? one.title : `${one.title} (${labels.join(", ")})`;
}
