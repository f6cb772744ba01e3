# Shared by the scripts in this folder; read with `.`, not run. Sets $root (the checkout), $build and $cache.
# shellcheck shell=bash

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck disable=SC2034  # for the scripts that read this file
build=$root/build
me=$(basename -- "$0")

say() { printf '%s: %s\n' "$me" "$*" >&2; }

# One line that says what failed and what to do.
die() {
  say "$*"
  exit 1
}

# The comment at the top of the script that runs.
usage() { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; }

if [[ -n ${M3_CACHE:-} ]]; then
  cache=$M3_CACHE
elif [[ -n ${XDG_CACHE_HOME:-} ]]; then
  cache=$XDG_CACHE_HOME/gst-matryoshka
elif [[ -n ${HOME:-} ]]; then
  cache=$HOME/.cache/gst-matryoshka
else
  die 'there is no home folder to keep downloads in: set M3_CACHE to a folder'
fi

# A Python environment, named after what it must hold. venv requirements: torch and what reads the default model's
# packages; venv requirements-check: what scripts/check needs.
venv() {
  local key
  key=$(grep -v '^#' "$root/scripts/$1.txt" | sha256sum)
  printf '%s/venv-%s\n' "$cache" "${key:0:12}"
}

# Runs a command quietly with its output in a log; prints the log's end when it fails.
# quietly WHAT LOG COMMAND ARGS...
quietly() {
  local what=$1 log=$2
  shift 2
  mkdir -p "$(dirname -- "$log")"
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 15 -- "$log" >&2
    die "$what failed; the whole output is in $log"
  fi
}

# Same objects from every clone of the same tree: paths below the checkout are made relative, and the folder's name is
# left out of what ccache looks at.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1

# configure FOLDER OPTIONS... : makes a build folder, or brings one to these options.
configure() {
  local folder=$1 stamp="$1/.m3-options"
  shift
  local wanted="$*"
  if [[ ! -f $folder/build.ninja ]]; then
    rm -rf -- "$folder/meson-private" "$folder/meson-info"
    quietly 'configuring' "$folder/setup.log" meson setup "$folder" "$root" "$@"
  elif [[ ! -f $stamp || $(<"$stamp") != "$wanted" ]]; then
    quietly 'configuring' "$folder/setup.log" meson setup --reconfigure "$folder" "$root" "$@"
  fi
  printf '%s' "$wanted" >"$stamp"
}

# Options of the build in build/.
# shellcheck disable=SC2034
build_options=(-Dtorch=enabled -Dopencv=enabled -Dsentencepiece=enabled -Dutf8proc=enabled -Dplugins=enabled -Ddrawing=enabled -Dtools=enabled -Dtests=enabled "-Dtorch_python=$(venv requirements)/bin/python")

# run_tests FOLDER ARGS... : runs a build's tests, prints what failed and the closing line; 1 when a test failed.
run_tests() {
  local folder=$1 status=0
  shift
  # A test that crashes writes no results of its own: those of an earlier run must not stand in for them.
  rm -f -- "$folder"/*.xml "$folder"/meson-logs/testlog*
  # As scripts/m3 does, and for the same reason.
  export M3_TEST_PATIENCE=${M3_TEST_PATIENCE:-3} GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-10000}
  meson test -C "$folder" --no-rebuild --print-errorlogs --timeout-multiplier "$M3_TEST_PATIENCE" "$@" </dev/null || status=1
  /usr/bin/python3 "$root/scripts/count_tests.py" "$folder" || status=1
  return "$status"
}
