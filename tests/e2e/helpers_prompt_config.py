"""Configs of providers and prompts that are wrong, or nearly, and the words for it.

In each text, P is a provider as it must be, less its closing brace, and URL an upstream.
"""

P = "{api: openai, base_url: 'URL/v1', model: m, key: '${MODEL_KEY}'"
PROVIDER = f"providers: {{p: {P}}}}}\n"  # one line


def prompt(keys):
    """A prompt `a` with KEYS, of a single provider; its keys begin at 2:15."""
    return f"{PROVIDER}prompts: {{a: {{{keys}}}}}\n"


# What is wrong, keys of a prompt, the place on line 2, and words.
PROMPT_FAULTS = [
    ("no prompt", "temperature: 1", "2:11", "a: prompt is missing"),
    ("no text", "prompt: ''", "2:23", "prompt: there is no text in it"),
    ("nothing", "prompt: ", "2:23", "prompt: expected text, or {file: PATH}"),
    ("a list for a text", "prompt: [a]", "2:23", "prompt: expected text, not a list"),
    ("an unknown key", "prompt: x, temprature: 1", "2:26", "did you mean temperature?"),
    ("a key of a service", "prompt: x, url: URL", "2:26", "unknown key url"),
    ("a key of a provider", "prompt: x, rate: 1/s", "2:26", "unknown key rate"),
    ("an unknown provider", "prompt: x, provider: pp", "2:36", "called pp (did you mean p?)"),
    ("no provider at all like it", "prompt: x, provider: zzz", "2:36", "zzz: expected one of p"),
    ("an unknown name", "prompt: 'x {{nope}}'", "2:23", "prompt: unknown name nope"),
    ("an unknown name in system", "prompt: x, system: '{{nope}}'", "2:34", "system: unknown name"),
    ("no such prompt", "prompt: '{{prompts.b.response}}'", "2:23", "no prompt is called b"),
    ("no such service", "prompt: '{{services.b.data}}'", "2:23", "no service is called b"),
    ("no such field", "prompt: x, needs: b", "2:33", "needs: no prompt is called b"),
    ("itself", "prompt: '{{prompts.a.response}}'", "2:11", "circle of dependencies: a -> a"),
    ("an open tag", "prompt: 'x {{y'", "2:23", '"{{" is not closed'),
    ("an open section", "prompt: '{{#y}}'", "2:23", 'section "y" is not closed'),
    ("a partial", "prompt: '{{>y}}'", "2:23", "partials"),
    ("a model of an answer", "prompt: x, model: '{{services.a}}'", "2:33", "only vars can stand"),
    ("a model of now", "prompt: x, model: '{{now}}'", "2:33", "model: now: only vars"),
    ("a model of nobody", "prompt: x, model: '{{nope}}'", "2:33", "unknown name nope"),
    ("an empty model", "prompt: x, model: ''", "2:33", "model: expected text"),
    ("cold", "prompt: x, temperature: -1", "2:39", "a number from 0 on such as 0.5"),
    ("warm", "prompt: x, temperature: warm", "2:39", "a number from 0 on"),
    ("endless", "prompt: x, temperature: .inf", "2:39", "a number from 0 on"),
    ("too much", "prompt: x, top_p: 1.1", "2:33", "a number from 0 to 1"),
    ("no tokens", "prompt: x, max_tokens: 0", "2:38", "a whole number from 1"),
    ("half a token", "prompt: x, max_tokens: 1.5", "2:38", "a whole number from 1"),
    ("a map of stops", "prompt: x, stop: {a: b}", "2:32", "text or a list of texts"),
    ("an empty stop", "prompt: x, stop: [a, '']", "2:36", "stop: expected text that is not empty"),
    ("half a seed", "prompt: x, seed: 1.5", "2:32", "a whole number such as 42"),
    ("no format", "prompt: x, format: xml", "2:34", "format: expected text or json"),
    ("a format of services", "prompt: x, format: auto", "2:34", "format: expected text or json"),
    ("nearly a when", "prompt: x, when: change", "2:32", "did you mean changed?"),
    ("no way to store", "prompt: x, store_prompt: all", "2:40", "full, hash or none"),
    ("no room", "prompt: x, max_insert: 0", "2:38", "a size over 0"),
    ("no fence", "prompt: x, fence: maybe", "2:33", "true or false"),
    ("too many retries", "prompt: x, retries: 101", "2:35", "from 0 to 100"),
    ("no time", "prompt: x, timeout: 0", "2:35", "timeout: expected a duration over 0"),
    ("a list of fields", "prompt: x, extra_body: [1]", "2:38", "extra_body: expected a map"),
    ("no pointer", "prompt: x, extract: {v: nope}", "2:39", "JSON Pointer"),
    ("no name of for_each", "prompt: x, for_each: {n: [1]}", "2:11", "has to hold {{n}}"),
    # ---- budgets ----
    ("no budget", "prompt: x, budget: 5", "2:34", "budget: expected a map"),
    ("a budget for ever", "prompt: x, budget: {tokens: 5}", "2:26", "budget: per is missing"),
    ("of nothing", "prompt: x, budget: {per: 1d}", "2:34", "budget: expected tokens or cost"),
    ("of no tokens", "prompt: x, budget: {tokens: 0, per: 1d}", "2:43", "whole number from 1"),
    ("of no money", "prompt: x, budget: {cost: 0, per: 1d}", "2:41", "decimal number over 0"),
    ("in no time", "prompt: x, budget: {tokens: 1, per: 0s}", "2:51", "per: expected a duration"),
    ("per daily", "prompt: x, budget: {tokens: 1, per: daily}", "2:51", "per: expected a duration"),
    ("without a price", "prompt: x, budget: {cost: 1, per: 1d}", "2:11", "p has no price"),
    # ---- schemas ----
    ("no schema", "prompt: x, schema: [a]", "2:34", "schema: expected a map of JSON Schema's"),
    ("no type", "prompt: x, schema: {type: objekt}", "2:41", "type: ", "did you mean object?"),
    ("a list of properties", "prompt: x, schema: {properties: [a]}", "2:47", "a map of schemas"),
    ("no property", "prompt: x, schema: {properties: {a: 3}}", "2:51", "properties: a: expected a"),
    ("nothing required", "prompt: x, schema: {required: a}", "2:45", "required: expected a list"),
    (
        "required and forbidden",
        "prompt: x, schema: {additionalProperties: false, required: [a]}",
        "2:74",
        "a is required, but neither",
    ),
    ("no items", "prompt: x, schema: {items: 4}", "2:42", "items: expected a schema"),
    ("an open bracket", "prompt: x, schema: {pattern: '('}", "2:44", "missing closing parenthesis"),
    ("no number", "prompt: x, schema: {minimum: 5, maximum: 3}", "2:34", "no number is within"),
    ("nothing to choose", "prompt: x, schema: {enum: []}", "2:41", "one or more values"),
    ("text of a schema", "prompt: x, format: text, schema: {}", "2:34", "text beside schema"),
    # ---- files ----
    ("no file", "prompt: {file: no.txt}", "2:30", "file no.txt cannot be read: No such file"),
    ("a folder", "prompt: {file: /}", "2:30", "file / cannot be read: Is a directory"),
    ("no name", "prompt: {file: ''}", "2:23", "prompt: file is missing"),
    ("a list of files", "prompt: {file: [a]}", "2:30", "file: expected text, not a list"),
    ("nearly file", "prompt: {flie: no.txt}", "2:24", "unknown key flie (did you mean file?)"),
    ("Latin-1", "prompt: {file: latin.txt}", "2:30", "file latin.txt is not UTF-8"),
    ("a NUL", "prompt: {file: nul.txt}", "2:30", "file nul.txt holds a NUL byte"),
    ("an empty file", "prompt: {file: empty.txt}", "2:30", "prompt: there is no text in it"),
    ("a large file", "prompt: {file: big.txt}", "2:30", "file big.txt is larger than 1MiB"),
    ("a name in a file", "prompt: {file: name.txt}", "2:30", "prompt: unknown name nope"),
    ("a secret path", "prompt: {file: '${MODEL_KEY}'}", "2:30", "file *** cannot be read"),
    ("no system file", "prompt: x, system: {file: no.txt}", "2:41", "file no.txt cannot be read"),
    # ---- values from outside ----
    ("not set", "prompt: 'x ${NOT_SET}'", "2:23", "NOT_SET is not set"),
]

# What is wrong, further keys of a provider, and words: told on line 1 where the key's value is.
PROVIDER_FAULTS = [
    ("an unknown key", "modle: x", "unknown key modle (did you mean model?)"),
    ("a key of prompts", "temperature: 1", "unknown key temperature"),
    ("none at once", "max_concurrent: 0", "a whole number from 1 to 1000000"),
    ("no rate", "rate: fast", "a rate such as 10/s, 60/min or 1000/h"),
    ("no truth", "adaptive: maybe", "true or false"),
    ("a number for a price", "price: 5", "price: expected a map"),
    ("a negative price", "price: {input: -1}", "input: expected a decimal number"),
    ("nearly input", "price: {inptu: 1}", "did you mean input?"),
    ("a budget of cost", "budget: {cost: 1, per: 1d}", "p: budget: there is no price"),
    ("a budget for ever", "budget: {tokens: 1}", "budget: per is missing"),
    ("two budgets", "budget: {tokens: 5, per: 1d, cost: 1}", "cost beside tokens: expected only"),
    ("no version", "api_version: a/b", "letters, digits, -, _ and ."),
    ("no name of a header", "key_header: 'X Y'", "a header's name"),
    ("a key twice", "headers: {authorization: x}", "key beside the header Authorization"),
    ("a name in a header", "headers: {X: '{{nope}}'}", "headers: X: unknown name nope"),
    ("an answer in a header", "headers: {X: '{{services.a.data}}'}", "only vars can stand here"),
    ("no field", "max_tokens_field: a b", "letters, digits, -, _ and ."),
    ("a text of fields", "extra_body: x", "extra_body: expected a map of fields"),
    ("no time", "timeout: 0", "timeout: expected a duration over 0"),
    ("no certificates", "tls: {ca: /nowhere.pem}", "/nowhere.pem cannot be read"),
    ("no proxy", "proxy: nowhere", "proxy is no URL"),
    ("no address", "resolve: {a: b}", "expected an IPv4 or IPv6 address"),
]

# What is wrong, all of a provider's keys, and words.
WHOLE_PROVIDER_FAULTS = [
    ("no API", "model: m", "p: api is missing"),
    ("nearly an API", "api: openia", "did you mean openai?"),
    ("no such API", "api: bard", "gemini, openai, openai-responses, anthropic or ollama"),
    ("no key of OpenAI", "api: openai", 'key is missing: expected one such as "${OPENAI_API_KEY}"'),
    ("no key of Google", "api: gemini", "${GEMINI_API_KEY}"),
    ("no key of Anthropic", "api: anthropic", "${ANTHROPIC_API_KEY}"),
    ("a key that is not set", "api: gemini, key: '${NOT_SET}'", "NOT_SET is not set"),
    ("in words", "api: gemini, key: '${NOT_SET:?ask Ada}'", "NOT_SET: ask Ada"),
    ("an empty default", "api: gemini, key: '${NOT_SET:-}'", "p: key is missing"),
    ("no file of a key", "api: gemini, key: '${file:no.key}'", "file no.key cannot be read"),
    ("a blank in a key", "api: gemini, key: 'a b'", "key: a blank or control character in it"),
    ("a line break in a key", 'api: gemini, key: "a\\n"', "key: a blank or control character"),
    ("a list of keys", "api: gemini, key: [a]", "key: expected text, not a list"),
    ("no URL", "api: ollama, base_url: localhost", "base_url is no absolute http(s) URL"),
    ("another scheme", "api: ollama, base_url: 'ws://x'", "neither http nor https"),
    ("a user", "api: ollama, base_url: 'http://u:p@x'", "base_url: a user in it"),
    ("a query", "api: ollama, base_url: 'http://x/?key=1'", "a query or fragment in it"),
    ("a name in a URL", "api: ollama, base_url: 'http://{{nope}}'", "unknown name nope"),
    ("now in a URL", "api: ollama, base_url: 'http://{{now}}'", "only vars can stand here"),
    ("a version of none", "api: ollama, api_version: v1", "the API ollama has none"),
    ("a field of others", "api: ollama, max_tokens_field: x", "the API ollama has none"),
]

# What is wrong, a whole config, and where it is told with which words, in this order.
CONFIG_FAULTS = [
    (
        "a list of providers",
        "providers: [p]\n",
        [("1:12", "providers", "map")],
    ),
    ("a text for a provider", "providers: {p: openai}\n", [("1:16", "p: expected a map of keys")]),
    (
        "a colon in a text",
        PROVIDER + "prompts:\n  a:\n    prompt: Answer: yes or no?\n",
        [("4:19", "not valid YAML", 'a text with ": " in it must be quoted')],
    ),
    (
        "braces in a map",
        "providers: {p: {api: ollama, key: ${MODEL_KEY}}}\n",
        [("1:36", "not valid YAML", "a text with {, } or , in it must be quoted")],
    ),
    (
        "a template in no quotes",
        PROVIDER + "prompts:\n  a:\n    prompt: {{services.a.data}}\n",
        [("4:13", "prompt: file is missing"), ("4:14", "starts with { must be quoted")],
    ),
    (
        "no map of prompts",
        PROVIDER + "prompts:\n  a: Say hi\n  b:\n  c: [x]\n",
        [
            ("3:6", "a: expected a map of keys such as {prompt: TEXT}"),
            ("4:5", "b: expected a map"),
            ("5:6", "c: expected a map"),
        ],
    ),
    (
        "no provider",
        "prompts:\n  a: {prompt: x}\n  b: {prompt: x, provider: p}\n",
        [("2:3", "a: there is no provider"), ("3:28", "no provider is called p")],
    ),
    (
        "which provider",
        f"providers:\n  p: {P}}}\n  q: {P}}}\nprompts:\n  a: {{prompt: x}}\n",
        [("5:3", "a: provider is missing: expected one of p, q")],
    ),
    (
        "no model",
        "providers: {p: {api: ollama}}\nprompts: {a: {prompt: x}, b: {prompt: x, model: m}}\n",
        [("2:11", "a: model is missing, and its provider p has none")],
    ),
    (
        "a doubled provider",
        f"providers:\n  p: {P}}}\n  p: {P}}}\n",
        [("3:3", "doubled key", "line 2")],
    ),
    (
        "a name of a service",
        PROVIDER + "services: {a: URL}\nprompts:\n  a: {prompt: x}\n  b: {prompt: x}\n",
        [("4:3", "prompts: a is already the name of a service at gatherd.yaml:2:12")],
    ),
    (
        "names that for_each makes",
        PROVIDER + "services: {a1: URL}\nprompts:\n"
        "  b2: {prompt: x}\n"
        "  'a{{n}}': {prompt: x, for_each: {n: [1, 2]}}\n"
        "  'b{{n}}': {prompt: x, for_each: {n: [1, 2]}}\n"
        "  'c{{n}}': {prompt: x, for_each: {n: [1, 1]}}\n",
        [
            ("5:3", "prompts: a1 is already the name of a service at gatherd.yaml:2:12"),
            ("6:3", "prompts: b2 is already the name of a prompt at gatherd.yaml:4:3"),
            ("7:3", "for_each gives the name c1 twice"),
        ],
    ),
    (
        "a circle of prompts",
        PROVIDER + "prompts:\n  a: {prompt: '{{prompts.b.response}}'}\n"
        "  b: {prompt: x, needs: c}\n  c: {prompt: x, system: '{{prompts.a.response}}'}\n",
        [("3:3", "prompts: a circle of dependencies: a -> b -> c -> a")],
    ),
    (
        "a circle over both",
        PROVIDER + "services:\n  s: 'URL/{{prompts.a.response}}'\n"
        "prompts:\n  a: {prompt: '{{services.s.data}}'}\n  z: {prompt: x, needs: [z]}\n",
        [("3:3", "services: a circle of dependencies: s -> a -> s"), ("6:3", "z -> z")],
    ),
    (
        "what an API has not",
        "providers:\n  c: {api: anthropic, model: m, base_url: URL}\n"
        "  r: {api: openai-responses, model: m, base_url: 'URL/v1'}\n"
        "defaults: {seed: 3}\nprompts:\n"
        "  a: {provider: c, prompt: x}\n  b: {provider: r, prompt: x, stop: [x]}\n",
        [
            ("6:3", "a: seed: the API of c (anthropic) takes none"),
            ("7:3", "b: seed: the API of r (openai-responses) takes none"),
            ("7:38", "stop: the API of r (openai-responses) takes none"),
        ],
    ),
    (
        "defaults of both kinds",
        "defaults: {temprature: 1, prompt: x, url: URL, redirects: 51, top_p: 2, format: xml}\n"
        + PROVIDER
        + "prompts: {a: {prompt: x}}\nservices: {s: URL}\n",
        [
            ("1:12", "did you mean temperature?"),
            ("1:27", "each prompt has its own prompt"),
            ("1:38", "each service has its own url"),
            ("1:", "redirects", "from 0 to 50"),
            ("1:", "top_p", "from 0 to 1"),
            ("1:", "format", "auto, json, text or none"),
        ],
    ),
    (
        "the default of a provider that is none",
        "defaults: {provider: q}\n" + PROVIDER + "prompts: {a: {prompt: x}, b: {prompt: y}}\n",
        [("1:22", "no provider is called q")],
    ),
    (
        "a disabled prompt",
        PROVIDER + "prompts:\n  a: {prompt: x, enabled: no}\n  b: {prompt: '{{prompts.a.data}}'}\n",
        [("4:15", "a is not enabled")],
    ),
    (
        "another kind",
        PROVIDER + "services: {s: URL}\nprompts: {a: {prompt: '{{prompts.s.data}}'}, "
        "b: {prompt: '{{services.a.data}}'}, c: {prompt: '{{prompts.a.respnse}}'}}\n",
        [
            ("3:23", "no prompt is called s (did you mean services.s.data?)"),
            ("3:58", "no service is called a (did you mean prompts.a.data?)"),
            ("3:94", "a prompt has no respnse (did you mean response?)"),
        ],
    ),
    (
        "all of it at once, in the order of the file",
        "prompts:\n  a: {promt: x}\n  b: {prompt: '{{x}}', provider: q}\n"
        "vars: {now: 1}\nproviders:\n  p: {api: openia, max_concurrent: 0, model: m}\n"
        "services:\n  s: ftp://x/\n  b: URL\n",
        [
            ("2:3", "a: prompt is missing"),
            ("2:7", "did you mean prompt?"),
            ("3:3", "b is already the name of a service at gatherd.yaml:9:3"),
            ("3:15", "unknown name x"),
            ("3:34", "no provider is called q"),
            ("4:8", "vars"),
            ("6:12", "did you mean openai?"),
            ("6:36", "max_concurrent"),
            ("8:6", "scheme"),
        ],
    ),
]

BATCH = "interval: 10m\n"  # more than a prompt's timeout

# What --check says of a config that is taken all the same.
WARNINGS = [
    (
        "a literal key",
        BATCH + "providers: {p: {api: gemini, model: m, key: abc-1}}\nprompts: {a: {prompt: x}}\n",
        [("2:45", "key: a secret stands here literally", "${NAME}")],
    ),
    (
        "a template that is none",
        BATCH + "vars: {v: x}\nproviders: {p: {api: ollama, model: '{{v}}', key: '{{v}}'}}\n"
        "services: {s: URL}\n",
        [("3:37", "model is no template here"), ("3:51", "key is no template here")],
    ),
    (
        "a reference as in a shell",
        BATCH + "providers: {p: {api: ollama, model: m, key: $MODEL_KEY}}\n"
        "prompts: {a: {prompt: x}}\n",
        [
            ("2:45", "without braces a $ is sent as it stands: expected ${NAME}"),
            ("2:45", "a secret stands here literally"),
        ],
    ),
    (
        "a long timeout",
        "interval: 10s\n" + PROVIDER + "prompts: {a: {prompt: x, timeout: 20s, retries: 0}}\n",
        [("3:11", "a: its timeout of 20s is longer than its interval of 10s")],
    ),
    (
        "a short deadline",
        BATCH + PROVIDER + "prompts: {a: {prompt: x, deadline: 50s, retries: 0}}\n",
        [("3:11", "a: its timeout of 1m is longer than its deadline of 50s")],
    ),
    (
        "always another text",
        BATCH + PROVIDER + "prompts: {a: {prompt: 'At {{now}}', when: changed}}\n",
        [("3:23", "prompt: now differs each time", "when: changed")],
    ),
    (
        "never asked",
        BATCH + PROVIDER + "prompts: {a: {prompt: x, when: failing}}\n",
        [("3:11", "a: when: failing, and there is no service", "never asked")],
    ),
    (
        "more than the file allows",
        BATCH + f"max_concurrent: 2\nproviders: {{p: {P}}}}}\nprompts: {{a: {{prompt: x}}}}\n",
        [("3:13", "p: its max_concurrent, 5, is more than that of the file, 2")],
    ),
    (
        "more than the rate allows",
        BATCH + f"providers: {{p: {P}, rate: 2/h}}}}\nprompts: {{a: {{prompt: x}}}}\n",
        [("2:13", "would start 6 times in 1h, and its rate allows 2: turns will be skipped")],
    ),
    (
        "anybody may answer",
        BATCH + "providers: {p: {api: ollama, model: m, base_url: 'https://127.0.0.1:1', "
        "tls: {verify: no}}}\nprompts: {a: {prompt: x}}\n",
        [("2:13", "p: the server's certificate is not verified")],
    ),
    (
        "words that are only passed on",
        BATCH + PROVIDER + "prompts:\n"
        "  a: {prompt: x, schema: {propertes: {}, anyOf: [], title: t}}\n",
        [("4:27", "propertes is only passed on", "did you mean properties?"), ("4:42", "anyOf is")],
    ),
    (
        "what OpenAI refuses",
        BATCH + "providers: {p: {api: openai, model: m, key: '${MODEL_KEY}'}}\nprompts:\n"
        "  a: {prompt: x, format: json}\n"
        "  b: {prompt: x, schema: {type: object, properties: {c: {type: string}}}}\n",
        [
            ("4:15", "OpenAI refuses what does not hold the word JSON"),
            ("5:26", "OpenAI refuses an object without additionalProperties: false"),
        ],
    ),
    (
        "what Anthropic refuses",
        BATCH + "providers: {p: {api: anthropic, model: m, key: '${MODEL_KEY}'}}\n"
        "prompts: {a: {prompt: x, max_tokens: 30000}}\n",
        [("3:11", "max_tokens", "Anthropic wants streaming")],
    ),
    (
        "names in sections",
        BATCH + PROVIDER + "prompts:\n  a: {prompt: '{{#l}}{{nmae}}{{/l}}'}\n"
        "  b: {prompt: '{{^prompts.c.data}}x{{/prompts.c.data}}'}\nvars: {l: [{name: x}]}\n",
        [
            ("4:15", "nmae in a section can match nothing"),
            ("5:15", "no enabled prompt is called c"),
        ],
    ),
    ("nobody to ask", BATCH + PROVIDER, [("1:1", "no services or prompts: nothing is asked")]),
]

# Parts of a config that the schema and the program take, and that neither takes.
GOOD = [
    "providers: ",
    "prompts: ",
    "providers: {p: {api: ollama}}",
    "providers: {p: {api: ollama, price: {input: 0.15, output: '2.50'}, rate: 60/min}}",
    "providers: {p: {api: ollama, budget: {cost: 1.5, per: 30d}, price: {input: 1, output: 1}}}",
    "providers: {p: {api: ollama, extra_body: {a: [1, {b: null}]}, adaptive: off, timeout: 5m}}",
    "providers: {p: {api: ollama, tls: {min_version: 1.3}, proxy: 'http://p:1', ip: 4}}",
    "prompts: {a: {provider: p, prompt: hi}}",
    "prompts: {a: {provider: p, prompt: {file: hi.txt}, system: {file: hi.txt}}}",
    "prompts: {a: {provider: p, prompt: 5, temperature: 0, top_p: 1, seed: -3, stop: x}}",
    "prompts: {a: {provider: p, prompt: x, temperature: '0.5', max_tokens: '9', stop: [a, b]}}",
    "prompts: {a: {provider: p, prompt: x, temperature: '${NUMBER}', when: '${WHEN:-failing}'}}",
    "prompts: {a: {provider: p, prompt: x, schema: {type: object}, format: json}}",
    "prompts: {a: {provider: p, prompt: x, budget: {tokens: 5, per: 1d}, store_prompt: hash}}",
    "prompts: {'a{{n}}': {provider: p, prompt: x, for_each: {n: [1, b]}, model: 'm{{n}}'}}",
    "prompts: {a: {provider: p, prompt: x, max_insert: 1KiB, fence: yes, keep_last: on}}",
    "defaults: {temperature: 1, redirects: 3, budget: {tokens: 5, per: 1d}, system: x}",
    "defaults: {format: json, schema: {type: object}, provider: p, stop: x, extra_body: {a: 1}}",
]
BAD = [
    "providers: [p]",
    "providers: {p: }",
    "providers: {p: {model: m}}",
    "providers: {p: {api: bard}}",
    "providers: {p: {api: ollama, modle: m}}",
    "providers: {p: {api: ollama, key: [a]}}",
    "providers: {p: {api: ollama, price: 5}}",
    "providers: {p: {api: ollama, price: {input: -1}}}",
    "providers: {p: {api: ollama, price: {inptu: 1}}}",
    "providers: {p: {api: ollama, budget: {tokens: 5}}}",
    "providers: {p: {api: ollama, budget: {per: 1d}}}",
    "providers: {p: {api: ollama, budget: {tokens: 5, cost: 1, per: 1d}}}",
    "providers: {p: {api: ollama, rate: fast}}",
    "providers: {p: {api: ollama, max_concurrent: 0}}",
    "providers: {p: {api: ollama, timeout: 0}}",
    "providers: {p: {api: ollama, temperature: 1}}",
    "providers: {p: {api: ollama, extra_body: [1]}}",
    "providers: {'': {api: ollama}}",
    "prompts: [a]",
    "prompts: {a: hi}",
    "prompts: {a: }",
    "prompts: {a: {}}",
    "prompts: {a: {provider: p}}",
    "prompts: {a: {provider: p, prompt: [x]}}",
    "prompts: {a: {provider: p, prompt: {}}}",
    "prompts: {a: {provider: p, prompt: {flie: hi.txt}}}",
    "prompts: {a: {provider: p, prompt: {file: hi.txt, more: x}}}",
    "prompts: {a: {provider: p, prompt: x, promt: x}}",
    "prompts: {a: {provider: p, prompt: x, url: 'http://x/'}}",
    "prompts: {a: {provider: p, prompt: x, temperature: -1}}",
    "prompts: {a: {provider: p, prompt: x, temperature: hot}}",
    "prompts: {a: {provider: p, prompt: x, top_p: 1.5}}",
    "prompts: {a: {provider: p, prompt: x, max_tokens: 0}}",
    "prompts: {a: {provider: p, prompt: x, seed: 1.5}}",
    "prompts: {a: {provider: p, prompt: x, stop: {a: b}}}",
    "prompts: {a: {provider: p, prompt: x, stop: [[a]]}}",
    "prompts: {a: {provider: p, prompt: x, format: auto}}",
    "prompts: {a: {provider: p, prompt: x, when: never}}",
    "prompts: {a: {provider: p, prompt: x, store_prompt: all}}",
    "prompts: {a: {provider: p, prompt: x, schema: [a]}}",
    "prompts: {a: {provider: p, prompt: x, max_insert: 0}}",
    "prompts: {a: {provider: p, prompt: x, fence: 3}}",
    "prompts: {a: {provider: p, prompt: x, retries: 101}}",
    "prompts: {a: {provider: p, prompt: x, for_each: [a]}}",
    "prompts: {a: {provider: p, prompt: x, budget: 5}}",
    "defaults: {prompt: x}",
    "defaults: {temperature: -1}",
    "defaults: {when: never}",
    "defaults: {rate: 1/s}",
]
