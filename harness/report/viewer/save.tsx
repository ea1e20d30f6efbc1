// Calls that one has picked, written as a scenario beside the one that runs.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { copy } from "./copy";
import { type Line, act, reason } from "./live";

interface Saved {
  file: string;
  /** Variables of the environment that stand in place of secrets. */
  variables: string[];
  /** What runs it as the rig runs. */
  command: string;
}

export function Save({ picked, forget }: { picked: Line[]; forget: () => void }): JSX.Element {
  const [written, setWritten] = useState({ name: "", title: "" });
  const [saved, setSaved] = useState<Saved | string | null>(null);
  const first = picked[0];
  // What was said is of those that were picked then.
  useEffect(() => setSaved(null), [picked.length]);
  const name = written.name || proposed(first);
  const title = written.title || `What came of ${picked.length === 1 ? `${first?.method} ${first?.url.replace(/^https?:\/\//, "").replace(/\?.*/, "")}` : `${picked.length} calls`}`;
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    try {
      setSaved(await act<Saved>("save", JSON.stringify({ name, title, calls: picked.map(({ id }) => id) })));
    } catch (problem) {
      setSaved(reason(problem));
    }
  };
  return (
    <form class="card save" aria-label="Save as scenario" onSubmit={save}>
      <h2>{picked.length === 1 ? "One call is picked" : `${picked.length} calls are picked`}</h2>
      <ol class="mono">
        {picked.map(({ id, method, url, status }) => (
          <li key={id}>
            <b>{status ?? "…"}</b> {method} {url.replace(/^https?:\/\//, "")}
          </li>
        ))}
      </ol>
      <label>
        it proves <input value={title} onInput={(event) => setWritten({ ...written, title: event.currentTarget.value })} />
      </label>
      <label>
        file <input class="mono" value={name} pattern="[A-Za-z0-9][A-Za-z0-9_\-]*" onInput={(event) => setWritten({ ...written, name: event.currentTarget.value })} />
        .yaml
      </label>
      <p class="tools">
        <button type="submit">save as scenario</button>
        <button type="button" onClick={forget}>
          pick none
        </button>
      </p>
      <div role="status">{typeof saved === "string" ? <pre class="failed">{saved}</pre> : saved !== null && <Next saved={saved} />}</div>
    </form>
  );
}

/** What one does with it. */
function Next({ saved: { file, variables, command: run } }: { saved: Saved }): JSX.Element {
  const command = [...variables.map((name) => `export ${name}=…`), run].join("\n");
  return (
    <>
      <p class="passed">{file} is written, with the steps that were taken before. It expects what happened.</p>
      {variables.length > 0 && <p>What was typed or sent in secret is not in it; set it:</p>}
      <pre>{command}</pre>
      <button type="button" onClick={() => copy(command)}>
        copy the command
      </button>
    </>
  );
}

/** A name from the path of the call. */
function proposed(line: Line | undefined): string {
  const path = (line?.url ?? "").replace(/^https?:\/\/[^/]*/, "").replace(/\?.*/, "");
  const name = path.replace(/[^A-Za-z0-9]+/g, "_").replace(/^_|_$/g, "").slice(0, 40);
  return `${name || "calls"}_${line?.status ?? "saved"}`;
}
