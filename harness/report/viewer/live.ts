// What a running rig tells: the calls as they happen, its state, and what comes of a step.
import { useEffect, useState } from "preact/hooks";
import { announce } from "./copy";
import type { Hop } from "./data";

/** Calls that are kept; of more, the oldest go. */
const MOST = 10_000;

/** Lines of the log that are kept. */
const MOST_LINES = 2000;

/** A call as it stands in the list. */
export interface Line {
  id: string;
  /** The number of its first hop. */
  first: number;
  from: string;
  /** Who it came from, where a visitor asked. */
  visitor: string | null;
  /** Those that ran on its way. */
  workers: string[];
  method: string;
  url: string;
  status: number | null;
  took_us: number | null;
  hops: number;
  /** Everything that was decided on its way. */
  told: string;
}

/** A line of what happened beside the calls. */
export interface LogLine {
  number: number;
  at_us: number;
  kind: string;
  text: string;
}

export interface Details {
  hops: Hop[];
  events: { ray: string | null; event: Record<string, unknown> }[];
}

type Named<T> = Record<string, T>;

/** The description of the rig, as it is now. */
export interface Given {
  zones?: Named<{ hosts?: Named<Record<string, unknown>> }>;
  deployments?: Named<{ worker?: string; ruleset?: string; failure_mode?: string; identification_pages?: string[]; protected_apis?: unknown[]; routes?: unknown }>;
  rulesets?: Named<unknown>;
  faults?: unknown[];
  node?: Record<string, unknown>;
  fingerprint?: { signals?: Record<string, unknown> };
}

export interface State {
  title: string;
  given: Given;
  /** The steps that were taken, as they were written. */
  steps: string[];
  clock: { now: number; ahead: number };
  /** What runs at the edge, whoever deployed it. */
  deployed: { workers: string[]; routes: { pattern: string; worker: string | null }[] };
  attacks: Record<string, unknown>[];
  doors: string;
  visitors: string[];
  forgotten: number;
}

interface News {
  calls: Line[];
  changes: number;
  log: LogLine[];
}

export interface Live {
  /** In the order in which they began. */
  lines: Line[];
  log: LogLine[];
  /** Grows when the state changes. */
  changes: number;
  isConnected: boolean;
}

/** The calls so far and those to come; `isPaused` holds what is shown, not what is kept. */
export function useLive(isPaused: boolean): Live & { clear: () => void } {
  const [kept] = useState(() => ({ lines: new Map<string, Line>(), log: [] as LogLine[], changes: 0 }));
  const [live, setLive] = useState<Live>({ lines: [], log: [], changes: 0, isConnected: false });
  const show = (isConnected: boolean): void => {
    if (!isPaused) setLive({ lines: [...kept.lines.values()], log: kept.log, changes: kept.changes, isConnected });
  };
  useEffect(() => {
    const stream = new EventSource("stream");
    stream.onmessage = (event: MessageEvent<string>) => {
      const news = JSON.parse(event.data) as News;
      for (const line of news.calls) kept.lines.set(line.id, line);
      for (const id of kept.lines.keys()) {
        if (kept.lines.size <= MOST) break;
        kept.lines.delete(id);
      }
      // A stream that was broken off tells everything again.
      const last = kept.log.at(-1)?.number ?? -1;
      const fresh = news.log.filter(({ number }) => number > last);
      if (fresh.length > 0) kept.log = [...kept.log, ...fresh].slice(-MOST_LINES);
      kept.changes = news.changes;
      show(true);
    };
    stream.onerror = () => show(false);
    return () => stream.close();
  }, [isPaused]);
  const clear = (): void => {
    kept.lines.clear();
    show(live.isConnected);
  };
  return { ...live, clear };
}

/** Asks for something; nothing happens by it. */
export async function ask<T>(path: string, query: Record<string, string> = {}): Promise<T> {
  return answer<T>(await fetch(`${path}?${new URLSearchParams(query)}`));
}

/** What is answered, asked again whenever `when` changes; nothing is asked without a path. */
export function useAsked<T>(path: string | null, query: Record<string, string>, when: string): T | undefined {
  const [answered, setAnswered] = useState<T>();
  useEffect(() => {
    let isLate = path === null;
    if (path !== null) {
      ask<T>(path, query).then(
        (answer) => {
          if (!isLate) setAnswered(answer);
        },
        () => undefined,
      );
    }
    return () => {
      isLate = true;
    };
  }, [path, when]);
  return answered;
}

/** Says in passing what went wrong. */
export function announceProblem(problem: unknown): void {
  announce(reason(problem));
}

/** Does something: JSON is YAML too. */
export async function act<T>(path: string, body: string): Promise<T> {
  return answer<T>(await fetch(path, { method: "POST", headers: { "content-type": "application/yaml" }, body: new Blob([body]) }));
}

/** Takes a step, and says what there is to say of it. */
export async function take(step: string): Promise<string> {
  return (await act<{ said: string }>("step", step)).said;
}

/** What went wrong, as a text. */
export function reason(problem: unknown): string {
  return problem instanceof Error ? problem.message : String(problem);
}

async function answer<T>(response: Response): Promise<T> {
  const json = (await response.json()) as T & { problem?: string };
  if (!response.ok) throw new Error(json.problem ?? `status ${response.status}`);
  return json;
}
