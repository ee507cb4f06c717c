"""What is sent: method, headers, templates; and what is picked up from nowhere."""

import re
import urllib.parse

import pytest

from upstream import answer

# All that means something in a URL, a header or JSON, and more.
ODD = "a b/c?d&e=f#g%h+i\"j'k<l>m\\n{o}ü€\U0001f600:;@[]$,!*()~-_.|^`"


def echo(upstream, path="/echo", **keys):
    return {"url": f"{upstream.url}{path}", **keys}


def sent_headers(upstream, path):
    (request,) = upstream.asked_for(path)
    return [(name.lower(), value) for name, value in request.headers]


def test_a_plain_request(gatherd, upstream):
    gatherd.once({"services": {"plain": echo(upstream)}})
    (request,) = upstream.requests
    assert request.method == "GET"
    version = gatherd.run("--version").stdout.split()[1]
    assert sorted(request.headers) == [
        ("Accept", "*/*"),
        ("Host", upstream.url.removeprefix("http://")),
        ("User-Agent", f"gatherd/{version}"),
    ]


def test_headers_arrive_as_they_are_written(gatherd, upstream):
    headers = {
        "X-Team": "web",
        "x-empty": "",
        "X-Blanks": "a  b",
        "X-Number": 12,
        "X-UTF-8": "grün",
        "X-Odd!#$&'*+.^_`|~": "so",
        "User-Agent": "another/1.0",
        "Accept": "text/plain",
        "Host": "virtual.example.com",
        "Authorization": "Bearer abc",
        "Cookie": "a=1; b=2",
    }
    config = {"services": {"all": echo(upstream, headers=headers)}}
    assert gatherd.once(config).status == 0
    sent = dict(upstream.requests[0].headers)
    assert sent.pop("X-UTF-8").encode("latin-1").decode() == "grün"
    assert sent == {
        name: str(value) for name, value in headers.items() if name != "X-UTF-8"
    }
    assert len(upstream.requests[0].headers) == len(headers)


def test_headers_of_defaults_are_merged_with_own_ones(gatherd, upstream):
    config = {
        "defaults": {"headers": {"X-Team": "web", "X-Site": "north"}},
        "services": {
            "both": echo(upstream, "/echo/both", headers={"x-team": "shop", "X-More": "1"}),
            "defaults": echo(upstream, "/echo/defaults"),
        },
    }
    gatherd.once(config)
    both = sent_headers(upstream, "/echo/both")
    assert {("x-team", "shop"), ("x-site", "north"), ("x-more", "1")} <= set(both)
    assert ("x-team", "web") not in both
    defaults = sent_headers(upstream, "/echo/defaults")
    assert {("x-team", "web"), ("x-site", "north")} <= set(defaults)


def test_templates_are_escaped_for_where_they_stand(gatherd, upstream):
    url = upstream.url + "/echo/{{odd}}?q={{odd}}&raw={{{raw}}}"
    config = {
        "vars": {"odd": ODD, "raw": "1&x=2"},
        "services": {"odd": {"url": url, "headers": {"X-Odd": "<{{odd}}>"}}},
    }
    result = gatherd.once(config)
    assert result.status == 0, result.stderr
    (request,) = upstream.requests
    escaped = urllib.parse.quote(ODD, safe="")
    assert request.target == f"/echo/{escaped}?q={escaped}&raw=1&x=2"
    assert request.query == {"q": ODD, "raw": "1", "x": "2"}
    assert request.header("X-Odd").encode("latin-1").decode() == f"<{ODD}>"
    shown = result.document["services"]["odd"]["url"]
    assert shown == upstream.url + request.target


def test_no_value_ends_a_header(gatherd, upstream):
    odd = "a\r\nX-Injected: b\nX-Injected: c\r\n\r\nGET /injected HTTP/1.1\r\n\r\n"
    headers = {"X-A": "<{{odd}}>", "X-B": "<{{{odd}}}>"}
    config = {"vars": {"odd": odd}, "services": {"odd": echo(upstream, headers=headers)}}
    assert gatherd.once(config).status == 0
    (request,) = upstream.requests
    flat = odd.replace("\r", "").replace("\n", "")
    assert request.header("X-A") == request.header("X-B") == f"<{flat}>"
    assert request.header("X-Injected") is None


def test_sections_and_lists(gatherd, upstream):
    regions = "{{#regions}}{{name}}-{{size}}.{{/regions}}{{^none}}end{{/none}}"
    config = {
        "vars": {"regions": [{"name": "eu", "size": 1}, {"name": "us", "size": 2.50}]},
        "services": {"list": echo(upstream, f"/echo/{regions}/{{{{regions.1.name}}}}")},
    }
    gatherd.once(config)
    assert upstream.paths() == ["/echo/eu-1.us-2.5.end/us"]


def test_var_options_override(gatherd, upstream):
    services = {"s": echo(upstream, "/echo/{{a}}{{b}}")}
    config = {"vars": {"a": "1", "b": "2"}, "services": services}
    gatherd.once(config, "--var", "b=x={{a}}")
    assert upstream.paths() == ["/echo/1" + urllib.parse.quote("x={{a}}", safe="")]


def test_what_was_put_in_is_no_template_again(gatherd, upstream):
    config = {
        "vars": {"a": "{{b}}", "b": "no"},
        "services": {"s": echo(upstream, "/echo/{{a}}/${plain:TAG}")},
    }
    assert gatherd.once(config, env={"TAG": "%7B%7Bb%7D%7D{{b}}"}).status == 0
    (path,) = upstream.paths()
    assert "no" not in path


def test_now_is_when_it_is_asked(gatherd, upstream):
    service = echo(upstream, "/echo?at={{now}}", headers={"X-Now": "{{now}}"})
    services = {"s": service, "long": f"{upstream.url}/delay/0.01"}
    result = gatherd.run("--rounds", 2, "-o", "-", config={"services": services})
    assert result.status == 0
    requests = upstream.asked_for("/echo")
    first, second = (request.header("X-Now") for request in requests)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first)
    assert first < second
    for request, document in zip(requests, result.documents):
        assert request.query["at"] == request.header("X-Now")
        assert request.header("X-Now") <= document["services"]["s"]["checked_at"]
        shown = document["services"]["s"]["url"]
        assert shown.endswith(urllib.parse.quote(request.query["at"]))


def test_url_is_asked_as_it_is_written(gatherd, upstream):
    path = "/echo/a%2Fb/c%20d;e=f,g/(h)!*'~?i=j%26&k=&l&m=n/o?p+q@:$"
    services = {"s": echo(upstream, path + "#part"), "none": upstream.url}
    gatherd.once({"services": services})
    assert {request.target for request in upstream.requests} == {path, "/"}


# ---- what is picked up from nowhere ----


@pytest.fixture
def home(tmp_path):
    """A home with all that curl(1) would read there."""
    (tmp_path / ".netrc").write_text(
        "machine 127.0.0.1 login someone password from-netrc\n"
        "machine localhost login someone password from-netrc\n"
        "default login someone password from-netrc\n"
    )
    (tmp_path / ".netrc").chmod(0o600)
    (tmp_path / ".curlrc").write_text('header = "X-Curlrc: from-curlrc"\n')
    return str(tmp_path)


def test_nothing_of_the_surroundings_is_used(gatherd, upstream, bad_ports, home):
    proxy = f"http://127.0.0.1:{bad_ports.refused()}"
    names = ["http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy"]
    surroundings = {name: proxy for name in names}
    surroundings.update({name.upper(): proxy for name in names}, no_proxy="", NO_PROXY="")
    surroundings.update({"HOME": home, "CURL_HOME": home, "NETRC": f"{home}/.netrc"})
    services = {
        "plain": echo(upstream, "/echo/plain"),
        "localhost": f"http://localhost:{upstream.port}/echo/localhost",
        "user": f"http://someone@127.0.0.1:{upstream.port}/echo/user",
        "redirect": echo(upstream, "/redirect?to=/echo/redirect"),
        "TLS": f"https://127.0.0.1:{bad_ports.refused()}/",
    }
    result = gatherd.once({"services": services}, env=surroundings)
    assert result.document["failed"] == ["TLS"]
    assert proxy.removeprefix("http://") not in result.stdout
    for request in upstream.requests:
        told = dict(request.headers)
        assert told.pop("Authorization", "Basic c29tZW9uZTo=") == "Basic c29tZW9uZTo="
        assert set(told) <= {"Host", "User-Agent", "Accept"}
        assert ("Authorization" in dict(request.headers)) == (request.path == "/echo/user")


def test_cookies_are_not_kept(gatherd, upstream):
    upstream.answers["/cookies"] = answer("{}", headers=[("Set-Cookie", "a=b; Path=/")])
    services = {"s": echo(upstream, "/cookies")}
    gatherd.run("--rounds", 2, "-o", "-", config={"services": services})
    assert [request.header("Cookie") for request in upstream.requests] == [None, None]
