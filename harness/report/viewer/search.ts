// Which cases are meant by the words of a search and the filters of the address.
import type { Address } from "./address";
import { type Case, failures, isFlaky, place, sentence, word } from "./data";

const VERDICTS = ["failed", "error", "passed", "skipped", "observed", "known failure", "running", "waiting", "not run"];

/** Everything of a case that one may look for, in lower case; made once. */
const texts = new WeakMap<Case, string>();

function text(one: Case): string {
  let known = texts.get(one);
  if (known === undefined) {
    const hops = one.hops.map(
      (hop) => `${hop.method} ${hop.url} ${hop.status ?? ""} ${hop.decision ?? ""} ${hop.fault ?? ""} ${hop.exception ?? ""}`,
    );
    const told = failures(one.verdict).map(sentence);
    known = [one.title, one.name, one.file, word(one.verdict), ...one.tags, ...told, ...hops].join("\n").toLowerCase();
    texts.set(one, known);
  }
  return known;
}

/** Makes the texts of all cases while nobody waits for them. */
export function prepare(cases: Case[]): void {
  const left = [...cases];
  const some = (): void => {
    const end = performance.now() + 8;
    while (left.length > 0 && performance.now() < end) text(left.pop() as Case);
    if (left.length > 0) setTimeout(some, 4);
  };
  setTimeout(some, 100);
}

/** Whether every word of the search is somewhere in the case. */
export function isFound(one: Case, search: string): boolean {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return words.every((wanted) => text(one).includes(wanted));
}

/** Whether the address means this case; `differs` is known by whoever has both runs. */
export function isMeant(one: Case, address: Address, differs: (one: Case) => boolean): boolean {
  const verdicts = VERDICTS.filter((verdict) => address.has(verdict));
  const folder = address.get("folder");
  const worker = address.get("worker");
  return (
    (verdicts.length === 0 || verdicts.includes(word(one.verdict))) &&
    (!address.has("flaky") || isFlaky(one)) &&
    (!address.has("differs") || differs(one)) &&
    (!address.has("tag") || one.tags.includes(address.get("tag") ?? "")) &&
    (folder === undefined || place(one).folder === folder || place(one).folder.startsWith(`${folder}/`)) &&
    (worker === undefined || one.workers.includes(worker)) &&
    isFound(one, address.get("q") ?? "")
  );
}
