// What runs: zones, routes, deployments, rulesets, faults, the clock, the node, visitors.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Json } from "./call";
import { Levers } from "./levers";
import { type State, ask, reason } from "./live";

export function StateView({ state }: { state: State }): JSX.Element {
  const { given, clock } = state;
  const faults = given.faults ?? [];
  const signals = Object.entries(given.fingerprint?.signals ?? {});
  return (
    <article>
      <h1 id="title" tabIndex={-1}>
        {state.title}
      </h1>
      <Levers state={state} />
      <h2>Deployments</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Deployments">
        <table>
          <thead>
            <tr>
              {["name", "worker", "ruleset", "failure mode", "protected APIs"].map((title) => (
                <th scope="col">{title}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {Object.entries(given.deployments ?? {}).map(([name, one]) => (
              <tr>
                <th scope="row">{name}</th>
                <td>{one.worker ?? "under test"}</td>
                <td>{one.ruleset ?? "none"}</td>
                <td>{one.failure_mode ?? "open"}</td>
                <td class="mono">{(one.protected_apis ?? []).map((api) => (typeof api === "string" ? api : JSON.stringify(api))).join(", ")}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="dim">
        At the edge: {state.deployed.workers.join(", ") || "no worker"}
      </p>
      <Routes />
      <details>
        <summary>every route, as deployed</summary>
        <ul class="mono">
          {state.deployed.routes.map(({ pattern, worker }) => (
            <li>
              {pattern} → {worker ?? "no worker"}
            </li>
          ))}
        </ul>
      </details>
      <h2>Now</h2>
      <dl class="about">
        <Fact name="hosts">{Object.values(given.zones ?? {}).flatMap((zone) => Object.keys(zone.hosts ?? {})).join(", ")}</Fact>
        <Fact name="visitors">{state.visitors.join(", ")}</Fact>
        <Fact name="clock">
          {new Date(clock.now).toISOString()} {clock.ahead !== 0 && `(${Math.round(clock.ahead / 1000)} s ahead)`}
        </Fact>
        <Fact name="faults">{faults.length === 0 ? "none" : faults.map((fault) => JSON.stringify(fault)).join(", ")}</Fact>
        <Fact name="signals">{signals.length === 0 ? "as measured" : signals.map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join(", ")}</Fact>
        <Fact name="node">{String(given.node?.["mode"] ?? "as deployed")}</Fact>
        <Fact name="forgotten">{String(state.forgotten)} hops</Fact>
      </dl>
      {Object.entries(given.rulesets ?? {}).map(([name, ruleset]) => (
        <Json title={`ruleset ${name}`} value={ruleset} />
      ))}
      <Json title="everything that is described" value={given} />
      {state.attacks.map((attack) => (
        <Json title={`attack ${String(attack["type"])} on ${String(attack["domain"])}${String(attack["path"])}`} value={attack} />
      ))}
      <details>
        <summary>how to come in</summary>
        <pre>{state.doors}</pre>
      </details>
    </article>
  );
}

function Fact({ name, children }: { name: string; children: (string | false)[] | string }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd class="mono">{children}</dd>
    </div>
  );
}

interface Explained {
  why: string;
  protected_api: string | null;
  routes: { pattern: string; worker: string | null; why: string; wins: boolean }[];
}

/** Which route wins for a URL that one types in. */
function Routes(): JSX.Element {
  const [told, setTold] = useState<Explained | string | null>(null);
  const look = async (url: string): Promise<void> => {
    if (url === "") return setTold(null);
    try {
      setTold(await ask<Explained>("route", { url, method: "POST" }));
    } catch (problem) {
      setTold(reason(problem));
    }
  };
  return (
    <>
      <h2>Routes</h2>
      <input type="url" size={48} aria-label="A URL, to see which route wins" placeholder="https://shop.example/api/login" onInput={(event) => look(event.currentTarget.value)} />
      {typeof told === "string" && <p class="failed">{told}</p>}
      {told !== null && typeof told !== "string" && (
        <>
          <p>
            <b>{told.why}</b>
            {told.protected_api !== null && `; as a protected API: ${told.protected_api}`}
          </p>
          <table>
            <tbody>
              {told.routes.map(({ pattern, worker, why, wins }) => (
                <tr>
                  <th scope="row" class={`mono ${wins ? "passed" : ""}`}>
                    {wins && "▶ "}
                    {pattern}
                  </th>
                  <td>{worker ?? "no worker"}</td>
                  <td>{why}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
    </>
  );
}
