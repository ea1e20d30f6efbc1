// The head and the body of a request or a response.
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import type { Body, Hop, Pair } from "./data";
import { size } from "./shown";

/** JSON longer than this is shown as it is: laying it out would take longer than reading it. */
const LONGEST_PRETTY = 500_000;

export function Messages({ hop }: { hop: Hop }): JSX.Element {
  return (
    <div class="messages">
      <Message title={`Request ${hop.from} → ${hop.to}`} headers={hop.request_headers} bytes={hop.request_bytes} body={hop.request_body}>
        <b>{hop.method}</b> {hop.url}
      </Message>
      <Message title={`Response ${hop.to} → ${hop.from}`} headers={hop.response_headers} bytes={hop.response_bytes} body={hop.response_body}>
        {hop.status === null ? <b class="failed">no response</b> : <b>{hop.status}</b>}
      </Message>
    </div>
  );
}

interface Props {
  title: string;
  headers: Pair[];
  bytes: number;
  body: Body | null;
  children: ComponentChildren;
}

function Message({ title, headers, bytes, body, children }: Props): JSX.Element {
  return (
    <section>
      <h4>{title}</h4>
      <p class="mono start">{children}</p>
      {headers.length > 0 && (
        <dl class="headers mono">
          {headers.map(([name, value]) => (
            <div>
              <dt>{name}</dt>
              <dd class={value === "[redacted]" ? "dim" : ""}>{value}</dd>
            </div>
          ))}
        </dl>
      )}
      <Content body={body} bytes={bytes} />
    </section>
  );
}

type Look = "pretty" | "raw" | "hex";

function Content({ body, bytes }: { body: Body | null; bytes: number }): JSX.Element {
  const text = body?.text;
  const json = text === undefined ? undefined : pretty(text);
  const looks: Look[] = text === undefined ? [] : json === undefined ? ["raw", "hex"] : ["pretty", "raw", "hex"];
  const [asked, setLook] = useState<Look>("pretty");
  const look = looks.includes(asked) ? asked : (looks[0] ?? "hex");
  if (bytes === 0) return <p class="dim">no body</p>;
  if (body === null) return <p class="dim">a body of {size(bytes)}, not kept</p>;
  if (body.not_shown !== undefined) {
    return (
      <p class="dim">
        a body of {size(bytes)}: {body.not_shown}
      </p>
    );
  }
  return (
    <>
      <p class="looks">
        <span class="dim">
          {size(bytes)}
          {body.cut === true && ", of which this is the beginning"}
        </span>
        {looks.map((one) => (
          <button type="button" aria-pressed={one === look} onClick={() => setLook(one)}>
            {one}
          </button>
        ))}
      </p>
      <pre class={`body ${look}`} tabIndex={0}>{look === "pretty" ? json : look === "raw" ? text : hex(bytesOf(body))}</pre>
    </>
  );
}

/** The text as JSON over several lines, where it is JSON. */
function pretty(text: string): string | undefined {
  if (text.length > LONGEST_PRETTY || !/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return undefined;
  }
}

function bytesOf(body: Body): Uint8Array {
  if (body.base64 === undefined) return new TextEncoder().encode(body.text ?? "");
  return Uint8Array.from(atob(body.base64), (char) => char.charCodeAt(0));
}

/** Sixteen bytes a line: where, what, and what of it is readable. */
function hex(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < Math.min(bytes.length, 4096); at += 16) {
    const line = [...bytes.slice(at, at + 16)];
    const numbers = line.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const letters = line.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·")).join("");
    lines.push(`${at.toString(16).padStart(4, "0")}  ${numbers.padEnd(47)}  ${letters}`);
  }
  if (bytes.length > 4096) lines.push("…");
  return lines.join("\n");
}
