#!/usr/bin/env node
// Starts the command that npm installed for this platform, with the Workers runtime that it installed beside it.
"use strict";
const { spawn } = require("node:child_process");
const { constants } = require("node:os");

const { platform, arch, env } = process;

/** The file in a package, or undefined where npm did not install it. */
function find(file, paths = [__dirname]) {
  try {
    return require.resolve(file, { paths });
  } catch {
    return undefined;
  }
}

function end(message) {
  console.error(`edgeproof: ${message}`);
  // As everything that kept edgeproof from telling.
  process.exit(3);
}

/** Why there is no command for this platform, and what helps. */
function whyNone() {
  if (platform === "win32") return "it does not run on Windows itself; install and run it in WSL";
  const names = Object.keys(require("../package.json").optionalDependencies);
  const own = `@edgeproof/${platform}-${arch}`;
  if (!names.includes(own)) {
    return `there is no package for ${platform}-${arch}, only ${names.join(" and ")}; build edgeproof with cargo from a clone`;
  }
  const glibc = platform === "linux" ? "; it needs the GNU C library, which Alpine has not" : "";
  return `the package ${own} is not installed; install again without --omit=optional${glibc}`;
}

const command = find(`@edgeproof/${platform}-${arch}/bin/edgeproof`) ?? end(whyNone());

// Package managers that keep packages apart show `workerd` to nobody but the package that depends on it.
const manifest = find("workerd/package.json");
const runtime =
  manifest &&
  find(
    `@cloudflare/workerd-${platform}-${arch === "x64" ? "64" : arch}/bin/workerd`,
    [manifest],
  );

/** What was typed, where a package manager runs this. */
function called() {
  const [manager] = (env.npm_config_user_agent ?? "").split("/");
  const runs = { npm: "npx ", pnpm: "pnpm ", yarn: "yarn " };
  return `${runs[manager] ?? ""}edgeproof`;
}

const child = spawn(command, process.argv.slice(2), {
  stdio: "inherit",
  env: {
    ...(runtime && { EDGEPROOF_WORKERD: runtime }),
    ...env,
    // It ends when this process does, however that ends; in what it says to type next it is called as it was here.
    EDGEPROOF_LAUNCHED: called(),
  },
});
child.on("error", (error) => end(`${command} could not be started: ${error.message}`));

// A terminal sends Ctrl-C to both; whoever sends a signal to this process alone means the command.
process.on("SIGINT", () => {});
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));

child.on("exit", (code, signal) => {
  process.exit(code ?? 128 + constants.signals[signal]);
});
