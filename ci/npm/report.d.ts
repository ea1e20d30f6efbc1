/** What `edgeproof run --report json=FILE` writes. */
export interface Report {
  /** The version of this format. */
  format: 1;
  /** The version of edgeproof that ran. */
  edgeproof: string;
  /** Which shard of the run this is, such as `2/3`; not in a whole run. */
  shard?: string;
  /** Which scenarios were asked for, in the words of the command line. */
  selection?: string;
  /** The worker under test, as the command line or the project names it. */
  worker?: string;
  /** When, where and how it was run. */
  about?: About;
  /** What came of the same cases with the worker of `--against`. */
  against?: Report;
  /** The deployed site of `--target`; not in a run in rigs. */
  target?: Target;
  summary: Summary;
  /** In the order of the plan. */
  cases: Case[];
}

export interface About {
  /** RFC 3339. */
  started: string;
  command: string;
  /** The same without what chose its scenarios: with `--filter` it runs one of them again. */
  again?: string;
  /** Operating system, processor and cores. */
  machine: string;
  /** Of the runtime and the browsers, by name. */
  versions: { [name: string]: string };
}

export interface Target {
  /** The target file. */
  file: string;
  /** The name of the run, as every request said it. */
  run: string;
  /** The hosts of scenarios, each with the one that was visited. */
  hosts: Record<string, string>;
  /** What the deployment file says beside what is deployed. */
  drift: DriftRow[];
  /** Why that was not compared. */
  not_compared?: string;
  /** In the order of the plan. */
  cases: CaseAtTarget[];
  /** With `--against-report`: the same cases in rigs. */
  against?: SideBySide[];
}

export interface DriftRow {
  what: string;
  /** Null where the file says nothing. */
  file: string | null;
  /** Null where there is nothing. */
  deployed: string | null;
  /** Null where it cannot be known. */
  same: boolean | null;
}

export interface CaseAtTarget {
  name: string;
  /** The expectations that visitors saw. */
  seen: string[];
  /** The expectations that were looked up, and where. */
  looked_up: string[];
  /** The expectations of which nothing is known; none of them counts as passed. */
  not_observable: { what: string; why: string; line: number | null }[];
  /** The steps that may change something. */
  changes: string[];
  /** Why it did not run. */
  skipped?: string;
}

export interface SideBySide {
  name: string;
  outcome: "same" | "differs" | "not_observable";
  /** What came of it in a rig; null where it was not run there. */
  local: string | null;
  /** What came of it at the target. */
  target: string;
  /** The first expectation that was not met, or why nothing is known. */
  local_failure?: string;
  target_failure?: string;
}

export interface Summary {
  passed: number;
  failed: number;
  /** The harness or its surroundings failed, so nothing is known. */
  errors: number;
  skipped: number;
  /** Failures of scenarios that only ask or look (`kind: optional`, `kind: observe`). */
  observed: number;
  known_failures: number;
  /** In milliseconds. */
  took_ms: number;
}

export interface Case {
  name: string;
  /** What it proves. */
  title: string;
  file: string;
  tags: string[];
  /** The documents its rule comes from. */
  refs: string[];
  verdict: Verdict;
  /** More than one only where retries were asked for. */
  attempts: number;
  /** In milliseconds. */
  took_ms: number;
  /** Every hop of every request, in the order of arrival. */
  hops: Hop[];
  /** What the workers wrote to their console. */
  log: string[];
  /** What the apps printed that were started for it. */
  apps: App[];
  /** What each browser showed when the case failed. */
  screenshots: Screenshot[];
  /** The workers of its deployments; `under test` is the one that was asked for. */
  workers: string[];
  /** As far as they were taken. */
  steps: Step[];
  /** The identification events, in order. */
  events: { ray: string | null; event: { [name: string]: unknown } }[];
  /** The attacks that the filtering node found. */
  attacks: { [name: string]: unknown }[];
  /** The text of its file, where it did not pass. */
  source: string | null;
}

export interface Step {
  /** Such as `click #create`. */
  title: string;
  visitor: string | null;
  place: { file: string; line: number; column: number } | null;
  /** Microseconds since the rig started. */
  started_us: number;
  took_us: number;
  held: boolean;
  /** What the page printed meanwhile. */
  console: string[];
  /** JPEG in Base64. */
  picture: string | null;
}

export type Verdict =
  | "passed"
  | { failed: Failure[] }
  /** Why nothing is known. */
  | { error: string }
  /** Why it was not run. */
  | { skipped: string }
  | { observed: Failure[] }
  | { known_failure: { reason: string; link: string } };

export interface Failure {
  /** Such as `expected status 200`. */
  claim: string;
  /** Such as `got 403`. */
  actual: string;
  /** Where the expectation stands. */
  excerpt: Excerpt | null;
  /** What the author of the scenario wants to be told. */
  message: string | null;
  /** The recorded request that comes nearest to the one that is missing. */
  nearest: string | null;
  /** The request it is about. */
  call: string | null;
  /** The exchanges that request caused. */
  journey: Hop[];
  notes: Note[];
  /** What to do about it. */
  way_out: string | null;
}

export interface Excerpt {
  place: { file: string; line: number; column: number };
  first_line: number;
  /** Lines of the file. */
  text: string;
  /** Where in `text`, in bytes. */
  start: number;
  /** In bytes. */
  length: number;
}

export interface Note {
  title: string;
  lines: string[];
}

export interface Hop {
  /** Which visitor's request it belongs to. */
  ray: string | null;
  from: string;
  to: string;
  /** 0 is the visitor's own request. */
  depth: number;
  method: string;
  url: string;
  status: number | null;
  /** Microseconds since the rig started. */
  started_us: number;
  /** Microseconds to the head of the response. */
  took_us: number | null;
  /** The decision taken here, and why. */
  decision: string | null;
  fault: string | null;
  /** What the worker threw here that nobody caught, with its stack. */
  exception: string | null;
  request_headers: [name: string, value: string][];
  request_bytes: number;
  response_headers: [name: string, value: string][];
  response_bytes: number;
  /** Where it was kept. */
  request_body: Body | null;
  response_body: Body | null;
  /** What the worker wrote to its console here, where no other hop can have led to it. */
  log: string[];
}

/** A body without its content codings, as far as it may be shown. */
export type Body = ({ text: string } | { base64: string } | { not_shown: string }) & {
  /** Whether this is only its beginning. */
  cut?: boolean;
};

export interface App {
  command: string;
  printed: Line[];
}

export interface Line {
  stream: "output" | "error";
  text: string;
}

export interface Screenshot {
  visitor: string;
  /** Base64. */
  jpeg: string;
}
