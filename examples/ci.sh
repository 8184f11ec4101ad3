#!/bin/sh
# A CI job without hardware: start a module, run the host's test against it, ask the platform what arrived.
set -eu
here=$(dirname "$0")
at_port=${AT_PORT:-7000}
control=127.0.0.1:${CONTROL_PORT:-7001}

modemsim run bc260y --tcp "127.0.0.1:$at_port" --control "$control" --speed "${SPEED:-5}" --trace modemsim.jsonl &
module=$!
trap 'kill $module 2>/dev/null; wait $module 2>/dev/null || true' EXIT
until modemsim ctl --control "$control" status >/dev/null 2>&1; do sleep 0.2; done

python3 "$here/first_uplink.py" "socket://127.0.0.1:$at_port"

modemsim ctl --control "$control" uplinks | grep -q 68656C6C6F
echo "the platform has the report"
