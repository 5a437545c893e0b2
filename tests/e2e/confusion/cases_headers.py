"""Who a client says that it is, and what it asks of the hop to the gateway only."""
from confusion.case import HIDDEN, Case, request

IDENTITIES = (
    "X-SSL-Client-CN", "X-SSL-Client-DN", "X-SSL-Cert", "X-SSL-Client-Verify", "X-SSL-Client-SHA1", "SSL-Client-Cert", "SSL-Client-Verify",
    "X-Client-Cert", "X-Client-Cert-Chain", "X-Client-Verify", "X-Client-DN", "Client-Cert", "Client-Cert-Chain", "X-Forwarded-For",
    "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-Client-Cert", "X-Forwarded-User",
    "X-Forwarded-Prefix", "X-Forwarded-Email", "X-Real-IP", "Forwarded", "X-Remote-User", "Remote-User", "X-Postern-Endpoint", "X-Postern-Tags",
    "X-Original-URL", "X-Original-Host", "X-Rewrite-URL", "X-TLS-Client-Cert", "X-ARR-ClientCert", "X-Amzn-Mtls-Clientcert", "Proxy",
    "True-Client-IP", "CF-Connecting-IP", "X-Client-IP", "X-Cluster-Client-IP")
SPELLINGS = {
    "as it is": lambda name: f"{name}: spoofed", "lower case": lambda name: f"{name.lower()}: spoofed",
    "dots": lambda name: f"{name.replace('-', '.')}: spoofed", "spaces": lambda name: f"{name.replace('-', ' ')}: spoofed",
    "space before the colon": lambda name: f"{name} : spoofed", "a letter of eight bits": lambda name: f"{name.replace('-', chr(0xad))}: spoofed",
    "underscores": lambda name: f"{name.replace('-', '_')}: spoofed", "one underscore": lambda name: f"{name.replace('-', '_', 1)}: spoofed"}
ODD = {
    "space before the colon": "X-Real-IP : spoofed", "tab before the colon": "X-Real-IP\t: spoofed", "twice": "X-Real-IP: spoofed\r\nX-Real-IP: spoofed",
    "folded": "X-Real-IP:\r\n spoofed", "behind a fold": "X: y\r\n X-Real-IP: spoofed", "leading space": " X-Real-IP: spoofed",
    "behind a bare carriage return": "X: y\rX-Real-IP: spoofed", "behind a bare line feed": "X: y\nX-Real-IP: spoofed",
    "null byte in the name": "X-Real-IP\x00: spoofed", "null byte in the value": "X: y\x00\r\nX-Real-IP: spoofed", "dots": "X.Real.IP: spoofed",
    "high byte": "X-Real-IP\xff: spoofed", "no name": ": spoofed", "no colon": "X-Real-IP spoofed", "slash": "X/Real/IP: spoofed",
    "mixed case and a list": "x-FORWARDED-for: spoofed, spoofed", "empty before it": "X-Forwarded-For:\r\nX-Forwarded-For: spoofed",
    "plus": "X+Real+IP: spoofed", "quotes": '"X-Real-IP": spoofed'}
# A header named here is for this hop alone: an intermediary takes it out. Ours must not go with it.
CONNECTIONS = (
    "close, X-Forwarded-For", "X-Forwarded-For", "keep-alive, X-Forwarded-Proto, X-Forwarded-Host", "Host", "Content-Length", "Transfer-Encoding",
    "X-Forwarded-For, X-Forwarded-For", "x-forwarded-for", "close", "keep-alive", "upgrade", "TE", "close, keep-alive", "", "a" * 3000,
    "X-Postern-Endpoint", "Cookie")
UPGRADES = {
    "h2c": ("h2c", True), "h2c, upper case": ("H2C", True), "h2c in a list": ("websocket, h2c", True), "h2c first": ("h2c, websocket", True),
    "TLS": ("TLS/1.2", False), "HTTP/2.0": ("HTTP/2.0", False), "other": ("foo", False), "empty": ("", False), "web socket twice": ("websocket, websocket", False),
    "web socket with a space": ("websocket ", False), "web socket with a version": ("websocket/13", False), "connect-udp": ("connect-udp", False)}


def cases():
    for name in IDENTITIES:
        for how, spell in SPELLINGS.items():
            if how in ("as it is", "underscores", "dots") or name.startswith(("X-SSL-Client-CN", "X-Forwarded-For")):
                yield Case("identities", f"{name}, {how}", request("GET /c HTTP/1.1", [spell(name)]),
                           passes=how not in ("dots", "spaces", "space before the colon", "a letter of eight bits"))
    # A trailer is no header: whoever makes one of it takes a client's word for ours.
    for name in ("X-SSL-Client-CN", "X-Forwarded-For", "X-Real-IP", "X-Postern-Endpoint", "Forwarded", "Client-Cert", "x_forwarded_for", "X.Real.IP",
                 "Host", "Cookie", "Content-Length", "Connection", "X-Forwarded-Host"):
        for how, lines in (("", []), (", announced", [f"Trailer: {name}"]), (", announced, and taken", [f"Trailer: {name}", "TE: trailers", "Connection: TE"])):
            yield Case("trailers", name + how, request("POST /c HTTP/1.1", ["Transfer-Encoding: chunked", *lines],
                                                       b"5\r\nhello\r\n0\r\n" + f"{name}: spoofed\r\n\r\n".encode()), b"hello", method="POST")
    for name, lines in ODD.items():
        yield Case("identities", name, request("GET /c HTTP/1.1", [lines.encode("latin1")]))
    yield Case("identities", "one among many", request("GET /c HTTP/1.1", [f"X-{n}: y" for n in range(45)] + ["X-Real-IP: spoofed"] +
                                                        [f"Y-{n}: y" for n in range(45)]), passes=True)
    for value in CONNECTIONS:
        shown = value if len(value) < 60 else f"{len(value)} bytes"
        yield Case("connection", repr(shown), request("GET /c HTTP/1.1", [f"Connection: {value}", "X-Forwarded-For: spoofed"]))
        yield Case("connection", f"{shown!r} with a body", request("POST /c HTTP/1.1", [f"Connection: {value}", "Content-Length: 5"], b"hello"), b"hello",
                   method="POST")
    for name, (value, settings) in UPGRADES.items():
        lines = [f"Upgrade: {value}", "Connection: Upgrade" + (", HTTP2-Settings" if settings else "")]
        lines += ["HTTP2-Settings: AAMAAABkAAQAAP__"] if settings else []
        yield Case("upgrades", name, request("GET /c HTTP/1.1", lines))
        yield Case("upgrades", name + " with a body", request("POST /c HTTP/1.1", [*lines, "Content-Length: 5"], b"hello"), b"hello", method="POST")
    socket = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng=="]
    yield Case("upgrades", "web socket with a body", request("POST /c HTTP/1.1", [*socket, "Content-Length: 5"], b"hello"), b"hello", method="POST")
    yield Case("upgrades", "web socket by HTTP/1.0", request("GET /c HTTP/1.0", socket))
    yield Case("upgrades", "web socket and a request behind it", request("GET /c HTTP/1.1", [*socket[:2], "Sec-WebSocket-Version: 777"]) + HIDDEN + b"y\r\n\r\n",
               waits=True)
    for name, value in (("trailers", "trailers"), ("gzip", "gzip, trailers"), ("chunked", "trailers, chunked")):
        yield Case("connection", f"TE {name}", request("GET /c HTTP/1.1", [f"TE: {value}", "Connection: TE"]), passes=True)
    for name in ("Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "Max-Forwards: 0", "Via: 1.1 spoofed-not", "Trailer: X-SSL-Client-CN",
                 "Proxy-Authorization: Basic eDp5", "X-HTTP-Method-Override: DELETE", "Range: bytes=0-1", "Accept-Encoding: \x0b"):
        yield Case("connection", name.split(":")[0], request("GET /c HTTP/1.1", [name]))
    yield Case("head", "too large a header", request("GET /c HTTP/1.1", ["X: " + "y" * 40000]), refused=True)
    yield Case("head", "very many small headers", request("GET /c HTTP/1.1", [f"X-{n}: y" for n in range(20000)]), refused=True)
    yield Case("head", "very many without a name", request("GET /c HTTP/1.1", [": y"] * 20000), refused=True)
    yield Case("head", "a very long name", request("GET /c HTTP/1.1", ["X" * 40000 + ": y"]), refused=True)
    yield Case("head", "a very long query", request("GET /c?" + "x" * 40000 + " HTTP/1.1"), refused=True)
    yield Case("head", "very many folds", request("GET /c HTTP/1.1", ["X: y", *[" z"] * 20000]), refused=True)
    yield Case("head", "very many cookies", request("GET /c HTTP/1.1", ["Cookie: a=b"] * 5000), refused=True)
    yield Case("head", "too many headers", request("GET /c HTTP/1.1", [f"X-{n}: " + "y" * 100 for n in range(500)]), refused=True)
    yield Case("head", "line feeds only", request("GET /c HTTP/1.1").replace(b"\r\n", b"\n"))
    yield Case("head", "carriage returns only", request("GET /c HTTP/1.1").replace(b"\r\n", b"\r"), waits=True)
    yield Case("head", "ends in a line feed", request("GET /c HTTP/1.1", end=b"\n"))
    yield Case("head", "two carriage returns at its end", request("GET /c HTTP/1.1", end=b"\r\r\n"))
    yield Case("head", "a line of a space", request("GET /c HTTP/1.1", [" "]))
    yield Case("head", "a line of a colon", request("GET /c HTTP/1.1", [":"]))
    yield Case("head", "a line without a colon", request("GET /c HTTP/1.1", ["nothing"]))
