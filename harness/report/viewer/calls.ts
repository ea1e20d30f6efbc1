// The hops of a case, gathered to the calls of its visitors.
import type { Hop } from "./data";

/** A visitor's request with everything it led to; or a request that belongs to none. */
export interface Call {
  hops: Hop[];
  /** The first hop: the visitor's own. */
  head: Hop;
  /** By which addresses name it. */
  id: string;
}

const LANES = ["visitor", "operator", "edge", "worker", "Fingerprint", "Wallarm node", "control plane", "origin", "elsewhere"];

/** Hops with one ray are one call, in the order in which calls began. */
export function calls(hops: Hop[]): Call[] {
  const byRay = new Map<string, Hop[]>();
  const all: Hop[][] = [];
  for (const hop of hops) {
    const known = hop.ray === null ? undefined : byRay.get(hop.ray);
    if (known !== undefined) {
      known.push(hop);
      continue;
    }
    const fresh = [hop];
    all.push(fresh);
    if (hop.ray !== null) byRay.set(hop.ray, fresh);
  }
  return all.map((own, index) => call(own, index));
}

export function call(hops: Hop[], index: number): Call {
  const head = hops.find((hop) => hop.from === "visitor") ?? (hops[0] as Hop);
  return { hops, head, id: head.ray ?? String(index) };
}

/** Who takes part, from the visitor to the origin. */
export function parties(hops: Hop[]): string[] {
  const there = new Set(hops.flatMap((hop) => [hop.from, hop.to]));
  const known = LANES.filter((lane) => there.has(lane));
  return [...known, ...[...there].filter((party) => !LANES.includes(party))];
}

/** One arrow of a sequence. */
export interface Arrow {
  hop: Hop;
  isResponse: boolean;
  from: string;
  to: string;
  /** Microseconds since the call began. */
  at: number;
}

/** Requests and responses in the order of time. */
export function arrows(hops: Hop[]): Arrow[] {
  const begin = Math.min(...hops.map((hop) => hop.started_us));
  const all = hops.flatMap((hop): Arrow[] => {
    const request = { hop, isResponse: false, from: hop.from, to: hop.to, at: hop.started_us - begin };
    if (hop.took_us === null) return [request];
    return [request, { hop, isResponse: true, from: hop.to, to: hop.from, at: request.at + hop.took_us }];
  });
  return all.sort((left, right) => left.at - right.at);
}

/** `POST shop.example/api/login`. */
export function label(hop: Hop): string {
  return `${hop.method} ${short(hop.url)}`;
}

/** A URL without what is the same everywhere. */
export function short(url: string): string {
  return url.replace(/^https:\/\//, "");
}

export function isBadStatus(status: number | null): boolean {
  return status === null || status >= 400;
}
