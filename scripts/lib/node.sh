# shellcheck shell=bash
# Sourced by the scripts beside it. Gives them the project's own Node 24, whatever Node the machine has: the npm package
# node-linux-<cpu> carries the executable, and npm links it into node_modules/.bin.
#
#   use_project_node ROOT    installs what is missing or has changed, then puts node_modules/.bin first on the PATH

use_project_node() {
  local root=$1
  # Under a lock, for the case that two scripts are started at once on a fresh checkout.
  is_installed "$root" || (flock 8 && { is_installed "$root" || install_packages "$root"; }) 8<"$root/package-lock.json" 9>&2
  export PATH=$root/node_modules/.bin:$PATH
}

# npm writes its own record last, so a package-lock.json that is newer has not been installed yet.
is_installed() {
  [ -x "$1/node_modules/.bin/node" ] && [ ! "$1/package-lock.json" -nt "$1/node_modules/.package-lock.json" ]
}

install_packages() {
  local root=$1 work
  ensure_npm || return
  work=$(mktemp -d)
  if ! (install_with_right_node "$root" "$work") >"$work/log" 2>&1; then
    tail -n 40 "$work/log" >&2
    rm -rf "$work"
    echo 'node: installing the packages failed, the words of npm are above' >&2
    return 1
  fi
  rm -rf "$work"
  touch "$root/node_modules/.package-lock.json"
}

# An old npm, or one that an old Node runs, leaves out packages that this Node could not use. So unless the machine's Node
# is new enough, the project's Node and a fitting npm are brought first, and those install the rest.
install_with_right_node() {
  local root=$1 work=$2 version package
  local -a npm=(npm)
  package=node-linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
  version=$(sed -n "s/.*\"$package\": \"\(.*\)\".*/\1/p" "$root/package.json")
  if [ -z "$version" ]; then
    echo "There is no Node for $(uname -sm) among the project's packages: Linux on x86_64 and aarch64 only."
    return 1
  fi
  if ! node -e 'process.exit(parseInt(process.versions.node) >= 24 ? 0 : 1)'; then
    say_node "bringing Node $version, this machine has $(node --version)"
    npm install --prefix "$work" --no-audit --no-fund --no-save "$package@$version" npm@11 || return
    PATH=$work/node_modules/$package/bin:$PATH
    npm=(node "$work/node_modules/npm/bin/npm-cli.js")
  fi
  say_node 'npm ci, package-lock.json is new here'
  (cd "$root" && "${npm[@]}" ci --no-audit --no-fund)
}

# To the person, past the log.
say_node() { echo "node: $*" >&9; }

ensure_npm() {
  command -v npm >/dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "node: installing npm with apt-get" >&2
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends npm; } >/dev/null
  else
    echo 'node: there is no npm here. Install Node.js with npm (any version from 18 on), then run this again' >&2
    return 1
  fi
}
