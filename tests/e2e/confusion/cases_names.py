"""Who is asked for what: request lines, paths, hosts."""
from confusion.case import HIDDEN, Case, request

LINES = {
    "absolute form": (b"GET http://app.example/c HTTP/1.1", True),
    "absolute form with https": (b"GET https://app.example/c HTTP/1.1", True),
    "absolute form of another host": (b"GET http://tenant.example/c HTTP/1.1", False),
    "absolute form with a port": (b"GET https://app.example:9443/c HTTP/1.1", False),
    "absolute form without a path": (b"GET http://app.example HTTP/1.1", False),
    "absolute form with a query only": (b"GET http://app.example?x HTTP/1.1", False),
    "absolute form with a user": (b"GET http://u:p@app.example/c HTTP/1.1", False),
    "absolute form of a user that looks like a host": (b"GET http://app.example@tenant.example/c HTTP/1.1", False),
    "absolute form, upper case": (b"GET HTTP://APP.EXAMPLE/c HTTP/1.1", False),
    "absolute form of ftp": (b"GET ftp://app.example/c HTTP/1.1", False),
    "absolute form of a file": (b"GET file:///c HTTP/1.1", False),
    "absolute form with a port that is a host": (b"GET https://app.example:443@tenant.example/c HTTP/1.1", False),
    "absolute form upwards": (b"GET https://app.example/c/../admin/x HTTP/1.1", False),
    "absolute form of an encoded host": (b"GET https://app%2eexample/c HTTP/1.1", False),
    "absolute form with a dot": (b"GET https://app.example./c HTTP/1.1", False),
    "absolute form without a host": (b"GET http:///c HTTP/1.1", False),
    "absolute form of one slash": (b"GET http:/c HTTP/1.1", False),
    "absolute form of a scheme alone": (b"GET http: HTTP/1.1", False),
    "absolute form with a fragment": (b"GET https://app.example#@tenant.example/c HTTP/1.1", False),
    "absolute form with a backslash": (b"GET https://app.example\\@tenant.example/c HTTP/1.1", False),
    "absolute form in a path": (b"GET /https://tenant.example/admin/x HTTP/1.1", False),
    "no scheme": (b"GET //tenant.example/c HTTP/1.1", False),
    "authority form": (b"CONNECT app.example:443 HTTP/1.1", False),
    "authority form of another": (b"CONNECT tenant.example:443 HTTP/1.1", False),
    "authority form without a port": (b"CONNECT app.example HTTP/1.1", False),
    "POST of an authority": (b"POST tenant.example:443 HTTP/1.1", False),
    "CONNECT of an absolute form": (b"CONNECT https://app.example/c HTTP/1.1", False),
    "CONNECT of a path": (b"CONNECT /c HTTP/1.1", False),
    "GET of an authority": (b"GET app.example:443 HTTP/1.1", False),
    "asterisk": (b"OPTIONS * HTTP/1.1", False),
    "GET of an asterisk": (b"GET * HTTP/1.1", False),
    "two spaces": (b"GET  /c HTTP/1.1", False),
    "two spaces before the version": (b"GET /c  HTTP/1.1", False),
    "tab": (b"GET\t/c HTTP/1.1", False),
    "tab before the version": (b"GET /c\tHTTP/1.1", False),
    "vertical tab": (b"GET\x0b/c HTTP/1.1", False),
    "carriage return": (b"GET /c\rHTTP/1.1", False),
    "leading space": (b" GET /c HTTP/1.1", False),
    "trailing space": (b"GET /c HTTP/1.1 ", False),
    "space in the path": (b"GET /c d HTTP/1.1", False),
    "version in the path": (b"GET /c HTTP/1.1 HTTP/1.1", False),
    "lower-case method": (b"get /c HTTP/1.1", False),
    "unknown method": (b"FROBNICATE /c HTTP/1.1", False),
    "method with a dash": (b"M-SEARCH /c HTTP/1.1", False),
    "method with an underscore": (b"GET_X /c HTTP/1.1", False),
    "method with a null byte": (b"GE\x00T /c HTTP/1.1", False),
    "long method": (b"G" * 300 + b" /c HTTP/1.1", False),
    "no method": (b"/c HTTP/1.1", False),
    "no path": (b"GET HTTP/1.1", False),
    "HTTP/0.9": (b"GET /c", False),
    "HTTP/1.0": (b"GET /c HTTP/1.0", True),
    "HTTP/1.2": (b"GET /c HTTP/1.2", False),
    "HTTP/2.0": (b"GET /c HTTP/2.0", False),
    "HTTP/1.10": (b"GET /c HTTP/1.10", False),
    "HTTP/01.1": (b"GET /c HTTP/01.1", False),
    "HTTP/1.1x": (b"GET /c HTTP/1.1x", False),
    "lower-case version": (b"GET /c http/1.1", False),
    "another protocol": (b"GET /c RTSP/1.0", False),
    "preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM", False),
    "null byte in the path": (b"GET /c\x00d HTTP/1.1", False),
    "high byte in the path": (b"GET /c\xff HTTP/1.1", False),
    "delete in the path": (b"GET /c\x7f HTTP/1.1", False),
    "empty lines before it": (b"\r\n\r\nGET /c HTTP/1.1", False),
    "line feed before it": (b"\nGET /c HTTP/1.1", False),
    "TRACE": (b"TRACE /c HTTP/1.1", False),
    "TRACK": (b"TRACK /c HTTP/1.1", False),
}

# The first of a pair is a path, the second whether it must be let through.
PATHS = {
    "/admin/x": True, "/x/admin/": True, "/v1/users": True, "/x/v1/users": True, "/a/secret/b": True, "/c?x=/admin/": True,
    "/c?/../admin/": True, "/": True, "/c;x=y": True, "/c%20d": True, "/c%C3%A9": True, "/c?x=%00": True, "/Admin/x": True,
    "/c/../admin/x": False, "/c/./admin": False, "/./admin/x": False, "/../admin/x": False, "/..": False, "/.": False, "/c/..": False,
    "/c/.": False, "/%2e%2e/admin/x": False, "/c/%2e%2e/admin/x": False, "/c/%2E%2e/admin/x": False, "/c/.%2e/admin/x": False,
    "/c/%2e/admin": False, "/c%2f..%2fadmin/x": False, "/%2fadmin/x": False, "/c%2Fadmin/x": False, "/admin%2fx": False,
    "/c%5c..%5cadmin": False, "/c\\..\\admin\\x": False, "\\admin\\x": False, "/\\admin/x": False, "//admin/x": False,
    "/c//admin/x": False, "/admin//x": False, "///admin/x": False, "/c/..;/admin/x": False, "/..;x=y/admin/x": False,
    "/c/.;/admin": False, "/c%00/admin": False, "/admin/%00": False, "/%00": False, "/c%0aadmin": False, "/c%0d%0aX:y": False,
    "/c%09": False, "/c%7f": False, "/%61dmin/x": False, "/admi%6e/x": False, "/v%31/users": False, "/secre%74/b": False,
    "/c#/admin/x": False, "/admin/x#y": False, "/#": False, "#": False, "/c%": False, "/c%2": False, "/c%zz": False,
    "/c%u002e": False, "/c%%32%65": False, "": False, "?": False, "?x": False, "x": False, "x/admin/x": False, "*": False,
    "/%252e%252e/admin/x": True, "/c%252fadmin": True, "/%25": True, "/c/%c0%ae%c0%ae/admin/x": True, "/c%c0%afadmin": True,
    "/c/%e0%80%ae./admin": True, "/c/...": True, "/c/.../x": True, "/.well-known/x": True, "/..x": True, "/x..": True, "/c;/../admin": False,
    "/c;%2f..%2fadmin": False, "/admin;x/y": True, "/admin/;x": True, "/v1;x/users": True, "/secret": True, "/%E2%80%A5/admin/x": True,
    # Parameters, dots and slashes in each other's clothes: where a mapping begins and where it ends.
    "/admin;/x": True, "/admin;x=1/y": True, "/admin;/../c": False, "/admin/x;/../../c": False, "/c/..;x/admin/x": False, "/c/..%3b/admin/x": False, "/c/..%3B/admin/x": False, "/c/.a;/x": True, "/c/..a%3b/x": True,
    "/c/.%3bx/admin/x": False, "/c/%2e%2e;/admin/x": False, "/c/%2e%2e%3b/admin/x": False, "/c;/..;/admin/x": False, "/admin%3b/x": None,
    "/admin%3bx/y": None, "/;/admin/x": None, "/;x=/admin/x": None, "/c/;/admin/x": None, "/v1;/users": None, "/v1%3b/users": None, "/;v1/users": None,
    "/secret;jsessionid=1": None, "/secre;x/t": None, "/secret%2fx": False, "/%73ecret": False, "/secret%2e": None, "/secret.": None, "/admin.": None,
    "/admin./x": None, "/admin%2e/x": None, "/admin/%2e": False, "/admin/%2e%2e": False, "/admin/%2e%2e/c": False, "/admin/..": False,
    "/v1/..": False, "/v1/%2e%2e/admin/x": False, "/v1/../../admin/x": False, "/c/..%ef%bc%8fadmin/x": None, "/c/%ef%bc%8e%ef%bc%8e/admin/x": None,
    "/c/..%c0%afadmin/x": None, "/c/%2e%2e%5cadmin%5cx": False, "/c/..%5c..%5cadmin": False, "/c/..%00/admin/x": False, "/c/.%00./admin/x": False,
    "/c/.. /admin/x": False, "/c/..%20/admin/x": None, "/c/..%09/admin/x": False, "/c/. ./admin/x": False, "/c/.%2e%2fadmin/x": False,
    "/%2e%2e%2f%2e%2e%2fadmin": False, "/c/%252e%252e%252fadmin/x": None, "/c/..%252fadmin/x": None, "/c/....//admin/x": False,
    "/c/..././admin/x": False, "/admin/x?/../../c": None, "/admin/x%3f/../../c": False, "/c%23/../admin/x": False, "/c%3f/admin/x": None,
    "/ADMIN/x": None, "/%41dmin/x": None,
    "/c?x#y": None, "/c?x y": None, "/c?x\\y": None, "/c?x\x00": None, "/c?x\xff": None, "/" + "a/" * 400: True, "/" + "a" * 9000: False,
    "/.postern/failed": None, "/.postern/refused": None, "/.postern/check": False, "/.postern/check?path=%2Fadmin%2Fx": None,
    "/.postern/check?path=%2F..%2Fadmin": False, "/@tls1": None,
}

HOSTS = {
    "no Host": ([], "refused"), "empty": (["Host:"], ""), "two alike": (["Host: app.example", "Host: app.example"], "refused"),
    "two unlike": (["Host: app.example", "Host: tenant.example"], "refused"),
    "two unlike, the other first": (["Host: tenant.example", "Host: app.example"], "refused"),
    "another than in the handshake": (["Host: tenant.example"], "refused"), "port": (["Host: app.example:9443"], "passes"),
    "port 0": (["Host: app.example:0"], ""), "port too high": (["Host: app.example:99999"], ""),
    "port that is none": (["Host: app.example:x"], "refused"), "port that is a host": (["Host: app.example:tenant.example"], "refused"),
    "empty port": (["Host: app.example:"], ""), "two ports": (["Host: app.example:1:2"], "refused"),
    "trailing dot": (["Host: app.example."], ""), "two trailing dots": (["Host: app.example.."], ""), "leading dot": (["Host: .app.example"], ""),
    "upper case": (["Host: APP.EXAMPLE"], "passes"), "user": (["Host: user@app.example"], "refused"),
    "user that looks like a host": (["Host: app.example@tenant.example"], "refused"),
    "user behind": (["Host: tenant.example@app.example"], "refused"), "path": (["Host: app.example/x"], "refused"),
    "query": (["Host: app.example?x"], ""), "fragment": (["Host: app.example#x"], ""), "backslash": (["Host: app.example\\x"], ""),
    "space": (["Host: app.example tenant.example"], "refused"), "tab": (["Host: app.example\ttenant.example"], "refused"),
    "comma": (["Host: app.example, tenant.example"], "refused"), "null byte": (["Host: app.example\x00"], "refused"),
    "null byte and another": (["Host: app.example\x00.tenant.example"], "refused"), "high byte": (["Host: app.example\xff"], ""),
    "percent": (["Host: app%2eexample"], ""), "IPv6": (["Host: [::1]"], "refused"), "IPv6 with a port": (["Host: [::1]:9443"], "refused"),
    "IPv6 not closed": (["Host: [::1"], "refused"), "IPv6 and a name": (["Host: [::1]app.example"], "refused"),
    "IPv4": (["Host: 127.0.0.1"], "refused"), "URL": (["Host: https://app.example"], "refused"), "star": (["Host: *"], "refused"),
    "underscore": (["Host: _"], "refused"), "localhost": (["Host: localhost"], "refused"), "pool": (["Host: pool_1"], "refused"),
    "folded": (["Host:\r\n app.example"], ""), "second one folded": (["Host: app.example\r\n tenant.example"], ""),
    "space before the colon": (["Host : app.example"], "refused"), "leading space": ([" Host: app.example"], "refused"),
    "behind a leading space": (["X: y", " Host: tenant.example", "Host: app.example"], ""),
    "tab before it": (["Host:\tapp.example"], ""), "trailing space": (["Host: app.example "], ""),
    "very long": (["Host: " + "a" * 5000], "refused"), "variable": (["Host: $host"], "refused"), "CRLF by percent": (["Host: app.example%0d%0aX"], ""),
    "X-Host": (["Host: app.example", "X-Host: tenant.example"], ""),
    "underscored Host": (["Host: app.example", "Ho_st: tenant.example"], ""),
    "punycode": (["Host: xn--app.example"], "refused"), "suffix": (["Host: app.example.tenant.example"], "refused"),
}


# nginx takes them for names; an application that makes a URL of one finds another in it.
NO_NAMES = ("user", "user that looks like a host", "user behind", "path", "query", "fragment", "backslash", "percent", "star", "comma", "variable",
            "high byte", "very long", "CRLF by percent")


def cases():
    for name, (line, passes) in LINES.items():
        yield Case("request lines", name, request(line), passes=passes)
    for path, passes in PATHS.items():
        shown = path if len(path) < 60 else f"{path[:8]}… of {len(path)}"
        yield Case("paths", repr(shown), request(b"GET " + path.encode("latin1") + b" HTTP/1.1"), passes=passes is True, refused=passes is False)
    for name, (lines, what) in HOSTS.items():
        yield Case("hosts", name, request("GET /c HTTP/1.1", lines, host=None), passes=what == "passes", refused=what == "refused")
        yield Case("hosts without a name in the handshake", name, request("GET /c HTTP/1.1", lines, host=None), sni=None,
                   refused=name in NO_NAMES)
    for name, line in (("absolute form, two hosts", b"GET http://app.example/c HTTP/1.1"),
                       ("absolute form, other host", b"GET http://tenant.example/c HTTP/1.1")):
        for host in ("app.example", "tenant.example", "TENANT.example.", "app.example:9443", ""):
            yield Case("hosts without a name in the handshake", f"{name}, Host {host!r}", request(line, host=host), sni=None)
    for name, host, sni in (("the same", "tenant.example", "tenant.example"), ("upper case", "tenant.example", "TENANT.EXAMPLE"),
                            ("a name above", "tenant.example", "x.tenant.example"), ("a name below", "x.tenant.example", "tenant.example"),
                            ("of the other's", "app.example", "tenant.example")):
        yield Case("names in the handshake", name, request("GET /c HTTP/1.1", host=host), sni=sni, passes="a name" not in name and "other" not in name,
                   refused="a name" in name or "other" in name)
        yield Case("names in the handshake", name + ", TLS 1.2", request("GET /c HTTP/1.1", host=host), sni=sni, tls12=True)
    # Each connection belongs to the name in its handshake; a session that is gone on with does, too.
    first = request("GET /c HTTP/1.1")
    yield Case("coalescing", "the second request for the other host", first, more=request("GET /c HTTP/1.1", host="tenant.example"))
    yield Case("coalescing", "the same, no name in the handshake", first, sni=None, more=request("GET /c HTTP/1.1", host="tenant.example"))
    yield Case("coalescing", "the other's first", request("GET /c HTTP/1.1", host="tenant.example"), sni="tenant.example",
               more=request("GET /admin/x HTTP/1.1"))
    for tls12 in (False, True):
        version = "TLS 1.2" if tls12 else "TLS 1.3"
        yield Case("resumption", f"{version}, the same name", first, tls12=tls12, resumes="app.example", passes=True)
        yield Case("resumption", f"{version}, begun with the other name", first, tls12=tls12, resumes="tenant.example")
        # (OpenSSL says that a resumed TLS 1.2 session is for the name that it was begun with: then that is the one.)
        yield Case("resumption", f"{version}, asked for the other", request("GET /c HTTP/1.1", host="tenant.example"), tls12=tls12,
                   resumes="tenant.example", refused=not tls12)
        yield Case("resumption", f"{version}, no name now", request("GET /c HTTP/1.1", host="tenant.example"), tls12=tls12, sni=None,
                   resumes="app.example")
    # Two requests in one go are two requests for everybody.
    for name, data in (("two", first + request("GET /d HTTP/1.1")), ("the second for another host", first + request("GET /d HTTP/1.1", host="tenant.example")),
                       ("the second is none", first + b"\x00\x01\x02\r\n\r\n"), ("with a body and more", request("POST /c HTTP/1.1", ["Content-Length: 5"], b"hello") + request("GET /d HTTP/1.1")),
                       ("a GET and a body without length", first + HIDDEN + b"y\r\n\r\n")):
        yield Case("pipelined", name, data, body=b"hello" if "body and more" in name else b"")
