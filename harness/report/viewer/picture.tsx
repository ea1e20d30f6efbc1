// A picture of a page. It stands in the document already, for readers without JavaScript.
import type { JSX } from "preact";

export function Picture({ number, title }: { number: number | null; title: string }): JSX.Element | null {
  if (number === null) return null;
  const stored = document.getElementById(`picture-${number}`);
  if (!(stored instanceof HTMLImageElement)) return null;
  return (
    <details class="picture">
      <summary aria-label={title}>
        <img src={stored.src} alt="" loading="lazy" />
      </summary>
      <img src={stored.src} alt="" loading="lazy" />
    </details>
  );
}
