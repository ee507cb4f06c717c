/*
 * load_services(): what is special about services.
 */
#include "config/load_parts.h"

#include "config/faults.h"

/* The short form is only the URL. */
static const struct yaml_node *
find_map(struct load *load, const struct yaml_node *name, const struct yaml_node *node)
{
	struct yaml_tree *tree = load->sources.items[0].tree;
	struct yaml_pair url;

	if (node->kind == YAML_MAP)
		return node;
	if (node->kind == YAML_LIST) {
		faults_error(load->faults, node->place,
		    "%s: expected a URL or a map of keys", name->text);
		return NULL;
	}
	url.key = yaml_make_scalar(tree, node->place, "url");
	url.value = node;
	return yaml_make_map(tree, node->place, &url, type_is_nothing(node) ? 0 : 1);
}

void
load_services(struct load *load)
{
	static const struct load_kind services = {
		.kind = TARGET_SERVICE,
		.top = "services",
		.find_map = find_map,
	};

	load_targets(load, &services);
}
