#!/bin/sh
# leaks.sh PLUGIN_FOLDER: plays lines of every element under GStreamer's leaks tracer; any object left alive fails.
set -u
folder=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GST_PLUGIN_PATH="$folder" GST_REGISTRY="$work/registry" GST_DEBUG_NO_COLOR=1
export GST_TRACERS=leaks GST_DEBUG=GST_TRACER:7 GST_DEBUG_FILE="$work/log"
video='videotestsrc pattern=ball num-buffers=60 ! video/x-raw,width=160,height=120,framerate=30/1'
failed=0

# play plays|fails LINE...
play() {
  expected=$1
  shift
  # shellcheck disable=SC2086
  timeout 60 gst-launch-1.0 -q $* >"$work/out" 2>&1
  status=$?
  case $status in
    0) ended=plays ;;
    124) ended=hangs ;;
    *) ended=fails ;;
  esac
  left=$(grep -c 'object-alive, type-name=(string)[^%]' "$work/log")
  if [ "$ended" != "$expected" ] || [ "$left" -ne 0 ]; then
    echo "$ended (exit $status), $left objects left alive: $*"
    grep 'object-alive, type-name=(string)[^%]' "$work/log" | head -5
    cat "$work/out"
    failed=1
  fi
}

play plays "$video ! m3motion ! m3scale ! fakesink"
play plays "$video ! m3qa model=fake: question=What? interval=0.5 frame-messages=true ! fakesink"
play plays "$video ! m3qa name=qa model=fake: question=What? qa.src ! fakesink qa.text ! application/json ! fakesink"
play plays "$video ! m3motion ! m3scale ! m3encode model=fake: ! m3pool ! m3llm question=What? ! fakesink"
play plays "$video ! m3encode model=fake: when-busy=drop ! m3pool ! m3llm when-busy=drop question=What? ! fakesink"
play fails "$video ! m3qa model=fake:fail=load ! fakesink"
play fails "$video ! m3qa model=fake:fail=encode ! fakesink"
play plays "$video ! m3qa model=fake:fail=ask question=What? ! fakesink"
play fails "$video ! m3qa model=fake: scale=7 ! fakesink"
exit $failed
