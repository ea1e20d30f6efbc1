// A run at a glance: sums by folder, tag and worker, grids, what differs, what was slow, what was flaky.
import type { JSX } from "preact";
import { type Address, link } from "./address";
import { type Case, type Run, isFlaky, place, word } from "./data";
import { Matrix, grids } from "./matrix";
import { time } from "./shown";

interface Props {
  run: Run;
  /** The cases that the address means. */
  cases: Case[];
  address: Address;
  differing: Case[];
}

export function Summary({ run, cases, address, differing }: Props): JSX.Element {
  const slowest = cases.filter(({ took_ms }) => took_ms > 0).sort((left, right) => right.took_ms - left.took_ms).slice(0, 10);
  const flaky = cases.filter(isFlaky);
  const all = grids(cases);
  return (
    <article>
      <h1 id="title" tabIndex={-1}>
        {run.cases.length === 1 ? "One case" : `${run.cases.length} cases`}
      </h1>
      <About run={run} />
      {run.against !== null && <Differences run={run} differing={differing} address={address} />}
      {all.length > 0 && <h2>Combinations</h2>}
      {all.map((grid) => (
        <Matrix grid={grid} address={address} />
      ))}
      <div class="sums">
        <Sums title="Folders" name="folder" of={(one) => [place(one).folder]} cases={cases} address={address} />
        <Sums title="Tags" name="tag" of={(one) => one.tags} cases={cases} address={address} />
        <Sums title="Workers" name="worker" of={(one) => one.workers} cases={cases} address={address} />
      </div>
      {flaky.length > 0 && <List title="Flaky: passed only when tried again" cases={flaky} address={address} />}
      {slowest.length > 1 && <List title="Slowest" cases={slowest} address={address} />}
    </article>
  );
}

function About({ run }: { run: Run }): JSX.Element {
  const { about } = run;
  const facts: [string, string | null | undefined][] = [
    ["when", about && `${about.started.replace("T", " ").replace(/(\.\d+)?Z$/, " UTC")}${run.summary.took_ms > 0 ? `, for ${time(run.summary.took_ms * 1000)}` : ""}`],
    ["command", about?.command],
    ["worker", run.worker],
    ["against", run.against?.worker],
    ["shard", run.shard],
    ["machine", about?.machine],
    ["versions", about && Object.entries({ edgeproof: run.edgeproof, ...about.versions }).map((pair) => pair.join(" ")).join(", ")],
  ];
  return (
    <dl class="about">
      {facts.map(
        ([name, value]) =>
          value != null && (
            <div>
              <dt>{name}</dt>
              <dd class="mono">{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

function Differences({ run, differing, address }: { run: Run; differing: Case[]; address: Address }): JSX.Element {
  const others = new Map(run.against?.cases.map((one) => [one.name, one]));
  if (differing.length === 0) return <p>The two workers did the same in every case.</p>;
  return (
    <>
      <h2>
        The workers differ in {differing.length} of {run.cases.length} cases
      </h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="What differs">
        <table class="differences">
          <thead>
            <tr>
              <th scope="col">case</th>
              <th scope="col">{run.worker ?? "first"}</th>
              <th scope="col">{run.against?.worker ?? "second"}</th>
            </tr>
          </thead>
          <tbody>
            {differing.map((one) => {
              const other = others.get(one.name);
              return (
                <tr>
                  <td>
                    <a href={link(address, { case: one.name })}>{one.title}</a> <code class="dim">{one.name}</code>
                  </td>
                  <td class={word(one.verdict)}>{word(one.verdict)}</td>
                  <td class={other && word(other.verdict)}>{other ? word(other.verdict) : "not run"}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </>
  );
}

interface SumsProps {
  title: string;
  name: string;
  of: (one: Case) => string[];
  cases: Case[];
  address: Address;
}

function Sums({ title, name, of, cases, address }: SumsProps): JSX.Element | null {
  const sums = new Map<string, { passed: number; bad: number; all: number }>();
  for (const one of cases) {
    for (const key of of(one)) {
      const sum = sums.get(key) ?? { passed: 0, bad: 0, all: 0 };
      sums.set(key, sum);
      sum.all += 1;
      if (one.verdict === "passed") sum.passed += 1;
      if (["failed", "error"].includes(word(one.verdict))) sum.bad += 1;
    }
  }
  if (sums.size === 0) return null;
  return (
    <section>
      <h2>{title}</h2>
      <table>
        <tbody>
          {[...sums].map(([key, { passed, bad, all }]) => (
            <tr>
              <th scope="row">
                <a href={link(address, { [name]: key })}>{key}</a>
              </th>
              <td class="passed">{passed > 0 && `${passed} passed`}</td>
              <td class="failed">{bad > 0 && `${bad} not passed`}</td>
              <td class="dim">{all - passed - bad > 0 && `${all - passed - bad} other`}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function List({ title, cases, address }: { title: string; cases: Case[]; address: Address }): JSX.Element {
  return (
    <section>
      <h2>{title}</h2>
      <table>
        <tbody>
          {cases.map((one) => (
            <tr>
              <td>
                <a href={link(address, { case: one.name })}>{one.title}</a>
              </td>
              <td class={word(one.verdict)}>{word(one.verdict)}</td>
              <td class="dim">{time(one.took_ms * 1000)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
