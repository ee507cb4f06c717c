"""Prompts in the daemon: beside services, over restarts, signals and reloads, with
too little room and with a full disk; and the few of them that --only picks."""

import signal

import pytest

from helpers_clock import clock_library, wall_clock  # noqa: F401 (fixtures)
from helpers_document import read_document
from helpers_gatherd import needs_mounts
from helpers_limits import environment, held  # noqa: F401 (a fixture)
from helpers_money import (  # noqa: F401 (fixtures)
    ANSWERED,
    PRICE,
    asked,
    asking,
    daemon_of,
    fails,
    one,
    outcome_of,
    outcomes,
    rarely,
    reload,
    runs,
    settled,
    settled_after,
    spent,
    tokens,
)
from helpers_prompts import ask, config, models, provider  # noqa: F401 (a fixture)
from helpers_reload import gather_now, verdict
from helpers_schedule import ms
from models import cuts, refuses, says
from test_daemon_disk import Disk

# ---- intervals and restarts ----


def test_a_prompt_has_an_interval_of_its_own_beside_services(daemon_of, models):
    made = one(models, services={"s": models.url + "/ok"}, interval="1h")
    with daemon_of(made | {"interval": "30ms"}) as daemon:
        models.wait_for(lambda models: models.asked.get("/ok", 0) >= 10)
        document = daemon.wait_document(lambda new: new["round"]["number"] >= 9)
    assert outcomes(document) == {"it": ANSWERED} and asked(models) == 1


def kinds(models):
    """A prompt of each kind of entry; all of them, and then the config with them."""
    models.plan = {
        "data": lambda api, *_: says(api, '```json\n{"n": 1.50, "l": [1, {"k": "\\u00e4"}]}\n```'),
        "cut": lambda api, *_: cuts(api, "half of \U0001f30d"),
        "refused": lambda api, *_: refuses(api),
        "denied": fails(403),
        "odd": lambda api, *_: says(api, 'ü "q" \\ {{x}} 漢字 \u0001 \u2028 </script>'),
    }
    prompts = {name: asking(name) for name in models.plan}
    prompts["data"] |= {"format": "json", "extract": {"n": "/n"}, "warn": {"json": {"/n": 2}}}
    prompts["hash"] = asking("hash", store_prompt="hash")
    prompts["none"] = asking("none", store_prompt="none", keep_last=True)
    prompts["words"] = asking("words", group="g", labels={"a": "b"}, description="d")
    prompts["skipped"] = asking("{{services.bad.values.x}}")
    prompts["unpaid"] = asking("x" * 400, **tokens(10))
    prompts["changed"] = asking("changed", when="changed")
    services = {"bad": {"url": models.url + "/status/500", "extract": {"x": "/x"}}}
    return config(models, prompts, services, keys=PRICE | tokens(10_000))


def entry_lines(path):
    """The text of each prompt's entry, by its name."""
    text = path.read_text()
    _, _, rest = text.partition('"prompts": {\n')
    lines = [line.strip().rstrip(",") for line in rest.split("\n  }")[0].splitlines()]
    return {line.split('"')[1]: line for line in lines if line.startswith('"')}


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_restart_within_the_interval_asks_nobody_and_tells_the_same(daemon_of, models, end):
    made = kinds(models)
    with daemon_of(made) as daemon:
        document = settled(daemon)
        path = daemon.output
        getattr(daemon, end)()
    lines, count = entry_lines(path), len(models.prompts)
    assert list(lines) == list(made["prompts"])
    # Each kind is what it is meant to be.
    statuses = [entry["status"] for entry in document["prompts"].values()]
    assert statuses == [
        *["degraded", "error", "error", "http_error", "ok", "ok", "ok", "ok", "skipped"],
        *["skipped", "ok"],
    ]
    for failures in (2, 3):
        with daemon_of(made) as daemon:
            again = daemon.wait_document(
                lambda new: new["services"]["bad"]["failures"] == failures
            )
            assert entry_lines(path) == lines
            for name in ("failed", "counts", "status", "providers"):
                assert again[name] == document[name]
            getattr(daemon, end)()
    assert len(models.prompts) == count


def test_a_restart_after_the_interval_asks_again(daemon_of, models, wall_clock):
    made = one(models, interval="2h")
    environment = wall_clock.environment
    with daemon_of(made, env=environment) as daemon:
        settled(daemon)
    wall_clock.step(2 * 3_600_000 - 60_000)
    with daemon_of(made, env=environment) as daemon:
        daemon.first_document()
        assert asked(models) == 1
    wall_clock.step(60_000)
    with daemon_of(made, env=environment) as daemon:
        daemon.first_document()
        settled(daemon)
        assert asked(models) == 2
    # What was checked in a time to come says nothing.
    wall_clock.step(-86_400_000)
    with daemon_of(made, env=environment) as daemon:
        models.wait_for(lambda models: len(models.prompts) == 3)


def test_what_a_restart_has_left_is_read_by_others(daemon_of, models):
    """A service and a prompt that come each round name one that is not asked again."""
    models.plan["it"] = lambda api, *_: says(api, '{"n": 7}')
    made = one(models, format="json", extract={"n": "/n"}, interval="2h")
    made["prompts"]["next"] = asking("{{prompts.it.response}} {{prompts.it.data.n}}")
    made["prompts"]["next"]["interval"] = "10ms"
    made["services"] = {"s": {"url": models.url + "/echo?n={{prompts.it.values.n}}"}}
    with daemon_of(made) as daemon:
        settled(daemon)
    asked_before = len(models.prompts)
    with daemon_of(made) as daemon:
        daemon.first_document()
        models.wait_for(lambda models: len(models.prompts) > asked_before)
        document = daemon.wait_document(lambda new: new["services"]["s"]["data"] is not None)
        assert document["services"]["s"]["url"].endswith("/echo?n=7")
    assert asked(models) == 1 and models.prompts[-1] == '{"n": 7} 7'


def test_after_a_restart_sigusr1_asks_all(daemon_of, models):
    made = config(models, {"a": asking("a"), "b": asking("b")})
    with daemon_of(made) as daemon:
        settled(daemon)
    with daemon_of(made) as daemon:
        daemon.first_document()
        gather_now(daemon)
    assert sorted(models.prompts) == ["a", "a", "b", "b"]


# ---- reload ----


def three(models, **keys):
    made = config(models, {name: asking(name) for name in "abc"}, keys=keys)
    made["services"] = {"s": models.url + "/ok"}
    return made


def test_another_text_asks_that_prompt_alone(daemon_of, models):
    made = three(models)
    with daemon_of(made) as daemon:
        document = settled(daemon)
        made["prompts"]["b"]["prompt"] = "another b"
        reload(daemon, made)
        assert verdict(daemon) == [0, 0, 1, 3]
        document = settled_after(daemon, document)
        assert document["prompts"]["b"]["response"] == "answer to another b"
        assert daemon.matches(r"\[b\] changed: prompt$")
    assert sorted(models.prompts[:3]) == ["a", "b", "c"] and models.prompts[3:] == ["another b"]
    assert models.asked["/ok"] == 1


def test_another_text_in_a_file_or_a_variable_asks_those_that_have_it(daemon_of, models, gatherd):
    made = three(models) | {"vars": {"v": "1", "w": "1"}}
    (gatherd.folder / "text.txt").write_text("from a file\n")
    made["prompts"]["a"]["prompt"] = {"file": "text.txt"}
    made["prompts"]["b"]["prompt"] = "b {{v}}"
    made["prompts"]["c"]["prompt"] = "c {{w}}"
    with daemon_of(made) as daemon:
        document = settled(daemon)
        (gatherd.folder / "text.txt").write_text("from another\n")
        made["vars"]["v"] = "2"
        reload(daemon, made)
        assert verdict(daemon) == [0, 0, 2, 2]
        document = settled_after(daemon, document)
    assert sorted(text.strip() for text in models.prompts[3:]) == ["b 2", "from another"]
    assert document["prompts"]["c"]["response"] == "answer to c 1"


@pytest.mark.parametrize(
    "keys",
    [
        {"key": "another-key-of-mine"},
        {"model": "another"},
        {"extra_body": {"user": "me"}},
        {"headers": {"X-More": "1"}},
        {"timeout": "33s"},
    ],
)
def test_another_provider_asks_all_of_its_prompts_and_no_other(daemon_of, models, keys):
    made = three(models)
    made["providers"]["q"] = provider("openai", models)
    for name in "abc":
        made["prompts"][name]["provider"] = "q" if name == "c" else "p"
    with daemon_of(made) as daemon:
        document = settled(daemon)
        made["providers"]["p"] |= keys
        reload(daemon, made)
        assert verdict(daemon) == [0, 0, 2, 2]
        settled_after(daemon, document)
    assert sorted(models.prompts[3:]) == ["a", "b"]


def test_a_provider_that_nobody_asks_is_gone_and_back(daemon_of, models):
    made = three(models)
    made["providers"]["q"] = provider("gemini", models, **tokens(100))
    for name in "abc":
        made["prompts"][name]["provider"] = "p"
    with daemon_of(made) as daemon:
        assert list(settled(daemon)["providers"]) == ["p", "q"]
        q = made["providers"].pop("q")
        reload(daemon, made)
        assert verdict(daemon) == [0, 0, 0, 4]
        assert list(gather_now(daemon)["providers"]) == ["p"]
        # In the order of the config, and with a prompt that moves there.
        made["providers"] = {"q": q} | made["providers"]
        made["prompts"]["a"]["provider"] = "q"
        reload(daemon, made)
        assert verdict(daemon) == [0, 0, 1, 3]
        document = daemon.wait_document(
            lambda new: list(new["providers"]) == ["q", "p"] and spent(new["providers"]["q"]) == 10
        )
    assert document["prompts"]["a"]["provider"] == "q"
    assert document["prompts"]["a"]["model"] == "the-model-2"


def test_prompts_without_their_provider_are_a_fault_and_the_old_config_goes_on(daemon_of, models):
    made = three(models)
    with daemon_of(made) as daemon:
        settled(daemon)
        made["prompts"]["a"]["provider"] = "q"
        assert not daemon.reload(rarely(made))
        assert daemon.matches("error: provider: no provider is called q")
        assert gather_now(daemon)["counts"]["ok"] == 4


def test_a_service_that_becomes_a_prompt_of_that_name_is_another_target(daemon_of, models):
    made = three(models)
    with daemon_of(made) as daemon:
        document = settled(daemon)
        old = document["services"]["s"]
        del made["services"]
        made["prompts"]["s"] = asking("s", **tokens(100))
        reload(daemon, made)
        document = settled_after(daemon, document)
        entry = document["prompts"]["s"]
        assert document["services"] == {} and outcome_of(entry) == ANSWERED
        assert ms(entry["since"]) > ms(old["since"]) and spent(entry) == 10
        assert daemon.matches(r"\[s\] changed: it is a prompt now")
        del made["prompts"]["s"]
        made["services"] = {"s": models.url + "/status/500"}
        reload(daemon, made)
        document = settled_after(daemon, document)
        assert list(document["prompts"]) == ["a", "b", "c"]
        assert document["services"]["s"]["status"] == "http_error"
        assert document["services"]["s"]["last_ok_at"] is None
    # And over a restart.
    del made["services"]
    made["prompts"]["s"] = asking("s")
    with daemon_of(made) as daemon:
        daemon.first_document()
        document = daemon.wait_document(lambda new: new["prompts"]["s"]["status"] == "ok")
        assert document["prompts"]["s"]["failures"] == 0


@pytest.mark.parametrize("becomes", ["service", "other", "gone"])
def test_what_is_under_way_to_what_is_changed_is_given_up(daemon_of, held, becomes):
    made = one(held, tokens(1000), prompt="held it", max_tokens=98)
    made["prompts"]["stays"] = asking("held stays", max_tokens=98)
    with daemon_of(made) as daemon:
        held.wait_for_prompts(2)
        if becomes == "other":
            made["prompts"]["it"]["prompt"] = "another"
        else:
            del made["prompts"]["it"]
        if becomes == "service":
            made["services"] = {"it": held.url + "/ok"}
        reload(daemon, made)
        held.let_go("it", "stays")
        document = settled(daemon)
        assert list(document["prompts"]) == (["it", "stays"] if becomes == "other" else ["stays"])
        assert document["prompts"]["stays"]["response"] == "answer to held stays"
        assert document["providers"]["p"]["in_flight"] == 0
        # Nobody knows what it took: as much as was estimated.
        estimate = 98 + len("held it") // 4
        assert spent(document["providers"]["p"]) == estimate + (20 if becomes == "other" else 10)
    assert held.texts()[2:] == (["another"] if becomes == "other" else [])


# ---- only some of them ----


def test_only_asks_what_is_named_and_what_that_needs(gatherd, models):
    models.answers["/s"] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    services = {"s": models.url + "/s", "other": models.url + "/ok"}
    prompts = {
        "a": asking("a {{services.s.status}}"),
        "b": asking("b {{prompts.a.response}}"),
        "c": asking("c", needs="b"),
        "d": asking("d"),
    }
    made = config(models, prompts, services)
    made["providers"]["unused"] = provider("gemini", models, key="${NO_KEY:-none}")
    for prompt in prompts.values():
        prompt["provider"] = "p"
    result = ask(gatherd, made, "--only", "b")
    assert list(result.document["prompts"]) == ["a", "b"]
    assert list(result.document["services"]) == ["s"]
    assert models.prompts == ["a ok", "b answer to a ok"]
    result = ask(gatherd, made, "--only", "c,other")
    assert list(result.document["prompts"]) == ["a", "b", "c"]
    assert list(result.document["services"]) == ["s", "other"]
    result = ask(gatherd, made, "--only", "e")
    assert result.status == 2 and 'there is no target "e"' in result.stderr


@pytest.mark.parametrize(
    "text", ["{{#targets}}{{name}} {{/targets}}", "{{#failed}}{{.}} {{/failed}}"]
)
def test_whoever_reads_all_services_needs_all_of_them(gatherd, models, text):
    services = {"fine": models.url + "/ok", "bad": models.url + "/status/500"}
    made = config(models, {"it": asking(text + "x"), "b": asking()}, services)
    result = ask(gatherd, made, "--only", "it")
    assert list(result.document["services"]) == ["fine", "bad"]
    assert models.prompts == ["fine bad x" if "targets" in text else "bad x"]


def test_one_that_is_asked_while_a_service_fails_needs_the_services(gatherd, models):
    services = {"bad": models.url + "/status/500"}
    made = config(models, {"it": asking(when="failing")}, services)
    result = ask(gatherd, made, "--only", "it")
    assert models.prompts == ["it"] and list(result.document["services"]) == ["bad"]


# ---- room ----


def test_what_does_not_fit_into_the_document_is_left_out(runs, models):
    models.plan["large"] = lambda api, *_: says(api, "x" * 20_000)
    prompts = {"small": asking("small"), "large": asking("large", when="changed", **tokens(100))}
    made = config(models, prompts) | {"output": {"max_size": "16KiB"}}
    document = runs(made)
    entry = document["prompts"]["large"]
    assert (entry["status"], entry["response"]) == ("ok", None)
    assert "output.max_size" in entry["warnings"][0]
    assert document["prompts"]["small"]["response"] == "answer to small"
    assert runs.path.stat().st_size <= 16 * 1024
    assert spent(entry) == 10
    # It is not there to be used again: it has to be asked.
    assert runs.entry(made, name="large")["attempts"] == 1
    assert asked(models, "large") == 2


def test_a_full_disk_loses_no_money(gatherd, models):
    """What could not be written is in the next document that can be."""
    needs_mounts()
    models.plan["it"] = lambda api, _, number: says(api, "x" * (100_000 if number == 2 else 10))
    made = rarely(one(models, tokens(1000), **tokens(35)))
    gatherd.environment |= environment()
    with Disk(gatherd, made, "size=64k") as disk:
        daemon = disk.daemon
        document = settled(daemon)
        assert spent(document["prompts"]["it"]) == 10
        daemon.signal(signal.SIGUSR1)
        daemon.wait_log("could not write .*No space left on device")
        assert read_document(daemon.output) == document
        daemon.signal(signal.SIGUSR1)
        document = settled_after(daemon, {"round": {"number": 2}})
        assert spent(document["prompts"]["it"]) == 30
        assert spent(document["providers"]["p"]) == 30
        assert outcome_of(gather_now(daemon)["prompts"]["it"]) == ("skipped", "budget")
    assert asked(models) == 3
