# Sourced by the other scripts: what the project needs from Debian, and how it
# gets there. Debian 12 and 13; the same list for both.

# To build and run.
build_packages=(
  g++ cmake ninja-build pkg-config
  libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc
  libdnnl-dev libabsl-dev libhdf5-dev libicu-dev libssl-dev
  libspdlog-dev nlohmann-json3-dev libcli11-dev libgtest-dev libgmock-dev
  prometheus-cpp-dev
)
# To run every test: the sanitizers' compiler, what names the lines in its reports
# and a linker that is quick with its large programs, formatting, NumPy, which
# reads what the client writes, what callers in Python and Go have, and what the
# benchmarks are built with.
test_packages=(
  clang clang-format libclang-rt-dev llvm lld python3-numpy git
  python3-grpcio golang-go ca-certificates prometheus libbenchmark-dev
)
# To run scripts/stress: the headers of HTTP/2, and certificates.
stress_packages=(python3 python3-hpack openssl)
# To run scripts/bench: Google Benchmark, what reads compressed text, plots.
bench_packages=(libbenchmark-dev xz-utils python3-matplotlib)
# To run scripts/check-deploy, beside what it builds from Go modules: promtool and
# a Prometheus, a reader of compose files.
deploy_packages=(prometheus docker-compose python3 python3-yaml)

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }
wrong_usage() { usage >&2; say "error: $*"; exit 2; }
# For what only tests need and a machine may not reach: they can go on without.
unavailable() { say "not available: $*"; exit 69; }

# install_packages NAME...: installs those that are missing; says which.
install_packages() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null |
      grep -q 'install ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return
  command -v apt-get >/dev/null ||
    die "needs Debian 12 or 13, or these installed by hand: ${missing[*]}"
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
      die "these packages are missing, and installing them takes root or sudo: ${missing[*]}"
    as_root=(sudo)
  fi
  say "Installing: ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { "${as_root[@]}" apt-get update -q &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
      --no-install-recommends "${missing[@]}"; } </dev/null >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die "apt-get failed; the whole log is in $log"
  fi
  rm -f "$log"
}

# build PRESET [TARGET...]: configures once, then builds what changed. Quiet
# unless it fails.
build() {
  local preset=$1 log
  shift
  log=build/$preset/scripts.log
  mkdir -p "build/$preset"
  if [ ! -f "build/$preset/build.ninja" ]; then
    cmake --preset "$preset" >"$log" 2>&1 || { cat "$log" >&2; die "configuring failed"; }
  fi
  ninja -C "build/$preset" "$@" >"$log" 2>&1 || {
    grep -A20 -m3 -E 'FAILED|error:' "$log" >&2 || tail -n 40 "$log" >&2
    die "building failed; the whole log is in $log"
  }
}

tools=$PWD/build/tools

# Go as the functions below want it: everything that it keeps is under
# build/tools, and its checksum database vouches for what it fetches. What they
# name must suit Debian 12's Go 1.19.
go_in_tools() {
  command -v go >/dev/null || install_packages golang-go ca-certificates
  mkdir -p "$tools/bin"
  GOBIN=$tools/bin GOPATH=$tools/go GOCACHE=$tools/go-build GOTOOLCHAIN=local \
    GOFLAGS=-modcacherw CGO_ENABLED=0 go "$@"
}

# Tools of tests, in build/tools/bin.
install_test_tools() {
  install_go_tool grpcurl github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.8.9
  install_go_tool protoc-gen-go google.golang.org/protobuf/cmd/protoc-gen-go@v1.33.0
  install_go_tool protoc-gen-go-grpc google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.3.0
  # What the example needs, so that its test downloads nothing.
  (cd examples/go && go_in_tools mod download) ||
    unavailable "the modules of examples/go"
}

# install_go_tool NAME PACKAGE@VERSION: builds a command from its Go module into
# build/tools/bin/NAME, unless that version is there.
install_go_tool() {
  local name=$1 package=$2 log
  [ "$(cat "$tools/bin/$name.version" 2>/dev/null)" != "$package" ] || return 0
  say "Building: $package"
  mkdir -p "$tools"
  log=$tools/$name.log
  go_in_tools install -trimpath -ldflags='-s -w' "$package" >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    unavailable "$package; the whole log is in $log"
  }
  [ -x "$tools/bin/$name" ] || die "$package has no command named $name"
  echo "$package" >"$tools/bin/$name.version"
}

# fetch_go_module MODULE@VERSION: unpacks a Go module's files and prints where.
fetch_go_module() {
  local log=build/tools/fetch.log
  mkdir -p build/tools
  go_in_tools mod download -json "$1" >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    unavailable "$1"
  }
  sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' "$log"
}
