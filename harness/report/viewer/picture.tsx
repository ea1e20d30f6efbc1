// A picture of a page.
import type { JSX } from "preact";
import type { Picture as Shown } from "./data";

/** Where a picture is: in the document already, for readers without JavaScript, or in the data. */
export function source(picture: Shown): string | null {
  if (typeof picture === "string") return `data:image/jpeg;base64,${picture}`;
  const stored = picture === null ? null : document.getElementById(`picture-${picture}`);
  return stored instanceof HTMLImageElement ? stored.src : null;
}

export function Picture({ picture, title }: { picture: Shown; title: string }): JSX.Element | null {
  const src = source(picture);
  if (src === null) return null;
  return (
    <details class="picture">
      <summary aria-label={title}>
        <img src={src} alt="" loading="lazy" />
      </summary>
      <img src={src} alt="" loading="lazy" />
    </details>
  );
}
