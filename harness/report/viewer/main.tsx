// The viewer: of a finished run that stands in the page, of one that is under way, or of a rig that tells what happens.
import { render } from "preact";
import { Console } from "./console";
import { embedded } from "./data";
import { pressButtons, recallTheme } from "./frame";
import { Report } from "./report";
import { Ui } from "./ui";

async function start(): Promise<void> {
  recallTheme();
  addEventListener("keydown", pressButtons);
  const root = document.getElementById("viewer");
  const plain = document.getElementById("plain");
  if (root === null) return;
  const of = plain?.dataset["of"];
  render(of === "rig" ? <Console /> : of === "run" ? <Ui /> : <Report run={await embedded()} />, root);
  if (plain !== null) plain.hidden = true;
}

start().catch((error: unknown) => {
  // The plain page stays.
  console.error(error);
});
