// Calls as commands and as steps, and the way to the clipboard.
import { type Body, type Hop } from "./data";

/** Headers that every client makes by itself, or the edge adds. */
const OWN = /^(host|content-length|connection|accept-encoding|transfer-encoding|cf-.*|x-forwarded-.*|x-real-ip|true-client-ip|cdn-loop|sec-.*|upgrade-insecure-requests|priority)$/i;

function ownHeaders(hop: Hop): [string, string][] {
  return hop.request_headers.filter(([name]) => !OWN.test(name));
}

/** A body that can be written down. */
function text(body: Body | null): string | undefined {
  return body?.cut === true ? undefined : body?.text;
}

/** The call as a command of a POSIX shell. */
export function curl(hop: Hop): string {
  const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
  const words = ["curl", "--request", quoted(hop.method), quoted(hop.url)];
  for (const [name, value] of ownHeaders(hop)) words.push("--header", quoted(`${name}: ${value}`));
  const body = text(hop.request_body);
  if (body !== undefined && body !== "") words.push("--data-raw", quoted(body));
  return words.join(" ");
}

/** The call as a step of a scenario, which expects what happened. JSON is YAML too. */
export function step(hop: Hop, hops: Hop[]): string {
  const lines = ["- request:", `    method: ${JSON.stringify(hop.method)}`, `    url: ${written(hop.url)}`];
  const headers = new Map<string, string[]>();
  for (const [name, value] of ownHeaders(hop)) headers.set(name, [...(headers.get(name) ?? []), value]);
  if (headers.size > 0) lines.push("    headers:");
  for (const [name, values] of headers) {
    const value = values.length === 1 ? written(values[0] ?? "") : `[${values.map(written).join(", ")}]`;
    lines.push(`      ${JSON.stringify(name)}: ${value}`);
  }
  const body = text(hop.request_body);
  if (body !== undefined && body !== "") lines.push(`    body: ${written(body)}`);
  if (hop.status !== null) {
    const reached = hops.some((other) => other.to === "origin");
    lines.push("  expect:", `    status: ${hop.status}`, `    origin: { reached: ${reached} }`);
  }
  return `${lines.join("\n")}\n`;
}

/** A text of YAML, in which `${` stands for itself. */
function written(value: string): string {
  return JSON.stringify(value.replaceAll("${", "$${"));
}

/** Copies a text, or gives it to be copied by hand. */
export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    announce("Copied");
  } catch {
    prompt("Copy this text:", text);
  }
}

/** Says something in passing, to screen readers too. */
export function announce(text: string): void {
  const place = document.getElementById("told");
  if (place === null) return;
  place.textContent = text;
  setTimeout(() => {
    if (place.textContent === text) place.textContent = "";
  }, 2000);
}
