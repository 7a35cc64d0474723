#!/usr/bin/env bash
# Installs the Debian packages the named groups need and that are missing; does nothing when all are there.
#   scripts/setup.sh build|test|peers …
set -euo pipefail

build="g++ cmake ninja-build ccache mold pkg-config libcfitsio-dev wcslib-dev liberfa-dev libeigen3-dev
  nlohmann-json3-dev libtomlplusplus-dev libpugixml-dev libfmt-dev libssl-dev libcurl4-openssl-dev libcairo2-dev zlib1g-dev fonts-dejavu-core"
test="libgtest-dev libgmock-dev libbenchmark-dev libstarlink-ast-dev python3 python3-numpy python3-astropy
  python3-venv python3-scipy python3-astropy-healpix python3-pytest fitsverify stilts
  slurmctld slurmd slurm-client munge clang-19 libclang-rt-19-dev"
peers="swarp source-extractor montage python3-drizzle python3-reproject python3-venv"

wanted=""
for group in "$@"; do
  case $group in
    build | test | peers) wanted+=" ${!group}" ;;
    *) echo "setup: unknown group '$group'; the groups are build, test and peers" >&2; exit 2 ;;
  esac
done

if ! command -v dpkg-query >/dev/null; then
  echo "setup: no Debian packages here; see that these are installed:" $wanted >&2
  exit 0
fi
installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' $wanted 2>/dev/null | awk '$2 == "installed" {print $1}' || true)
missing=$(comm -23 <(printf '%s\n' $wanted | sort -u) <(sort -u <<<"$installed"))
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: packages are missing and this is neither root nor is sudo there; ask for: apt-get install" $missing >&2
    exit 3
  fi
  as_root="sudo"
fi
apt="apt-get -o DPkg::Lock::Timeout=600 --no-install-recommends"
echo "setup: installing" $missing
$as_root $apt -qq update || echo "setup: the package lists could not be renewed; going on with those that are there" >&2
plan=$($apt -s install $missing)
if removed=$(grep '^Remv' <<<"$plan"); then
  echo "setup: refused, because apt would remove packages:" >&2
  echo "$removed" >&2
  exit 1
fi
$as_root env DEBIAN_FRONTEND=noninteractive $apt -y -qq install $missing
