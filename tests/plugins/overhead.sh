#!/bin/bash
# overhead.sh PLUGIN_FOLDER: prints the CPU time that m3qa adds to a 720p frame without a model: the whole line on the
# fake engine, against the same video without it. Run by `meson test --benchmark`.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GST_PLUGIN_PATH=$1 GST_REGISTRY=$work/registry
frames=1000
TIMEFORMAT='%U %S'

# cpu_ms ELEMENTS: the CPU time of one run
cpu_ms() {
  local spent
  # shellcheck disable=SC2086
  spent=$({ time gst-launch-1.0 -q videotestsrc pattern=ball num-buffers=$frames ! \
    video/x-raw,format=I420,width=1280,height=720,framerate=25/1 ! $1 fakesink >/dev/null 2>&1; } 2>&1)
  awk '{ printf "%d\n", ($1 + $2) * 1000 }' <<<"$spent"
}

# least ELEMENTS: of five runs, the one that was disturbed the least
least() {
  for _ in 1 2 3 4 5; do cpu_ms "$1"; done | sort -n | head -1
}

cpu_ms "m3qa model=fake: !" >"$work/warm" # makes the registry
bare=$(least "")
for what in "m3motion ! m3scale !" "m3qa model=fake: !" "m3qa model=fake: fps=0 budget=0 !"; do
  whole=$(least "$what")
  awk -v what="${what% !}" -v cpu=$((whole - bare)) -v frames=$frames \
    'BEGIN { printf "%-40s %.2f ms of CPU a 720p frame\n", what, cpu / frames }'
done
