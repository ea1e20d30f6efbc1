// The viewer of a running rig: its calls while they happen, one of them in full, its state and its levers.
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { type Address, go, link, useAddress } from "./address";
import { CallView } from "./call";
import { call, isBadStatus } from "./calls";
import { Frame, Search, useKeys } from "./frame";
import { type Details, type Line, type State, useAsked, useLive } from "./live";
import { LogView } from "./log";
import { Rows } from "./rows";
import { Save } from "./save";
import { time } from "./shown";
import { StateView } from "./state";

export function Console(): JSX.Element {
  const address = useAddress();
  const [isPaused, setPaused] = useState(false);
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const { lines, log, changes, isConnected, clear } = useLive(isPaused);
  const shown = useMemo(() => lines.filter((line) => isMeant(line, address)).reverse(), [lines, address]);
  const picked = useMemo(() => lines.filter(({ id }) => ids.has(id)), [lines, ids]);
  const chosen = lines.find(({ id }) => id === address.get("call"));
  const state = useAsked<State>("state", {}, `${changes}`);
  const step = (by: number): void => {
    const to = shown[shown.findIndex(({ id }) => id === chosen?.id) + by];
    if (to !== undefined) go(link(address, { call: to.id, log: null }));
  };
  const pick = (line: Line | undefined): void => {
    if (line === undefined || !isPickable(line)) return;
    const now = new Set(ids);
    if (!now.delete(line.id)) now.add(line.id);
    setIds(now);
  };
  useKeys({ j: () => step(1), k: () => step(-1), x: () => pick(chosen), Escape: () => go(link(address, { call: null, log: null })) });
  return (
    <Frame
      isOpen={chosen !== undefined || address.has("log")}
      keys={{ x: "pick for a scenario" }}
      bar={
        <>
          <span class={isConnected ? "passed" : "failed"}>{isConnected ? "live" : "not connected"}</span>
          <Filters lines={lines} logged={log.length} address={address} />
          <Search value={address.get("q") ?? ""} hint="Search: method, URL, status, decision …" search={(q) => go(link(address, { q: q === "" ? null : q }), true)} />
          <button type="button" aria-pressed={isPaused} onClick={() => setPaused(!isPaused)}>
            pause
          </button>
          <button type="button" onClick={clear}>
            clear
          </button>
        </>
      }
      list={<Rows rows={shown} label="Calls, the latest first" row={(line) => <Row key={line.id} line={line} address={address} isPicked={ids.has(line.id)} pick={pick} />} />}
    >
      {picked.length > 0 && <Save picked={picked} forget={() => setIds(new Set())} />}
      {address.has("log") ? (
        <LogView lines={log} address={address} />
      ) : chosen !== undefined ? (
        <Chosen line={chosen} address={address} />
      ) : (
        state !== undefined && <StateView state={state} />
      )}
    </Frame>
  );
}

/** A visitor's call can be made again. */
function isPickable(line: Line): boolean {
  return line.from === "visitor";
}

function Filters({ lines, logged, address }: { lines: Line[]; logged: number; address: Address }): JSX.Element {
  const visitors = new Set<string>();
  const workers = new Set<string>();
  let failed = 0;
  for (const line of lines) {
    if (isBadStatus(line.status)) failed += 1;
    if (line.visitor !== null) visitors.add(line.visitor);
    for (const worker of line.workers) workers.add(worker);
  }
  const on = (key: string): boolean => address.has(key);
  return (
    <span class="filters">
      <a class="chip failed" aria-current={on("failed") ? "true" : undefined} href={link(address, { failed: on("failed") ? null : "" })}>
        {failed} failed
      </a>
      <a class="chip" href={link(new Map(), {})}>
        {lines.length} calls
      </a>
      <a class="chip" aria-current={on("log") ? "true" : undefined} href={link(address, { log: on("log") ? null : "", call: null })}>
        log {logged}
      </a>
      <Choice name="visitor" values={visitors} address={address} />
      <Choice name="worker" values={workers} address={address} />
    </span>
  );
}

/** One of several, or all of them. */
function Choice({ name, values, address }: { name: string; values: Set<string>; address: Address }): JSX.Element | null {
  const chosen = address.get(name) ?? "";
  const all = [...values, ...(chosen === "" || values.has(chosen) ? [] : [chosen])].sort();
  if (all.length === 0) return null;
  return (
    <select aria-label={`Only of this ${name}`} value={chosen} onChange={({ currentTarget: { value } }) => go(link(address, { [name]: value === "" ? null : value }))}>
      <option value="">every {name}</option>
      {all.map((value) => (
        <option key={value} value={value}>
          {value}
        </option>
      ))}
    </select>
  );
}

function isMeant(line: Line, address: Address): boolean {
  if (address.has("failed") && !isBadStatus(line.status)) return false;
  if (address.has("visitor") && line.visitor !== address.get("visitor")) return false;
  if (address.has("worker") && !line.workers.includes(address.get("worker") ?? "")) return false;
  const words = (address.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const text = `${line.method} ${line.url} ${line.status ?? ""} ${line.from} ${line.visitor ?? ""} ${line.told}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

interface RowProps {
  line: Line;
  address: Address;
  isPicked: boolean;
  pick: (line: Line) => void;
}

function Row({ line, address, isPicked, pick }: RowProps): JSX.Element {
  const where = line.url.replace(/^https?:\/\//, "");
  const host = where.replace(/[/?].*/s, "");
  const label = `${line.method} ${where}`;
  return (
    <li>
      <input type="checkbox" aria-label={`Pick ${label}`} checked={isPicked} disabled={!isPickable(line)} onChange={() => pick(line)} />
      <a href={link(address, { call: line.id, log: null })} aria-current={line.id === address.get("call") ? "true" : undefined} title={line.url}>
        <b class={isBadStatus(line.status) ? "failed" : "passed"}>{line.status ?? "…"}</b>
        <span class="where">
          {`${line.method} `}
          <span>{host}</span>
          <span>{where.slice(host.length)}</span>
        </span>
        {line.took_us !== null && <small>{time(line.took_us)}</small>}
      </a>
    </li>
  );
}

/** Everything of a call; asked for again when there is more of it. */
function Chosen({ line, address }: { line: Line; address: Address }): JSX.Element | null {
  const details = useAsked<Details>("call", { id: line.id, first: String(line.first) }, `${line.id} ${line.hops} ${line.status ?? ""}`);
  if (details === undefined) return null;
  return (
    <article>
      <p class="facts">
        <a href={link(address, { call: null })}>the state of the rig</a>
        {line.visitor !== null && <span class="dim">by {line.visitor}</span>}
      </p>
      {details.hops.length === 0 ? (
        <p>This call is so long ago that it is forgotten.</p>
      ) : (
        <CallView key={line.id} call={call(details.hops, 0)} events={details.events.map(({ event }) => event)} />
      )}
    </article>
  );
}
