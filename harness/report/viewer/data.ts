// What a run and a live rig tell the viewer: the records of `edgeproof run --report json=FILE`, and what only the viewer gets.
// Everything in here is hostile: bodies, headers and names come from sites.

export type Pair = [name: string, value: string];

/** A body as far as it may be shown: one of `text`, `base64` and `not_shown`. */
export interface Body {
  text?: string;
  base64?: string;
  /** Why nothing is shown. */
  not_shown?: string;
  /** Whether this is only its beginning. */
  cut?: boolean;
}

export interface Hop {
  ray: string | null;
  from: string;
  to: string;
  method: string;
  url: string;
  status: number | null;
  /** Microseconds since the rig started. */
  started_us: number;
  took_us: number | null;
  decision: string | null;
  fault: string | null;
  exception: string | null;
  /** What the worker wrote to its console meanwhile. */
  log: string[];
  request_headers: Pair[];
  request_bytes: number;
  request_body: Body | null;
  response_headers: Pair[];
  response_bytes: number;
  response_body: Body | null;
}

export interface Excerpt {
  place: { file: string; line: number; column: number };
  first_line: number;
  text: string;
  /** In bytes of UTF-8. */
  start: number;
  length: number;
}

export interface Failure {
  claim: string;
  actual: string;
  excerpt: Excerpt | null;
  message: string | null;
  nearest: string | null;
  call: string | null;
  notes: { title: string; lines: string[] }[];
  way_out: string | null;
  /** The ray of the call it is about. */
  ray?: string | null;
}

export type Verdict =
  | "passed"
  | "not run"
  | "waiting"
  | "running"
  | { failed: Failure[] }
  | { error: string }
  | { skipped: string }
  | { observed: Failure[] }
  | { known_failure: { reason: string; link: string } };

/** The number of a picture in the page, or the picture itself. */
export type Picture = number | string | null;

export interface Step {
  title: string;
  visitor: string | null;
  place: { file: string; line: number } | null;
  started_us: number;
  took_us: number;
  held: boolean;
  console: string[];
  picture: Picture;
}

/** Where a case is that runs. */
export interface At {
  /** Which of the steps, from 1. */
  number: number;
  of: number;
  /** Whether somebody who goes step by step lets it be taken. */
  may_go_on: boolean;
  step: Step | null;
}

export interface Case {
  name: string;
  title: string;
  file: string;
  tags: string[];
  refs: string[];
  workers: string[];
  verdict: Verdict;
  attempts: number;
  took_ms: number;
  source: string | null;
  steps: Step[];
  hops: Hop[];
  log: string[];
  events: { ray: string | null; event: Record<string, unknown> }[];
  attacks: Record<string, unknown>[];
  apps: { command: string; printed: { stream: string; text: string }[] }[];
  screenshots: { visitor: string; picture: Picture }[];
  at?: At | null | undefined;
}

export interface Run {
  edgeproof: string;
  shard: string | null;
  worker: string | null;
  about: { started: string; command: string; again?: string; machine: string; versions: Record<string, string> } | null;
  summary: { took_ms: number };
  cases: Case[];
  /** The same cases with another worker. */
  against: Run | null;
}

/** The name of a verdict. */
export function word(verdict: Verdict): string {
  if (typeof verdict === "string") return verdict;
  return (Object.keys(verdict)[0] ?? "").replace("_", " ");
}

export function failures(verdict: Verdict): Failure[] {
  if (typeof verdict === "string") return [];
  if ("failed" in verdict) return verdict.failed;
  return "observed" in verdict ? verdict.observed : [];
}

/** Whether somebody has to look at it. */
export function isBad(verdict: Verdict): boolean {
  return ["failed", "error"].includes(word(verdict));
}

/** One that passed only when it was tried again. */
export function isFlaky(one: Case): boolean {
  return one.attempts > 1 && one.verdict === "passed";
}

/** A failure in one sentence, as the terminal has it. */
export function sentence({ claim, actual }: Failure): string {
  const continues = ["got", "found", "but ", "so ", "which "].some((start) => actual.startsWith(start));
  return `${claim}${continues ? ", " : ", but "}${actual}`;
}

/** The folder of a case, and what a matrix made of its file: `flow/faults` and `["closed", "refused"]`. */
export function place(one: Case): { folder: string; stem: string; labels: string[] } {
  const parts = one.name.split("::");
  const file = (one.file.split(/[\\/]/).pop() ?? "").replace(/\.ya?ml$/, "");
  const at = Math.max(parts.lastIndexOf(file), 0);
  return { folder: parts.slice(0, at).join("/") || ".", stem: parts[at] ?? one.name, labels: parts.slice(at + 1) };
}

/** Reads what stands in the page: Base64 of gzip of JSON, so that nothing in it can be taken for markup. */
export async function embedded(): Promise<Run> {
  const text = document.getElementById("data")?.textContent ?? "";
  const bytes = Uint8Array.from(atob(text.trim()), (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const { texts, ...run } = (await new Response(stream).json()) as Run & { texts: string[] };
  for (const one of [...run.cases, ...(run.against?.cases ?? [])]) unpacked(one, texts);
  return run;
}

/** The case with its long texts, and its pictures where they are not in the page, in their places: both stand in the data once. */
export function unpacked(one: Case, texts: string[], pictures?: string[]): Case {
  for (const hop of one.hops) {
    for (const body of [hop.request_body, hop.response_body]) {
      if (typeof body?.text === "number") body.text = texts[body.text] ?? "";
    }
  }
  for (const shown of [...one.steps, ...one.screenshots]) {
    if (pictures !== undefined && typeof shown.picture === "number") shown.picture = pictures[shown.picture] ?? null;
  }
  return one;
}
