// What can be changed of a running rig. Each lever writes a step, which is taken when one says so, and can be kept.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { copy } from "./copy";
import { type State, reason, take } from "./live";

const FAULTS = ["refuse", "reset", "hang", "tls", "no_such_name", "{ delay: 3000 }", "{ answer: { status: 500 } }", "{ truncate: 20 }"];
const SIGNALS = ["incognito", "vpn", "proxy", "tampering", "virtual_machine", "developer_tools"];

/** What may be chosen, each with the step that it stands for. */
function choices({ given }: State): Record<string, Record<string, string>> {
  const all: Record<string, Record<string, string>> = {};
  const deployments = Object.entries(given.deployments ?? {});
  const set = (what: string): string => `set: { ${what} }`;
  for (const [name, now] of deployments) {
    const change = (what: string): string => set(`deployments: { ${written(name)}: { ${what} } }`);
    const rulesets = Object.keys(given.rulesets ?? {}).filter((ruleset) => ruleset !== now.ruleset);
    all[`Deployment ${name}`] = {
      ...Object.fromEntries(rulesets.map((ruleset) => [`ruleset ${ruleset}`, change(`ruleset: ${written(ruleset)}`)])),
      "failure mode open": change("failure_mode: open"),
      "failure mode closed": change("failure_mode: closed"),
      "deploy again": change(""),
    };
  }
  for (const part of ["ingress", "origin", "cdn", "wallarm"]) {
    all[`Fault on ${part}`] = Object.fromEntries(FAULTS.map((fault) => [fault, set(`faults: [{ on: ${part}, fault: ${fault} }]`)]));
  }
  all["No faults"] = { "end all faults": set("faults: []") };
  all["Signals"] = { ...Object.fromEntries(SIGNALS.map((signal) => [`${signal}: true`, set(`signals: { ${signal}: true }`)])), "as measured": set("signals: {}") };
  all["Clock"] = { "1 minute later": "advance: 1min", "1 hour later": "advance: 1h", "1 day later": "advance: 24h" };
  all["Filtering node"] = Object.fromEntries(["off", "monitoring", "safe_blocking", "block"].map((mode) => [mode, set(`node: { mode: ${mode} }`)]));
  return all;
}

function written(name: string): string {
  return /^[a-z][\w-]*$/i.test(name) ? name : JSON.stringify(name);
}

export function Levers({ state }: { state: State }): JSX.Element {
  const [step, setStep] = useState("");
  const [said, setSaid] = useState<{ isProblem: boolean; text: string }>({ isProblem: false, text: "" });
  const act = async (): Promise<void> => {
    try {
      const text = await take(step);
      setSaid({ isProblem: false, text: text === "" ? "Done." : text });
    } catch (problem) {
      setSaid({ isProblem: true, text: reason(problem) });
    }
  };
  return (
    <section class="card levers" aria-label="Change something">
      <label>
        Change{" "}
        <select onChange={(event) => setStep(event.currentTarget.value)}>
          <option value="">…</option>
          {Object.entries(choices(state)).map(([group, steps]) => (
            <optgroup label={group}>
              {Object.entries(steps).map(([title, value]) => (
                <option value={value}>
                  {group}: {title}
                </option>
              ))}
            </optgroup>
          ))}
        </select>
      </label>
      <label>
        as a step
        <textarea class="mono" rows={3} value={step} spellcheck={false} placeholder="set: { faults: [] }" onInput={(event) => setStep(event.currentTarget.value)} />
      </label>
      <p class="tools">
        <button type="button" disabled={step.trim() === ""} onClick={act}>
          take the step
        </button>
        <button type="button" disabled={step.trim() === ""} onClick={() => copy(listed(step))}>
          copy it
        </button>
      </p>
      <div role="status">{said.text !== "" && <pre class={said.isProblem ? "failed" : "passed"}>{said.text}</pre>}</div>
      {state.steps.length > 0 && (
        <>
          <h3>Steps that were taken</h3>
          <pre>{state.steps.map(listed).join("")}</pre>
          <button type="button" onClick={() => copy(state.steps.map(listed).join(""))}>
            copy them
          </button>
        </>
      )}
    </section>
  );
}

/** The step as an item of a list. */
function listed(step: string): string {
  const lines = step.trim().split("\n");
  if (lines[0]?.startsWith("- ")) return `${lines.join("\n")}\n`;
  return `${lines.map((line, index) => (index === 0 ? `- ${line}` : `  ${line}`)).join("\n")}\n`;
}
