// The module the Workers runtime starts: it owns the wasm instance and drives one task after the other through it.
//
// A task is a Rust future. It gives out each promise it waits for and is told how that one settled, so wasm only ever
// runs inside `step`: a trap is an exception here and never loses a request.
import { __wbg_reset_state, RequestTask, initSync, recover } from "glue";
import module from "./index_bg.wasm";

initSync({ module });

export default {
  async fetch(request, env, context) {
    const aside = (task) => context.waitUntil(drive(task).catch(restart));
    try {
      return await drive(new RequestTask(request, env, aside));
    } catch (error) {
      restart(error);
    }
    try {
      return await drive(recover(request, env, aside));
    } catch (error) {
      restart(error);
      return new Response("Internal Server Error", { status: 500 });
    }
  },
};

async function drive(task) {
  let value;
  let isRejected = false;
  for (;;) {
    const awaited = task.step(value, isRejected);
    if (awaited === undefined) {
      return task.response();
    }
    try {
      value = await awaited;
      isRejected = false;
    } catch (error) {
      value = error;
      isRejected = true;
    }
  }
}

// A trap leaves the instance's memory in any state, so a fresh one takes over. Tasks that were on their way in the old
// one are told by their next step; that error is no trap of the fresh instance.
function restart(error) {
  const isTrap = error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
  const reason = `the worker broke off: ${error?.message}`;
  console.error(JSON.stringify({ level: "error", decision: "restart", reason }));
  if (isTrap) {
    __wbg_reset_state();
  }
}
