// What is shown stands in the address, so that it can be sent to somebody: `#failed`, `#tag=flow&q=incognito`, `#case=flow::a`.
import { useLayoutEffect, useState } from "preact/hooks";

export type Address = ReadonlyMap<string, string>;

/** Words that stand without a value, and keys. What is neither is the name of a case, as in links of older reports. */
const KNOWN = /^(failed|error|passed|skipped|observed|known failure|flaky|differs|running|waiting|not run|tag|folder|worker|visitor|q|case|step|call|log|run)$/;

export function parse(hash: string): Address {
  const address = new Map<string, string>();
  for (const part of hash.replace(/^#/, "").split("&").filter(Boolean)) {
    const at = part.indexOf("=");
    const key = decoded(at < 0 ? part : part.slice(0, at));
    if (!KNOWN.test(key)) address.set("case", decoded(part));
    else address.set(key, at < 0 ? "" : decoded(part.slice(at + 1)));
  }
  return address;
}

/** The address with these changes; `null` takes a key away. */
export function link(address: Address, changes: Record<string, string | null>): string {
  const all = new Map(address);
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) all.delete(key);
    else all.set(key, value);
  }
  return `#${[...all].map(([key, value]) => encoded(key) + (value === "" ? "" : `=${encoded(value)}`)).join("&")}`;
}

export function useAddress(): Address {
  const [address, setAddress] = useState(() => parse(location.hash));
  // Before the page is shown: what somebody types at once changes the address.
  useLayoutEffect(() => {
    const changed = (): void => setAddress(parse(location.hash));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return address;
}

/** Goes there; `inPlace` leaves no entry behind to come back to. */
export function go(to: string, inPlace = false): void {
  if (!inPlace) {
    location.hash = to;
    return;
  }
  history.replaceState(null, "", to === "#" ? location.pathname + location.search : to);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

function encoded(text: string): string {
  return encodeURIComponent(text).replace(/%(3A|2F)/g, decodeURIComponent);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
