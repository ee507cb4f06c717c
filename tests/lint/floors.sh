#!/bin/sh
# A room of src/ may include its own headers and those of lower floors, nothing else; and
# libyaml, PCRE2, zlib, evhttp and libcurl's multi interface have one door each.
# The floors are those of doc/architecture.md.
set -u
src=${srcdir:-.}/src
cd "$src" || exit 1
find . -name '*.[ch]' | sort | awk '
BEGIN {
	split("base 0 template 1 rules 1 http 1 config 2 prompt 3 gather 4 publish 5 serve 6 ctl 6 daemon 7", f, " ")
	for (i = 1; i in f; i += 2)
		floor[f[i]] = f[i + 1]
	top = 8 # main.c and gatherctl.c
}
{
	file = substr($0, 3)
	room = file
	if (!sub(/\/.*/, "", room))
		room = ""
	if (room != "" && !(room in floor)) {
		print "src/" file ": the room " room " has no floor"
		bad = 1
		next
	}
	mine = room == "" ? top : floor[room]
	number = 0
	while ((getline line < file) > 0) {
		number++
		if (line ~ /^#include <yaml\.h>/ && file != "config/yaml.c") {
			print "src/" file ":" number ": only config/yaml.c knows libyaml"
			bad = 1
		}
		if (line ~ /^#include <zlib\.h>/ && file != "base/gzip.c") {
			print "src/" file ":" number ": only base/gzip.c knows zlib"
			bad = 1
		}
		if (line ~ /^#include <event2\/http/ && file !~ /^serve\//) {
			print "src/" file ":" number ": only serve/ knows evhttp"
			bad = 1
		}
		if (line ~ /^#include <pcre2\.h>/ && file != "rules/pattern.c") {
			print "src/" file ":" number ": only rules/pattern.c knows PCRE2"
			bad = 1
		}
		if (line ~ /curl_multi_[a-z_]+\(/ && file !~ /^http\/(multi|sockets)\.c$/) {
			print "src/" file ":" number ": only http/multi.c and http/sockets.c know the multi interface"
			bad = 1
		}
		if (line !~ /^#include "/)
			continue
		other = line
		sub(/^#include "/, "", other)
		sub(/".*/, "", other)
		if (other == "config.h")
			continue
		if (!sub(/\/.*/, "", other) || !(other in floor)) {
			print "src/" file ":" number ": includes from no known room: " line
			bad = 1
		} else if (other != room && floor[other] >= mine) {
			print "src/" file ":" number ": " (room == "" ? "main" : room) \
			    " (floor " mine ") includes " other " (floor " floor[other] ")"
			bad = 1
		}
		seen++
	}
	close(file)
}
END {
	if (seen == 0) {
		print "no include was seen in src/: the check itself is broken"
		bad = 1
	}
	exit bad
}'
