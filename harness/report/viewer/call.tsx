// One call: the sequence of its hops, the heads and bodies of the one that is chosen, and how to do it again.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { type Call, label } from "./calls";
import { copy, curl, step } from "./copy";
import { Messages } from "./message";
import { Sequence } from "./sequence";
import { time } from "./shown";

export function CallView({ call, events }: { call: Call; events: Record<string, unknown>[] }): JSX.Element {
  const [chosen, choose] = useState<number | null>(null);
  const hop = chosen === null ? undefined : call.hops[chosen];
  return (
    <section class="card call" aria-label={label(call.head)}>
      <p class="tools">
        <code>{label(call.head)}</code>
        <b class={call.head.status === null || call.head.status >= 400 ? "failed" : "passed"}>{call.head.status ?? "no response"}</b>
        {call.head.took_us !== null && <span class="dim">{time(call.head.took_us)}</span>}
        <button type="button" data-key="c" onClick={() => copy(curl(call.head))}>
          copy as curl
        </button>
        <button type="button" data-key="s" onClick={() => copy(step(call.head, call.hops))}>
          copy as step
        </button>
      </p>
      <Sequence call={call} chosen={chosen} choose={(one) => choose(one === chosen ? null : one)} />
      {hop !== undefined && <Messages hop={hop} />}
      {chosen === null && <p class="dim hint">Choose an arrow to see its headers and body.</p>}
      {events.map((event) => (
        <Json title={`The identification event ${String(event["event_id"] ?? "")}`} value={event} />
      ))}
    </section>
  );
}

/** A value that is folded away. */
export function Json({ title, value }: { title: string; value: unknown }): JSX.Element {
  return (
    <details>
      <summary>{title}</summary>
      <pre class="body" tabIndex={0}>{JSON.stringify(value, null, 2)}</pre>
    </details>
  );
}
