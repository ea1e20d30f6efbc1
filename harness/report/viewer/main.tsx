// The viewer: of a finished run that stands in the page, or of a rig that tells what happens.
import { render } from "preact";
import { Console } from "./console";
import { embedded } from "./data";
import { pressButtons, recallTheme } from "./frame";
import { Report } from "./report";

async function start(): Promise<void> {
  recallTheme();
  addEventListener("keydown", pressButtons);
  const root = document.getElementById("viewer");
  const plain = document.getElementById("plain");
  if (root === null) return;
  const isLive = document.getElementById("data") === null;
  render(isLive ? <Console /> : <Report run={await embedded()} />, root);
  if (plain !== null) plain.hidden = true;
}

start().catch((error: unknown) => {
  // The plain page stays.
  console.error(error);
});
