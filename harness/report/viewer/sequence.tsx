// A call as a sequence: a lane for each party, an arrow for each request and response, and what was decided where.
import type { JSX } from "preact";
import { type Arrow, type Call, arrows, isBadStatus, parties, short } from "./calls";
import type { Hop } from "./data";
import { size, time } from "./shown";

interface Props {
  call: Call;
  /** The number of the hop whose heads are shown. */
  chosen: number | null;
  choose: (hop: number) => void;
}

export function Sequence({ call, chosen, choose }: Props): JSX.Element {
  const lanes = parties(call.hops);
  const count = { "--lanes": lanes.length };
  return (
    <div class="sequence" style={count}>
      <div class="lanes" aria-hidden="true">
        {lanes.map((lane) => (
          <b>{lane}</b>
        ))}
      </div>
      <ol aria-label={`The way of the call: ${lanes.join(", ")}`}>
        {arrows(call.hops).map((arrow) => {
          const hop = call.hops.indexOf(arrow.hop);
          return <Row arrow={arrow} lanes={lanes} isChosen={hop === chosen} choose={() => choose(hop)} />;
        })}
      </ol>
    </div>
  );
}

interface RowProps {
  arrow: Arrow;
  lanes: string[];
  isChosen: boolean;
  choose: () => void;
}

function Row({ arrow, lanes, isChosen, choose }: RowProps): JSX.Element {
  const [from, to] = [lanes.indexOf(arrow.from), lanes.indexOf(arrow.to)];
  const place = { "--from": Math.min(from, to), "--span": Math.abs(to - from) };
  const isBad = arrow.isResponse ? isBadStatus(arrow.hop.status) : arrow.hop.status === null;
  const kind = [to < from ? "left" : "right", arrow.isResponse ? "response" : "", isBad ? "bad" : ""].join(" ");
  return (
    <li class={kind} style={place}>
      <button type="button" aria-pressed={isChosen} onClick={choose}>
        <span class="says">
          <span class="unseen">
            {arrow.from} to {arrow.to}:{" "}
          </span>
          {arrow.isResponse ? <Response hop={arrow.hop} /> : <Request hop={arrow.hop} />}
        </span>
        <i class="arrow" aria-hidden="true" />
      </button>
      {!arrow.isResponse && <Notes hop={arrow.hop} />}
    </li>
  );
}

function Request({ hop }: { hop: Hop }): JSX.Element {
  const signals = hop.request_headers.some(([name]) => name.toLowerCase() === "fp-data");
  return (
    <>
      {hop.method} {short(hop.url)}
      <small>
        {hop.request_bytes > 0 && ` ${size(hop.request_bytes)}`}
        {signals && " · fp-data"}
        {hop.status === null && " · no response"}
      </small>
    </>
  );
}

function Response({ hop }: { hop: Hop }): JSX.Element {
  return (
    <>
      <b>{hop.status}</b>
      <small>
        {" "}
        {time(hop.took_us ?? 0)} · {size(hop.response_bytes)}
      </small>
    </>
  );
}

/** What happened at the one who was asked. */
function Notes({ hop }: { hop: Hop }): JSX.Element | null {
  const { decision, fault, exception, log } = hop;
  if (decision === null && fault === null && exception === null && log.length === 0) return null;
  return (
    <div class="notes">
      {decision !== null && <p>{decision}</p>}
      {fault !== null && <p class="skipped">fault: {fault}</p>}
      {exception !== null && <pre class="failed">{exception}</pre>}
      {log.length > 0 && <pre aria-label="The worker's log">{log.join("\n")}</pre>}
    </div>
  );
}
