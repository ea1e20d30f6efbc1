// The viewer of a run that is under way: its cases, which one runs all or one, as a report shows them.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { type Case, type Run, unpacked } from "./data";
import { act, announceProblem, useAsked } from "./live";
import { Report } from "./report";

/** What of a case stands in the list; the rest is asked for when somebody looks at it. */
type Line = Pick<Case, "name" | "title" | "file" | "tags" | "refs" | "workers" | "verdict" | "attempts" | "took_ms" | "at"> & { changed: number };

interface News {
  cases: Line[];
  /** Every case in order, where that is news. */
  names: string[] | null;
  problem: string | null;
  is_running: boolean;
  is_watching: boolean;
  is_stepping: boolean;
  selection: string;
  about: Run["about"];
  edgeproof: string;
}

/** What a page can do of a run, and what it knows of it beside its cases. */
export interface Running {
  isConnected: boolean;
  isRunning: boolean;
  isWatching: boolean;
  /** Whether each step waits until somebody lets it be taken. */
  isStepping: boolean;
  problem: string | null;
  /** Runs these; all where none is named. */
  run: (names: string[]) => void;
  stop: () => void;
  watch: (on: boolean) => void;
  step: (on: boolean) => void;
  /** Lets the case take the step that it waits at. */
  next: (name: string) => void;
  /** Everything of a case, once it is there. */
  useCase: (one: Case | undefined) => Case | undefined;
}

export function Ui(): JSX.Element | null {
  const { news, cases, isConnected } = useNews();
  if (news === undefined) return null;
  const run: Run = {
    edgeproof: news.edgeproof,
    shard: null,
    worker: null,
    about: news.about,
    summary: { took_ms: cases.reduce((sum, { took_ms }) => sum + took_ms, 0) },
    cases,
    against: null,
  };
  const does = (path: string, what: unknown): void => void act(path, JSON.stringify(what)).catch(announceProblem);
  const running: Running = {
    isConnected,
    isRunning: news.is_running,
    isWatching: news.is_watching,
    isStepping: news.is_stepping,
    problem: news.problem,
    run: (names) => does("run", { names }),
    stop: () => does("stop", {}),
    watch: (on) => does("watch", { on }),
    step: (on) => does("step", { on }),
    next: (name) => does("next", { name }),
    useCase,
  };
  return <Report run={run} running={running} />;
}

/** What came of each case so far: those that did not change stay the same objects. */
function useNews(): { news: News | undefined; cases: Case[]; isConnected: boolean } {
  const [kept] = useState(() => ({ names: [] as string[], cases: new Map<string, Case>() }));
  const [shown, setShown] = useState<{ news: News | undefined; cases: Case[]; isConnected: boolean }>({ news: undefined, cases: [], isConnected: false });
  useEffect(() => {
    const stream = new EventSource("stream");
    stream.onmessage = (event: MessageEvent<string>) => {
      const news = JSON.parse(event.data) as News;
      for (const line of news.cases) kept.cases.set(line.name, { ...EMPTY, ...line });
      if (news.names !== null) kept.names = news.names;
      const cases = kept.names.flatMap((name) => kept.cases.get(name) ?? []);
      setShown({ news, cases, isConnected: true });
    };
    stream.onerror = () => setShown((before) => ({ ...before, isConnected: false }));
    return () => stream.close();
  }, []);
  return shown;
}

const EMPTY = { source: null, steps: [], hops: [], log: [], events: [], attacks: [], apps: [], screenshots: [] };

/** The case with everything; of one that runs, what it has done so far. */
function useCase(one: Case | undefined): Case | undefined {
  const changed = (one as (Case & Line) | undefined)?.changed;
  const whole = useAsked<{ case: Case; texts: string[]; pictures: string[] }>(one === undefined ? null : "case", { name: one?.name ?? "" }, `${one?.name} ${changed}`);
  if (one === undefined || whole === undefined || whole.case.name !== one.name) return one;
  return { ...unpacked(whole.case, whole.texts, whole.pictures), verdict: one.verdict, title: one.title, at: one.at };
}
