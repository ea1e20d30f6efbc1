// The combinations of a scenario as coloured grids: failure modes against faults, at a glance.
import type { JSX } from "preact";
import { type Address, link } from "./address";
import { type Case, place, word } from "./data";

interface Grid {
  title: string;
  rows: string[];
  columns: string[];
  cells: Map<string, Case>;
}

const SIGNS: Record<string, string> = { passed: "✓", failed: "✗", error: "!", skipped: "–", observed: "~", "known failure": "~", "not run": "·", waiting: "·", running: "…" };

export function sign(verdict: string): string {
  return SIGNS[verdict] ?? "?";
}

/** One grid for each scenario that was multiplied: its last two dimensions, or its only one as a row. */
export function grids(cases: Case[]): Grid[] {
  const all = new Map<string, Grid>();
  for (const one of cases) {
    const { folder, stem, labels } = place(one);
    if (labels.length === 0) continue;
    const column = labels.at(-1) ?? "";
    const row = labels.at(-2) ?? "";
    const title = [...(folder === "." ? [] : [folder]), stem, ...labels.slice(0, -2)].join(" · ");
    const grid: Grid = all.get(title) ?? { title, rows: [], columns: [], cells: new Map() };
    all.set(title, grid);
    if (!grid.rows.includes(row)) grid.rows.push(row);
    if (!grid.columns.includes(column)) grid.columns.push(column);
    grid.cells.set(`${row}\n${column}`, one);
  }
  return [...all.values()].filter(({ cells }) => cells.size > 1);
}

export function Matrix({ grid, address }: { grid: Grid; address: Address }): JSX.Element {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={grid.title}>
      <table class="matrix">
        <caption>{grid.title}</caption>
        <thead>
          <tr>
            <td />
            {grid.columns.map((column) => (
              <th scope="col">{column}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {grid.rows.map((row) => (
            <tr>
              <th scope="row">{row}</th>
              {grid.columns.map((column) => (
                <Cell one={grid.cells.get(`${row}\n${column}`)} address={address} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cell({ one, address }: { one: Case | undefined; address: Address }): JSX.Element {
  if (one === undefined) return <td />;
  const verdict = word(one.verdict);
  return (
    <td class={verdict}>
      <a href={link(address, { case: one.name })} aria-label={`${verdict}: ${one.name}`}>
        {sign(verdict)}
      </a>
    </td>
  );
}
