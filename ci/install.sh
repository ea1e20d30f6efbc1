# What `ci/setup` and `fixtures/apps/setup` share: they source it.

say() { printf 'setup: %s\n' "$*"; }

fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 3
}

# Runs a package manager quietly; what it said is shown only when it failed.
quietly() {
  local log
  log=$(mktemp)
  if "$@" >"$log" 2>&1 </dev/null; then
    rm -f "$log"
  else
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
}

# Installs Debian packages where this is Debian and we may.
debian_install() {
  command -v apt-get >/dev/null || return 1
  local as=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null && sudo -n true 2>/dev/null || return 1
    as=(sudo)
  fi
  quietly "${as[@]}" apt-get update -q &&
    quietly "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

# The npm packages of a folder, where its lock file is not the one that was installed.
npm_packages() {
  if ! cmp -s "$1/package-lock.json" "$1/node_modules/.installed-lock.json"; then
    say "npm packages of $1: installing"
    # Not `npm ci`: it insists on the packages of every platform, and not every registry mirror has them all.
    quietly npm install --no-save --prefix "$1" --ignore-scripts --no-audit --no-fund ||
      fail "the npm packages could not be installed; try: npm install --no-save --prefix $1"
    cp "$1/package-lock.json" "$1/node_modules/.installed-lock.json"
  fi
}

# The Python packages of a folder, in a `.venv` of its own, where its requirements are not those that were installed.
python_packages() {
  if ! cmp -s "$1/requirements.txt" "$1/.venv/.installed"; then
    say "Python packages of $1: installing"
    python3 -c 'import ensurepip' 2>/dev/null || debian_install python3-venv || true
    quietly python3 -m venv --clear "$1/.venv" &&
      quietly "$1/.venv/bin/pip" install --quiet --requirement "$1/requirements.txt" || return 1
    cp "$1/requirements.txt" "$1/.venv/.installed"
  fi
}
