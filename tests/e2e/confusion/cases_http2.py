"""What only HTTP/2 can say, and HTTP/1.1 behind the gateway cannot hold."""
from confusion.case import HIDDEN, Case
from confusion.wire import (CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PADDED, PING, PREFACE, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS,
                            WINDOW_UPDATE, block, frame, integer)

PSEUDO = {":method": "GET", ":scheme": "https", ":authority": "app.example", ":path": "/c"}


def head(*more, **changes):
    """The four pseudo headers, changed by name without the colon (None: left out), and what follows them."""
    given = {**PSEUDO, **{f":{name}": value for name, value in changes.items()}}
    return [(name, value) for name, value in given.items() if value is not None] + list(more)


def stream(headers, body=None, number=1, trailers=None):
    last = END_STREAM if body is None and trailers is None else 0
    out = frame(HEADERS, END_HEADERS | last, number, block(headers))
    if body is not None:
        out += frame(DATA, 0 if trailers is not None else END_STREAM, number, body)
    if trailers is not None:
        out += frame(HEADERS, END_HEADERS | END_STREAM, number, block(trailers))
    return out


def hello(*frames):
    return PREFACE + frame(SETTINGS) + b"".join(frames)


VALUES = {
    "CRLF": "y\r\nX-SSL-Client-CN: spoofed", "line feed": "y\nX-SSL-Client-CN: spoofed", "carriage return": "y\rX: spoofed", "null byte": "y\x00spoofed",
    "CRLF and a request": "y\r\n\r\n" + HIDDEN.decode(), "leading CRLF": "\r\ny", "trailing line feed": "y\n"}
NAMES = {
    "upper case": "X-Upper", "upper-case identity": "X-SSL-Client-CN", "space": "x y", "colon": "x:y", "CRLF": "x\r\ny", "line feed": "x\nspoofed: y",
    "null byte": "x\x00", "empty": "", "underscores": "x_real_ip", "high byte": "x\xff", "colon at its end": "x-real-ip:", "trailing space": "x-real-ip ",
    "tab": "x\t"}
PSEUDO_CHANGES = {
    "no method": dict(method=None), "no path": dict(path=None), "no scheme": dict(scheme=None), "empty method": dict(method=""),
    "empty path": dict(path=""), "empty scheme": dict(scheme=""), "path without a slash": dict(path="c"), "absolute path": dict(path="https://app.example/c"),
    "absolute path of another host": dict(path="http://tenant.example/c"), "asterisk": dict(path="*", method="OPTIONS"), "scheme http": dict(scheme="http"),
    "scheme of something else": dict(scheme="ftp"), "scheme with a URL": dict(scheme="https://tenant.example/?"), "scheme with CRLF": dict(scheme="https\r\nX: y"),
    "lower-case method": dict(method="get"), "method with a space": dict(method="GET /admin/x HTTP/1.1\r\nX: y"), "method with a tab": dict(method="GET\t"),
    "path with a space": dict(path="/c HTTP/1.1"), "path with a request": dict(path="/c HTTP/1.1\r\nHost: app.example\r\n\r\nGET /hidden"),
    "path with a line feed": dict(path="/c\n/hidden"), "path with a null byte": dict(path="/c\x00"), "path with a tab": dict(path="/c\t"),
    "path with a fragment": dict(path="/c#/admin/x"), "path upwards": dict(path="/c/../admin/x"), "path encoded upwards": dict(path="/c/%2e%2e/admin/x"),
    "path of two slashes": dict(path="//admin/x"), "path with a backslash": dict(path="/\\admin/x"), "path with a high byte": dict(path="/c\xff"),
    "CONNECT": dict(method="CONNECT", scheme=None, path=None), "CONNECT with a path": dict(method="CONNECT"), "TRACE": dict(method="TRACE"),
    "other authority": dict(authority="tenant.example"), "empty authority": dict(authority=""), "authority with a user": dict(authority="u@app.example"),
    "authority with a port": dict(authority="app.example:9443"), "authority with a path": dict(authority="app.example/admin"),
    "authority with CRLF": dict(authority="app.example\r\nX: y"), "authority with a space": dict(authority="app.example tenant.example"),
    "authority with a dot": dict(authority="app.example."), "authority in upper case": dict(authority="APP.EXAMPLE"), "no authority": dict(authority=None),
    "authority of IPv6": dict(authority="[::1]"), "authority with a null byte": dict(authority="app.example\x00")}
PASS = {"authority with a port", "authority in upper case"}
MUST_REFUSE = {"no method", "no path", "empty path", "path without a slash", "path upwards", "path encoded upwards", "path of two slashes", "CONNECT",
               "other authority", "path with a fragment", "path with a line feed", "path with a request", "authority of IPv6", "TRACE",
               "absolute path of another host", "no authority", "CONNECT with a path"}


def h2(name, *frames, family="HTTP/2", **more):
    return Case(family, name, hello(*frames), http2=True, **more)


def cases():
    for name, value in VALUES.items():
        yield h2(f"value with {name}", stream(head(("x", value))), family="HTTP/2 headers", refused=True)
        yield h2(f"cookie with {name}", stream(head(("cookie", value))), family="HTTP/2 headers", refused=True)
    for name, key in NAMES.items():
        yield h2(f"name with {name}", stream(head((key, "spoofed"))), family="HTTP/2 headers")
    for name in ("x-real-ip", "x-forwarded-for", "x-ssl-client-cn", "forwarded", "x-postern-endpoint", "client-cert", "x-forwarded-host"):
        yield h2(f"identity {name}", stream(head((name, "spoofed"))), family="HTTP/2 headers", passes=True)
        for how, spelled in (("underscores", name.replace("-", "_")), ("dots", name.replace("-", ".")), ("spaces", name.replace("-", " ")),
                             ("a space behind", name + " ")):
            yield h2(f"identity {name} with {how}", stream(head((spelled, "spoofed"))), family="HTTP/2 headers")
        yield h2(f"trailer {name}", stream(head(("te", "trailers"), method="POST"), b"hello", trailers=[(name, "spoofed")]),
                 family="HTTP/2 trailers", body=b"hello")
    for name, value in ((":authority", "tenant.example"), (":method", "DELETE"), ("host", "tenant.example"), ("content-length", "50"), ("transfer-encoding", "chunked"),
                        ("connection", "x-forwarded-for"), ("X-Upper", "y"), ("x y", "z"), ("", "y")):
        yield h2(f"trailer {name!r}", stream(head(method="POST"), b"hello", trailers=[(name, value)]), family="HTTP/2 trailers", body=b"hello")
    yield h2("very many trailers", frame(HEADERS, END_HEADERS, 1, block(head(method="POST"))), frame(DATA, 0, 1, b"hello"),
             frame(HEADERS, END_STREAM, 1, block([("x", "y")])), *(frame(CONTINUATION, 0, 1, block([("x", "y" * 100)])) for _ in range(2000)),
             family="HTTP/2 trailers", refused=True)
    for name, value in (("transfer-encoding", "chunked"), ("transfer-encoding", "identity"), ("connection", "close"), ("connection", "x-forwarded-for"),
                        ("keep-alive", "timeout=5"), ("proxy-connection", "close"), ("upgrade", "websocket"), ("upgrade", "h2c"), ("te", "trailers"), ("te", "gzip"),
                        ("http2-settings", "AAMAAABkAAQAAP__"), ("expect", "100-continue")):
        hidden = b"0\r\n\r\n" + HIDDEN
        # (A request with Expect is one that nginx refuses over HTTP/2, or answers when the body is here.)
        yield h2(f"{name}: {value}", stream(head((name, value))), family="HTTP/2 hop by hop")
        yield h2(f"{name}: {value} with a body", stream(head((name, value), method="POST"), hidden), family="HTTP/2 hop by hop", body=hidden)
    for name, changes in PSEUDO_CHANGES.items():
        yield h2(name, stream(head(**changes)), family="HTTP/2 pseudo headers", passes=name in PASS, refused=name in MUST_REFUSE)
    for name, value in PSEUDO.items():
        yield h2(f"{name} twice", stream(head((name, value))), family="HTTP/2 pseudo headers", refused=True)
        others = [(n, v) for n, v in head() if n != name]
        yield h2(f"{name} behind others", stream([*others, ("x", "y"), (name, value)]), family="HTTP/2 pseudo headers")
    for name, more in (("unknown", (":foo", "bar")), (":status", (":status", "200")), (":protocol", (":protocol", "websocket")), ("of a colon", (":", "x"))):
        yield h2(name, stream(head(more)), family="HTTP/2 pseudo headers", refused=True)
    connect = dict(method="CONNECT")
    more = {"websocket": ("websocket", connect), "with a version and a key": ("websocket", connect), "h2c": ("h2c", connect), "connect-udp": ("connect-udp", connect),
            "connect-ip": ("connect-ip", connect), "nothing": ("", connect), "with CRLF": ("websocket\r\nX: y", connect), "by GET": ("websocket", {}),
            "by POST": ("websocket", dict(method="POST")), "of another host": ("websocket", dict(method="CONNECT", authority="tenant.example")),
            "without a path": ("websocket", dict(method="CONNECT", path=None)), "of scheme http": ("websocket", dict(method="CONNECT", scheme="http")),
            "upwards": ("websocket", dict(method="CONNECT", path="/c/../admin/x")), "to the forwarder": ("postern-tcp", connect)}
    for name, (protocol, changes) in more.items():
        fields = head((":protocol", protocol), **changes)
        if name == "with a version and a key":
            fields += [("sec-websocket-version", "13"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]
        # A client that would have it so, and data for what it takes for open.
        asks = frame(SETTINGS, payload=b"\0\x08\0\0\0\1")
        yield h2(f"extended CONNECT, {name}", asks, frame(HEADERS, END_HEADERS, 1, block(fields)), frame(DATA, END_STREAM, 1, HIDDEN + b"y\r\n\r\n"),
                 family="HTTP/2 CONNECT", refused=True)
    for name, authority in (("this host", "app.example:443"), ("another", "tenant.example:443"), ("an application", "127.0.0.1:80"), ("no port", "app.example")):
        yield h2(f"CONNECT to {name}", frame(HEADERS, END_HEADERS, 1, block([(":method", "CONNECT"), (":authority", authority)])),
                 frame(DATA, END_STREAM, 1, HIDDEN + b"y\r\n\r\n"), family="HTTP/2 CONNECT", refused=True)
    yield h2("extended CONNECT", stream(head((":protocol", "websocket"), method="CONNECT")), family="HTTP/2 pseudo headers", refused=True)
    yield h2(":path twice, unlike", stream(head((":path", "/admin/x"))), family="HTTP/2 pseudo headers", refused=True)
    for name, host in (("the same", "app.example"), ("another", "tenant.example"), ("empty", ""), ("with a port", "app.example:1"), ("upper case", "APP.example")):
        yield h2(f":authority and a Host that is {name}", stream(head(("host", host))), family="HTTP/2 hosts", refused=name == "another")
        yield h2(f"only a Host that is {name}", stream(head(("host", host), authority=None)), family="HTTP/2 hosts", refused=name == "another")
        yield h2(f":authority and a Host that is {name}, no name in the handshake", stream(head(("host", host))), family="HTTP/2 hosts", sni=None,
                 refused=name == "another")
    yield h2("two Hosts", stream(head(("host", "app.example"), ("host", "tenant.example"), authority=None)), family="HTTP/2 hosts", refused=True)
    yield h2("the other host's stream on this connection", stream(head()), stream(head(authority="tenant.example"), number=3), family="HTTP/2 hosts")
    yield h2("the same, no name in the handshake", stream(head()), stream(head(authority="tenant.example"), number=3), family="HTTP/2 hosts", sni=None)
    for name, length, body in (("longer than its data", "50", b"hello"), ("shorter than its data", "2", b"hello"), ("none for its data", "0", b"hello"),
                               ("some for no data", "5", None), ("with a sign", "+5", b"hello"), ("a list", "5, 5", b"hello"), ("negative", "-5", b"hello"),
                               ("not a number", "x", b"hello"), ("empty", "", b"hello"), ("very long", "9" * 100, b"hello"), ("right", "5", b"hello")):
        yield h2(name, stream(head(("content-length", length), method="POST"), body), family="HTTP/2 lengths",
                 body=b"" if name == "none for its data" else body or b"", passes=name == "right",
                 refused=name in ("longer than its data", "shorter than its data", "not a number", "with a sign", "a list", "negative"))
    hidden = HIDDEN + b"y\r\n\r\n"
    yield h2("two, unlike", stream(head(("content-length", "5"), ("content-length", "6"), method="POST"), b"hello"), family="HTTP/2 lengths", refused=True)
    # The application is asked with the length that was told, before data comes that contradicts it.
    yield h2("none for a hidden request", stream(head(("content-length", "0"), method="POST"), hidden), family="HTTP/2 lengths")
    yield h2("a GET that hides a request", stream(head(), hidden), family="HTTP/2 lengths", body=hidden)
    yield h2("an early answer to one that hides a request", stream(head(path="/early", method="POST"), hidden), family="HTTP/2 lengths")
    yield h2("trailers", stream(head(method="POST"), b"hello", trailers=[("x-trailer", "y")]), family="HTTP/2", body=b"hello")
    yield h2("trailers with an identity", stream(head(method="POST"), b"hello", trailers=[("x-ssl-client-cn", "spoofed")]), family="HTTP/2", body=b"hello")
    yield h2("trailers with a pseudo header", stream(head(method="POST"), b"hello", trailers=[(":path", "/admin/x")]), family="HTTP/2", body=b"hello")
    yield h2("padding", frame(HEADERS, END_HEADERS | END_STREAM | PADDED, 1, b"\x04" + block(head()) + bytes(4)), passes=True)
    yield h2("more padding than frame", frame(HEADERS, END_HEADERS | END_STREAM | PADDED, 1, b"\xff" + block(head())), refused=True)
    whole = block(head())
    yield h2("headers in pieces", frame(HEADERS, END_STREAM, 1, whole[:10]), frame(CONTINUATION, END_HEADERS, 1, whole[10:]), passes=True)
    yield h2("a frame between the pieces", frame(HEADERS, END_STREAM, 1, whole[:10]), frame(PING, payload=bytes(8)), frame(CONTINUATION, END_HEADERS, 1, whole[10:]),
             refused=True)
    yield h2("pieces of another stream", frame(HEADERS, END_STREAM, 1, whole[:10]), frame(CONTINUATION, END_HEADERS, 3, whole[10:]), refused=True)
    yield h2("a piece of nothing", frame(CONTINUATION, END_HEADERS, 1, whole), refused=True)
    yield h2("pieces without end", frame(HEADERS, END_STREAM, 1, whole), *(frame(CONTINUATION, 0, 1, block([("x", "y" * 100)])) for _ in range(2000)), refused=True)
    yield h2("empty pieces without end", frame(HEADERS, END_STREAM, 1, whole), *(frame(CONTINUATION, 0, 1) for _ in range(20000)), refused=True, waits=True)
    yield h2("very many fields", frame(HEADERS, END_STREAM, 1, whole),
             *(frame(CONTINUATION, 0, 1, block([(f"x-{n}-{k}", "y") for k in range(500)])) for n in range(40)), frame(CONTINUATION, END_HEADERS, 1), refused=True)
    yield h2("very many crumbs of a cookie", frame(HEADERS, END_STREAM, 1, whole),
             *(frame(CONTINUATION, 0, 1, block([("cookie", f"a{n}=b") for _ in range(500)])) for n in range(40)), frame(CONTINUATION, END_HEADERS, 1), refused=True)
    yield h2("very many updates of the table", frame(HEADERS, END_HEADERS | END_STREAM, 1, integer(0, 5, 0x20) * 5000 + whole))
    yield h2("two Hosts alike", stream(head(("host", "app.example"), ("host", "app.example"), authority=None)), refused=True)
    yield h2("a table reference that is none", frame(HEADERS, END_HEADERS | END_STREAM, 1, whole + integer(120, 7, 0x80)), refused=True)
    yield h2("a number without end", frame(HEADERS, END_HEADERS | END_STREAM, 1, whole + b"\x10\x7f" + b"\xff" * 20), refused=True)
    yield h2("a table larger than allowed", frame(HEADERS, END_HEADERS | END_STREAM, 1, integer(1 << 20, 5, 0x20) + whole), refused=True)
    bomb = whole + b"\x40\x01x" + integer(3000, 7) + b"y" * 3000 + integer(62, 7, 0x80) * 10000
    yield h2("a small block that is large", frame(HEADERS, END_STREAM, 1, bomb[:16000]), frame(CONTINUATION, END_HEADERS, 1, bomb[16000:]), refused=True)
    yield h2("a Huffman code that is none", frame(HEADERS, END_HEADERS | END_STREAM, 1, whole + b"\x10\x01x\x84\xff\xff\xff\xff"), refused=True)
    yield h2("streams reset as fast as made", *(stream(head(), number=n) + frame(RST_STREAM, 0, n, bytes(4)) for n in range(3, 2003, 2)), stream(head(), number=2003),
             waits=True)
    # Streams that a server is made to reset count like those that a client resets.
    yield h2("streams made to be reset by their window", *(stream(head(), number=n)[:] + frame(WINDOW_UPDATE, 0, n, b"\x7f\xff\xff\xff") for n in range(3, 1003, 2)),
             stream(head(), number=1003), waits=True)
    yield h2("streams made to be reset by their length", *(stream(head(("content-length", "1"), method="POST"), b"hello", number=n) for n in range(3, 1003, 2)),
             stream(head(), number=1003), waits=True)
    yield h2("streams opened and left", *(frame(HEADERS, END_HEADERS, n, block(head(method="POST"))) for n in range(3, 1003, 2)), waits=True)
    yield h2("an even stream", stream(head(), number=2), refused=True)
    yield h2("stream 0", stream(head(), number=0), refused=True)
    yield h2("a stream used again", stream(head()), stream(head(path="/d")), passes=False)
    yield h2("data before headers", frame(DATA, END_STREAM, 1, b"hello"), refused=True, waits=True)
    yield h2("data behind the end", stream(head()), frame(DATA, END_STREAM, 1, hidden))
    yield h2("a promise of a client's", frame(PUSH_PROMISE, END_HEADERS, 1, b"\x00\x00\x00\x02" + whole), refused=True)
    yield h2("a window of nothing", frame(WINDOW_UPDATE, 0, 1, bytes(4)), stream(head()))
    yield h2("a priority of itself", frame(PRIORITY, 0, 1, b"\x00\x00\x00\x01\x00"), stream(head()))
    yield h2("a frame too large", frame(DATA, 0, 1, b"x" * 20000), refused=True, waits=True)
    yield h2("settings of a stream", frame(SETTINGS, 0, 1), stream(head()), refused=True)
    yield h2("pings", *(frame(PING, payload=bytes(8)) for _ in range(5000)), stream(head()))
    yield h2("settings without end", *(frame(SETTINGS) for _ in range(5000)), stream(head()))
    yield h2("empty data without end", frame(HEADERS, END_HEADERS, 1, block(head(method="POST"))), *(frame(DATA, 0, 1) for _ in range(5000)), frame(DATA, END_STREAM, 1))
    yield Case("HTTP/2", "HTTP/1.1 where HTTP/2 was agreed on", b"GET /c HTTP/1.1\r\nHost: app.example\r\n\r\n", http2=True, refused=True)
