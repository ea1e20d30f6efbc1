// The viewer of a running rig: its calls while they happen, one of them in full, its state and its levers.
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { type Address, go, link, useAddress } from "./address";
import { CallView } from "./call";
import { call, isBadStatus } from "./calls";
import { Frame, Search, useKeys } from "./frame";
import { type Details, type Line, type State, ask, useLive } from "./live";
import { Rows } from "./rows";
import { time } from "./shown";
import { StateView } from "./state";

export function Console(): JSX.Element {
  const address = useAddress();
  const [isPaused, setPaused] = useState(false);
  const { lines, changes, isConnected, clear } = useLive(isPaused);
  const shown = useMemo(() => lines.filter((line) => isMeant(line, address)).reverse(), [lines, address]);
  const chosen = lines.find(({ id }) => id === address.get("call"));
  const state = useAsked<State>("state", {}, `${changes}`);
  const step = (by: number): void => {
    const to = shown[shown.findIndex(({ id }) => id === chosen?.id) + by];
    if (to !== undefined) go(link(address, { call: to.id }));
  };
  useKeys({ j: () => step(1), k: () => step(-1), Escape: () => go(link(address, { call: null })) });
  return (
    <Frame
      isOpen={chosen !== undefined}
      bar={
        <>
          <span class={isConnected ? "passed" : "failed"}>{isConnected ? "live" : "not connected"}</span>
          <span class="filters">
            <a class="chip failed" aria-current={address.has("failed") ? "true" : undefined} href={link(address, { failed: address.has("failed") ? null : "" })}>
              {lines.filter(({ status }) => isBadStatus(status)).length} failed
            </a>
            <a class="chip" href={link(new Map(), {})}>
              {lines.length} calls
            </a>
          </span>
          <Search value={address.get("q") ?? ""} hint="Search: method, URL, status, decision …" search={(q) => go(link(address, { q: q === "" ? null : q }), true)} />
          <button type="button" aria-pressed={isPaused} onClick={() => setPaused(!isPaused)}>
            pause
          </button>
          <button type="button" onClick={clear}>
            clear
          </button>
        </>
      }
      list={<Rows rows={shown} label="Calls, the latest first" row={(line) => <Row key={line.id} line={line} address={address} />} />}
    >
      {chosen !== undefined ? <Chosen line={chosen} address={address} /> : state !== undefined && <StateView state={state} />}
    </Frame>
  );
}

function isMeant(line: Line, address: Address): boolean {
  if (address.has("failed") && !isBadStatus(line.status)) return false;
  const words = (address.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const text = `${line.method} ${line.url} ${line.status ?? ""} ${line.from} ${line.told}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

function Row({ line, address }: { line: Line; address: Address }): JSX.Element {
  return (
    <li>
      <a href={link(address, { call: line.id })} aria-current={line.id === address.get("call") ? "true" : undefined} title={line.url}>
        <b class={isBadStatus(line.status) ? "failed" : "passed"}>{line.status ?? "…"}</b>
        <span>
          {line.method} {line.url.replace(/^https?:\/\//, "")}
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
      </p>
      {details.hops.length === 0 ? (
        <p>This call is so long ago that it is forgotten.</p>
      ) : (
        <CallView key={line.id} call={call(details.hops, 0)} events={details.events.map(({ event }) => event)} />
      )}
    </article>
  );
}

/** What the rig answers, asked again whenever `when` changes. */
function useAsked<T>(path: string, query: Record<string, string>, when: string): T | undefined {
  const [answered, setAnswered] = useState<T>();
  useEffect(() => {
    let isLate = false;
    ask<T>(path, query).then(
      (answer) => {
        if (!isLate) setAnswered(answer);
      },
      () => undefined,
    );
    return () => {
      isLate = true;
    };
  }, [path, when]);
  return answered;
}
