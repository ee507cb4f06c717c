/*
 * Any bytes as a config's YAML, and as the values of `vars`.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/json_scan.h"
#include "config/faults.h"
#include "config/value.h"
#include "config/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As assert(3), but also where NDEBUG is set. */
static void
must(bool condition)
{
	if (!condition)
		abort();
}

/* ---- faults ---- */

static void
check_line(const char *line, UNUSED bool is_error, UNUSED void *arg)
{
	must(strncmp(line, "fuzz:", strlen("fuzz:")) == 0);
	must(strpbrk(line, "\r\n\t") == NULL);
}

/* ---- the tree ---- */

static void
check_place(const struct yaml_node *node, size_t size)
{
	must(node->place.file == 0);
	must(node->place.line >= 1 && node->place.line <= size + 2);
	must(node->place.column >= 1 && node->place.column <= size + 2);
}

static bool
is_same_text(const struct yaml_node *a, const struct yaml_node *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

/* Small maps only: comparing each key with each takes its time. */
static void
check_keys_differ(const struct yaml_node *map)
{
	if (map->count > 50)
		return;
	for (size_t i = 0; i < map->count; i++) {
		for (size_t j = 0; j < i; j++)
			must(!is_same_text(map->pairs[i].key, map->pairs[j].key));
	}
}

/* Returns how many nodes there are, every alias written out. */
static size_t
check_node(const struct yaml_node *node, unsigned depth, size_t size)
{
	size_t nodes = 1;

	must(depth <= YAML_MAX_DEPTH || node->kind == YAML_SCALAR);
	check_place(node, size);
	switch (node->kind) {
	case YAML_SCALAR:
		must(node->text[node->len] == '\0');
		return 1;
	case YAML_LIST:
		for (size_t i = 0; i < node->count; i++)
			nodes += check_node(node->items[i], depth + 1, size);
		return nodes;
	case YAML_MAP:
		check_keys_differ(node);
		for (size_t i = 0; i < node->count; i++) {
			must(node->pairs[i].key->kind == YAML_SCALAR);
			nodes += check_node(node->pairs[i].key, depth + 1, size);
			nodes += check_node(node->pairs[i].value, depth + 1, size);
		}
		return nodes;
	}
	abort();
}

/* ---- values ---- */

static void
check_json(const struct value *value)
{
	struct template_value seen;
	struct marked out;
	struct json_scan scan;

	value_for_template(value, &seen);
	marked_init(&out, BUFFER_UNLIMITED);
	must(seen.data->json(&seen, &out));
	if (!json_scan_compact(out.text.data, out.text.len, JSON_SCAN_MAX_DEPTH, &scan))
		must(scan.fault == JSON_FAULT_RANGE); /* 1e999 keeps its text */
	else
		must(scan.len == out.text.len); /* it was compact */
	marked_clear(&out);
}

static void
check_value(const struct yaml_node *root, struct faults *faults)
{
	struct value *value = value_load(root, "/nonexistent", faults);

	if (value != NULL)
		check_json(value);
	else
		must(faults_error_count(faults) > 0);
	value_free(value);
}

/* What the input names must not be opened: it could be a FIFO. */
static bool
names_a_file(const uint8_t *data, size_t size)
{
	return memmem(data, size, "file", strlen("file")) != NULL ||
	    memmem(data, size, "\\", 1) != NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct faults *faults = faults_new();
	unsigned file = faults_add_file(faults, "fuzz");
	struct yaml_tree *tree = yaml_parse((const char *)data, size, file, faults);

	if (tree == NULL) {
		must(faults_error_count(faults) > 0);
	} else {
		const struct yaml_node *root = yaml_root(tree);

		must(root->kind == YAML_MAP);
		must(check_node(root, 1, size) <= YAML_MAX_NODES + size);
		if (!names_a_file(data, size))
			check_value(root, faults);
	}
	faults_each(faults, check_line, NULL);
	yaml_tree_free(tree);
	faults_free(faults);
	return 0;
}
