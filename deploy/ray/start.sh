#!/usr/bin/env bash
# Starts one part of a cluster, and stays until that ends (Ctrl-C, or SIGTERM):
#
#   deploy/ray/start.sh head FOLDER           Ray's head, which does no work itself, and its job server
#   deploy/ray/start.sh worker FOLDER [NAME]  a worker; several on one machine need a NAME each
#   deploy/ray/start.sh daemon FOLDER         Dagster's daemon, which looks for files and launches runs
#   deploy/ray/start.sh ui FOLDER             Dagster's UI, on 127.0.0.1 only
#   deploy/ray/start.sh all FOLDER            a head, two workers, the daemon and the UI: one machine as a cluster
#
# FOLDER is on this machine; nothing in it need outlive the cluster. Keep it out of /tmp and its path short (Ray's sockets).
# The settings are in cluster.env beside this script, or in the file that MEETBEFORE_ENV names.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
part=${1:?"say which part to start: head, worker, daemon, ui or all"}
mkdir -p "${2:?"name a folder on this machine"}"
folder=$(cd "$2" && pwd)
name=${3:-worker}

file=${MEETBEFORE_ENV:-$here/cluster.env}
if [ ! -f "$file" ]; then
  echo "start.sh: expected settings in $file, found no file; copy cluster.env.example." >&2
  exit 2
fi
set -a
# shellcheck source=/dev/null
. "$file"
set +a

umask 077
export RAY_USAGE_STATS_ENABLED=0 DAGSTER_DISABLE_TELEMETRY=yes
# Jobs may wait for a free worker as long as it takes a long video; Ray gives them up after 15 minutes otherwise.
export RAY_JOB_START_TIMEOUT_SECONDS=86400
# Steps and runs are commands (`dagster api ...`), which Ray looks for in the PATH of its workers.
PATH=$here/../../.venv/bin:$PATH
export PATH
export MEETBEFORE_LOGS=$folder/logs
: "${MEETBEFORE_SPREAD:=runs}" "${MEETBEFORE_POSTGRES:=}" "${RAY_HEAD:=127.0.0.1}" "${RAY_PORT:=6379}" "${RAY_DASHBOARD_PORT:=8265}"
export RAY_API_SERVER_ADDRESS=http://$RAY_HEAD:$RAY_DASHBOARD_PORT
unset RAY_ADDRESS
export DAGSTER_POSTGRES=postgresql+psycopg2://${MEETBEFORE_POSTGRES#*://}
case $MEETBEFORE_SPREAD in
  steps) config=dagster.yaml MEETBEFORE_EXECUTOR=ray ;;
  runs) config=dagster.runs.yaml MEETBEFORE_EXECUTOR=in_process ;;
  *) echo "start.sh: MEETBEFORE_SPREAD is '$MEETBEFORE_SPREAD', expected steps or runs." >&2; exit 2 ;;
esac
export MEETBEFORE_EXECUTOR

make_token() {
  if [ "${RAY_AUTH_MODE:-}" = token ] && [ ! -s "${RAY_AUTH_TOKEN_PATH:?}" ]; then
    mkdir -p "$(dirname "$RAY_AUTH_TOKEN_PATH")"
    python -c 'import secrets; print(secrets.token_hex(32))' > "$RAY_AUTH_TOKEN_PATH"
  fi
}

head() {
  make_token
  # The job server is an HTTP server: on one machine it listens on 127.0.0.1, else on the address that the others know.
  # shellcheck disable=SC2086 # options are words
  exec ray start --head --block --disable-usage-stats --node-ip-address="$RAY_HEAD" --port="$RAY_PORT" --num-cpus=0 \
    --dashboard-host="$RAY_HEAD" --dashboard-port="$RAY_DASHBOARD_PORT" ${RAY_HEAD_OPTIONS:-}
}

worker() {
  # A folder of its own: what a worker holds is a cache.
  export MEETBEFORE_HOME=$folder/$name
  mkdir -p "$MEETBEFORE_HOME"
  # shellcheck disable=SC2086 # options are words
  exec ray start --block --address="$RAY_HEAD:$RAY_PORT" ${RAY_WORKER_OPTIONS:-}
}

dagster_home() {
  export DAGSTER_HOME=$folder/dagster MEETBEFORE_HOME=$folder/daemon
  mkdir -p "$DAGSTER_HOME" "$MEETBEFORE_HOME"
  cp "$here/$config" "$DAGSTER_HOME/dagster.yaml"
}

case $part in
  head) head ;;
  worker) worker ;;
  daemon) dagster_home; exec dagster-daemon run -w "$here/workspace.yaml" ;;
  ui) dagster_home; exec dagster-webserver -h 127.0.0.1 -p "${MEETBEFORE_UI_PORT:-3000}" -w "$here/workspace.yaml" ;;
  all)
    trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
    trap 'exit 130' INT TERM
    make_token
    "$0" head "$folder" & sleep "${MEETBEFORE_PAUSE_S:-20}"
    # One after another, each with ports of its own: Ray's defaults are for one node a machine.
    RAY_WORKER_OPTIONS="--num-cpus=1 --dashboard-agent-listen-port=52401" "$0" worker "$folder" first & sleep "${MEETBEFORE_PAUSE_S:-20}"
    RAY_WORKER_OPTIONS="--num-cpus=1 --dashboard-agent-listen-port=52402" "$0" worker "$folder" second & sleep "${MEETBEFORE_PAUSE_S:-20}"
    "$0" daemon "$folder" &
    "$0" ui "$folder" &
    wait -n
    ;;
  *) echo "start.sh: '$part' is no part; expected head, worker, daemon, ui or all." >&2; exit 2 ;;
esac
