// A long list of which only what is in sight is in the document.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

/** The height of each row in pixels; the style sheet has it too. */
const HEIGHT = 30;

interface Props<T> {
  rows: T[];
  row: (one: T) => JSX.Element;
  label: string;
}

export function Rows<T>({ rows, row, label }: Props<T>): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const [sight, setSight] = useState({ top: 0, height: 1000 });
  const look = (): void => {
    if (box.current !== null) setSight({ top: box.current.scrollTop, height: box.current.clientHeight });
  };
  useEffect(() => {
    look();
    addEventListener("resize", look);
    return () => removeEventListener("resize", look);
  }, []);
  const first = Math.max(0, Math.floor(sight.top / HEIGHT) - 10);
  const last = Math.ceil((sight.top + sight.height) / HEIGHT) + 10;
  return (
    <div class="rows" ref={box} onScroll={look} tabIndex={0} role="region" aria-label={label}>
      <ul style={{ height: `${rows.length * HEIGHT}px`, paddingTop: `${first * HEIGHT}px` }}>{rows.slice(first, last).map(row)}</ul>
    </div>
  );
}
