#!/usr/bin/env bash
# Who may include whom. An arrow in ARCHITECTURE.md that is not here is wrong,
# and an include that is not allowed here fails.
set -euo pipefail
cd "$(dirname "$0")/.."

failures=0
# allowed FOLDER PREFIX...: files of FOLDER include project headers only from
# the prefixes (their own folder is always allowed).
allowed() {
  local folder=$1
  shift
  local prefixes=("$folder/" "$@") file line header ok prefix files=0
  while IFS= read -r file; do
    files=$((files + 1))
    while IFS= read -r line; do
      header=$(sed -E 's/.*"([^"]+)".*/\1/' <<<"$line")
      ok=
      for prefix in "${prefixes[@]}"; do [[ $header == "$prefix"* ]] && ok=1; done
      [ -n "$ok" ] && continue
      echo "$file includes $header; $folder may use: ${prefixes[*]}"
      failures=$((failures + 1))
    done < <(grep -E '^#include "(core|server|client|elmo|tests)/' "$file" || true)
  done < <(find "$folder" \( -name '*.h' -o -name '*.cc' -o -name '*.inc' \))
  # A folder that was moved must not pass for want of files.
  [ "$files" -gt 0 ] || { echo "no source in $folder"; failures=$((failures + 1)); }
}
# absent PATTERN FOLDER...: no file there includes it.
absent() {
  local pattern=$1
  shift
  if grep -rnE "^#include [<\"]($pattern)" "$@"; then
    echo "not allowed in: $*"
    failures=$((failures + 1))
  fi
}

allowed core/base
allowed core/text core/base/
allowed core/model core/base/
allowed core/layers core/base/ core/model/
allowed core/engine core/base/ core/model/ core/text/ core/layers/
allowed core/tool core/
allowed server/batching core/base/ core/engine/ core/model/
allowed server/security core/base/
allowed server/logs core/base/ server/batching/ server/call_report.h
allowed server/metrics core/base/ server/batching/ server/call_report.h
allowed server core/ elmo/v1/
allowed client core/base/ elmo/v1/

absent 'grpc|google/protobuf' core server/batching server/logs server/metrics server/security
# Command lines and files: CLI11 stays out of what serves.
absent 'CLI' core/base core/engine server/batching server/security
# Keys, certificates and digests: in three places only.
absent 'openssl' core/base core/text core/layers core/engine server/batching server/*.h server/*.cc
absent 'hdf5|H5' core/base core/text core/model core/layers core/engine server client
absent 'dnnl|oneapi' core/base core/text core/model core/engine core/tool server client
absent 'prometheus' core client server/batching server/logs server/*.h server/*.cc
# The engine starts no threads and reads no clock.
absent 'thread>|chrono>' core/text core/model core/layers core/engine
[ "$failures" -eq 0 ] || exit 1
echo "layering: every include is allowed"
