# shellcheck shell=bash disable=SC2034
# Sourced by the other scripts: gets the Debian packages they need.

is_installed() {
	dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'
}

# Set $root to what makes a command run as root.
become_root() {
	root=
	[ "$(id -u)" != 0 ] || return 0
	if ! command -v sudo >/dev/null; then
		echo "$0: not root, and there is no sudo: install them and run me again" >&2
		return 1
	fi
	root=sudo
}

# need_packages WHY PACKAGE...: install what is missing, as root or by sudo, and say so.
need_packages() {
	why=$1
	shift
	missing=
	for package in "$@"; do
		is_installed "$package" || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	echo "==> installing packages $why:$missing"
	become_root || return
	# A package list that is there may be enough; a fresh system has none.
	# shellcheck disable=SC2086
	$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
		--no-install-recommends $missing >/dev/null 2>&1 || {
		$root apt-get update -qq
		$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
			--no-install-recommends $missing >/dev/null
	}
}

# Download PACKAGE into the folder we are in.
download_package() {
	apt-get download -qq "$1" 2>/dev/null && return
	# The list may be missing, or older than what the mirrors have.
	become_root && $root apt-get update -qq && apt-get download -qq "$1"
}

# unpack_packages DIR PACKAGE...: unpack into DIR what is not installed: programs of packages
# that would start a service when they are installed. What they depend on is not looked for.
unpack_packages() {
	dir=$1
	shift
	mkdir -p "$dir/.unpacked"
	for package in "$@"; do
		if is_installed "$package" || [ -e "$dir/.unpacked/$package" ]; then
			continue
		fi
		echo "==> unpacking $package into $dir"
		download=$(mktemp -d) || return
		(cd "$download" && download_package "$package") &&
			dpkg-deb -x "$download"/*.deb "$dir" && : >"$dir/.unpacked/$package"
		unpacked=$?
		rm -rf "$download"
		[ "$unpacked" = 0 ] || return 1
	done
}

build_packages="gcc libc6-dev make autoconf automake pkg-config libevent-dev
libcurl4-openssl-dev libssl-dev libyaml-dev libpcre2-dev zlib1g-dev"
test_packages="$build_packages clang libclang-rt-dev clang-format clang-tidy cppcheck
libcmocka-dev libjson-c-dev python3-minimal python3-pytest python3-pytest-xdist python3-h2
python3-jsonschema python3-yaml nodejs jq curl openssl valgrind shellcheck mandoc procps
systemd systemd-container mmdebstrap xz-utils git chromium chromium-driver
python3-selenium fonts-dejavu-core"
picture_packages="chromium chromium-driver python3-minimal python3-selenium
fonts-dejavu-core imagemagick curl"
# What the examples in contrib/ are tried with: unpacked, since they start services.
unpacked_packages="prometheus nginx caddy"
