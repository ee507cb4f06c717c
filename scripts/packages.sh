# shellcheck shell=bash disable=SC2034
# Sourced by the other scripts: installs the Debian packages they need.

# need_packages WHY PACKAGE...: install what is missing, as root or by sudo, and say so.
need_packages() {
	why=$1
	shift
	missing=
	for package in "$@"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
			grep -q 'ok installed' || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	echo "==> installing packages $why:$missing"
	root=
	if [ "$(id -u)" != 0 ]; then
		if ! command -v sudo >/dev/null; then
			echo "$0: not root, and there is no sudo: install them and run me again" >&2
			return 1
		fi
		root=sudo
	fi
	# A package list that is there may be enough; a fresh system has none.
	# shellcheck disable=SC2086
	$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
		--no-install-recommends $missing >/dev/null 2>&1 || {
		$root apt-get update -qq
		$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
			--no-install-recommends $missing >/dev/null
	}
}

build_packages="gcc libc6-dev make autoconf automake pkg-config libevent-dev
libcurl4-openssl-dev libssl-dev libyaml-dev libpcre2-dev"
test_packages="$build_packages clang libclang-rt-dev clang-format clang-tidy cppcheck
libcmocka-dev libjson-c-dev python3-minimal python3-pytest python3-pytest-xdist python3-h2
python3-jsonschema python3-yaml nodejs jq curl openssl valgrind shellcheck mandoc procps
systemd systemd-container mmdebstrap xz-utils git"
