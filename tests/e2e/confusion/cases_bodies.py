"""Where a body ends: two lengths, a length that is none, chunks that are none."""
from confusion.case import HIDDEN, Case, request

POST = "POST /c HTTP/1.1"
CHUNKED_END = b"0\r\n\r\n"

# Spellings of "Transfer-Encoding: chunked" that somebody takes for it and somebody else does not.
CODINGS = {
    "plain": b"Transfer-Encoding: chunked",
    "upper case": b"TRANSFER-ENCODING: CHUNKED",
    "mixed case": b"tRANSFER-eNCODING: ChUnKeD",
    "space before the colon": b"Transfer-Encoding : chunked",
    "tab before the colon": b"Transfer-Encoding\t: chunked",
    "tab after the colon": b"Transfer-Encoding:\tchunked",
    "no space": b"Transfer-Encoding:chunked",
    "vertical tab": b"Transfer-Encoding:\x0bchunked",
    "form feed": b"Transfer-Encoding:\x0cchunked",
    "no-break space": b"Transfer-Encoding:\xa0chunked",
    "null byte": b"Transfer-Encoding: chunked\x00",
    "null byte before": b"Transfer-Encoding: \x00chunked",
    "backspace": b"Transfer-Encoding: x\x08chunked",
    "delete": b"Transfer-Encoding: \x7fchunked",
    "trailing space": b"Transfer-Encoding: chunked ",
    "trailing tab": b"Transfer-Encoding: chunked\t",
    "trailing vertical tab": b"Transfer-Encoding: chunked\x0b",
    "trailing comma": b"Transfer-Encoding: chunked,",
    "leading comma": b"Transfer-Encoding: , chunked",
    "semicolon": b"Transfer-Encoding: chunked;",
    "parameter": b"Transfer-Encoding: chunked;q=1",
    "quoted": b'Transfer-Encoding: "chunked"',
    "single quotes": b"Transfer-Encoding: 'chunked'",
    "brackets": b"Transfer-Encoding: [chunked]",
    "list with identity": b"Transfer-Encoding: identity, chunked",
    "list before identity": b"Transfer-Encoding: chunked, identity",
    "twice in a list": b"Transfer-Encoding: chunked, chunked",
    "gzip and chunked": b"Transfer-Encoding: gzip, chunked",
    "chunked and gzip": b"Transfer-Encoding: chunked, gzip",
    "identity": b"Transfer-Encoding: identity",
    "empty": b"Transfer-Encoding:",
    "only a letter more": b"Transfer-Encoding: xchunked",
    "a letter behind": b"Transfer-Encoding: chunkedx",
    "cow": b"Transfer-Encoding: cow",
    "two lines": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "identity on a second line": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "chunked on a second line": b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    "cow on a second line": b"Transfer-Encoding: chunked\r\nTransfer-encoding: cow",
    "folded": b"Transfer-Encoding:\r\n chunked",
    "folded with a tab": b"Transfer-Encoding:\r\n\tchunked",
    "folded name": b"X: y\r\n Transfer-Encoding: chunked",
    "leading space": b" Transfer-Encoding: chunked",
    "underscore": b"Transfer_Encoding: chunked",
    "dot": b"Transfer.Encoding: chunked",
    "letter changed": b"Transfer-Encodinq: chunked",
    "behind a bare line feed": b"X: y\nTransfer-Encoding: chunked",
    "behind a bare carriage return": b"X: y\rTransfer-Encoding: chunked",
    "behind carriage returns": b"X: y\r\r\nTransfer-Encoding: chunked",
    "behind a null byte": b"X: y\x00Transfer-Encoding: chunked",
    "high byte in the name": b"Transfer\xadEncoding: chunked",
    "colon doubled": b"Transfer-Encoding:: chunked",
    "null byte in the name": b"Transfer-Encoding\x00: chunked",
    "content-encoding": b"Content-Encoding: chunked",
    "TE": b"TE: chunked",
}

# Spellings of a length.
LENGTHS = {
    "plus sign": b"+5", "minus sign": b"-5", "space inside": b"5 5", "space behind": b"5 ", "leading zero": b"05",
    "many leading zeros": b"0" * 40 + b"5", "hexadecimal": b"0x5", "letter": b"5a", "list alike": b"5, 5",
    "list unlike": b"5, 50", "list of zero": b"0, 5", "point": b"5.0", "exponent": b"5e0", "empty": b"", "quoted": b'"5"',
    "null byte": b"5\x00", "vertical tab": b"\x0b5", "no-break space": b"\xa05", "full-width digit": "５".encode(),
    "64 bits and 5": b"18446744073709551621", "32 bits and 5": b"4294967301", "very long": b"9" * 400, "comma": b"5,",
    "semicolon": b"5;", "underscore": b"5_0", "folded": b"\r\n 5", "tab": b"\t5", "new line": b"5\nX: y",
}

CHUNKS = {
    "extension": (b"5;a=b\r\nhello\r\n" + CHUNKED_END, b"hello", True),
    "extension with quotes": (b'5;a="b;c"\r\nhello\r\n' + CHUNKED_END, b"hello", True),
    "extension with a line feed": (b"5;a\nhello\r\n" + CHUNKED_END, b"hello", False),
    "extension with a carriage return": (b"5;a\rb\r\nhello\r\n" + CHUNKED_END, b"hello", False),
    "extension that looks like a chunk": (b"5;\n0\r\n\r\n" + HIDDEN + b"\r\n\r\n", None, False),
    "empty extension": (b"5;\r\nhello\r\n" + CHUNKED_END, b"hello", False),
    "space before the size": (b" 5\r\nhello\r\n" + CHUNKED_END, b"hello", False),
    "space behind the size": (b"5 \r\nhello\r\n" + CHUNKED_END, b"hello", False),
    "tab behind the size": (b"5\t\r\nhello\r\n" + CHUNKED_END, b"hello", False),
    "leading zeros": (b"0000000005\r\nhello\r\n" + CHUNKED_END, b"hello", False),
    "0x": (b"0x5\r\nhello\r\n" + CHUNKED_END, b"hello", False),
    "plus sign": (b"+5\r\nhello\r\n" + CHUNKED_END, b"hello", False),
    "minus sign": (b"-5\r\nhello\r\n" + CHUNKED_END, b"hello", False),
    "underscore": (b"5_0\r\nhello\r\n" + CHUNKED_END, b"hello", False),
    "letter": (b"5g\r\nhello\r\n" + CHUNKED_END, b"hello", False),
    "64 bits and 5": (b"10000000000000005\r\nhello\r\n" + CHUNKED_END, None, False),
    "63 bits": (b"7fffffffffffffff\r\nhello\r\n" + CHUNKED_END, None, False),
    "negative 64 bits": (b"ffffffffffffffff\r\nhello\r\n" + CHUNKED_END, None, False),
    "32 bits and 5": (b"100000005\r\nhello\r\n" + CHUNKED_END, None, False),
    "line feeds only": (b"5\nhello\n0\n\n", b"hello", False),
    "line feed behind the data": (b"5\r\nhello\n" + CHUNKED_END, b"hello", False),
    "nothing behind the data": (b"5\r\nhello" + CHUNKED_END, b"hello", False),
    "more data than the size": (b"5\r\nhelloworld\r\n" + CHUNKED_END, b"hello", False),
    "carriage return behind the size": (b"5\rhello\r\n" + CHUNKED_END, b"hello", False),
    "two carriage returns": (b"5\r\r\nhello\r\n" + CHUNKED_END, b"hello", False),
    "no size": (b"\r\nhello\r\n" + CHUNKED_END, b"hello", False),
    "null byte": (b"5\x00\r\nhello\r\n" + CHUNKED_END, b"hello", False),
    "last chunk of many zeros": (b"5\r\nhello\r\n00000\r\n\r\n", b"hello", False),
    "last chunk with an extension": (b"5\r\nhello\r\n0;x=y\r\n\r\n", b"hello", True),
    "last chunk with line feeds": (b"5\r\nhello\r\n0\n\n", b"hello", False),
    "two chunks": (b"3\r\nhel\r\n2\r\nlo\r\n" + CHUNKED_END, b"hello", True),
    "upper-case size": (b"A\r\nhellohello\r\n" + CHUNKED_END, b"hellohello", True),
    "trailer": (b"5\r\nhello\r\n0\r\nX-Trailer: y\r\n\r\n", b"hello", False),
    "trailer with a length": (b"5\r\nhello\r\n0\r\nContent-Length: 50\r\n\r\n", b"hello", False),
    "trailer with a coding": (b"5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n", b"hello", False),
    "trailer with an identity": (b"5\r\nhello\r\n0\r\nX-SSL-Client-CN: spoofed\r\n\r\n", b"hello", False),
    "trailer with a host": (b"5\r\nhello\r\n0\r\nHost: spoofed\r\n\r\n", b"hello", False),
    "trailer that is a request": (b"5\r\nhello\r\n0\r\n" + HIDDEN + b"\r\n\r\n", b"hello", False),
    "trailer folded": (b"5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n", b"hello", False),
    "trailer with a bare carriage return": (b"5\r\nhello\r\n0\r\nX: y\rZ: a\r\n\r\n", b"hello", False),
}


def cases():
    for name, line in CODINGS.items():
        # The length says that all of it is a body; chunks say that it ends at once.
        hidden = CHUNKED_END + HIDDEN
        taken = b"hello" if name in ("plain", "upper case", "mixed case", "no space", "trailing space") else None
        yield Case("two lengths", name, request(POST, [line, f"Content-Length: {len(hidden)}"], hidden), hidden, method="POST",
                   refused=taken is not None)
        yield Case("two lengths", name + ", the length last and short",
                   request(POST, [b"Content-Length: 4", line], b"5c\r\n" + HIDDEN.ljust(0x5c, b"x") + b"\r\n" + CHUNKED_END),
                   b"5c\r\n", method="POST", refused=taken is not None)
        # nginx ends a line at its line feed, whatever stands before it, and hands the body on by the one reading.
        body = b"hello" if name in ("behind a bare line feed", "behind carriage returns") else taken or b""
        yield Case("codings", name, request(POST, [line], b"5\r\nhello\r\n" + CHUNKED_END), body, method="POST",
                   passes=taken is not None and name != "trailing space")
    for name, value in LENGTHS.items():
        yield Case("lengths", name, request(POST, [b"Content-Length: " + value], b"hello"), b"hello", method="POST",
                   waits=name in ("32 bits and 5",))
    for name, lines in {
            "twice alike": (b"Content-Length: 5", b"Content-Length: 5"), "twice unlike": (b"Content-Length: 5", b"Content-Length: 0"),
            "none, then five": (b"Content-Length: 0", b"Content-Length: 5"), "space before the colon": (b"Content-Length : 5",),
            "underscore": (b"Content_Length: 5",), "folded name": (b"X: y\r\n Content-Length: 5",),
            "behind a bare line feed": (b"X: y\nContent-Length: 5",), "behind a bare carriage return": (b"X: y\rContent-Length: 5",),
            "null byte in the name": (b"Content-Length\x00: 5",), "upper case": (b"CONTENT-LENGTH: 5",),
            "tab before the colon": (b"Content-Length\t: 5",), "letter changed": (b"Content-Lenght: 5",)}.items():
        body = b"hello" if name in ("upper case", "behind a bare line feed", "twice alike") else b""
        yield Case("lengths", "header " + name, request(POST, lines, b"hello"), body, method="POST", passes=name == "upper case")
    for name, (data, body, passes) in CHUNKS.items():
        yield Case("chunks", name, request(POST, ["Transfer-Encoding: chunked"], data), body or b"", method="POST", passes=passes,
                   refused=name in ("64 bits and 5", "negative 64 bits", "letter", "0x", "no size"),
                   waits=name in ("63 bits", "32 bits and 5"))
    # The application answers before the body is there; what follows must stay a body.
    hidden = HIDDEN + b"y\r\n\r\n"
    for method in ("GET", "POST", "HEAD", "DELETE", "OPTIONS", "PUT", "PATCH", "PROPFIND"):
        for what, lines, data in (("length", [f"Content-Length: {len(hidden)}"], hidden),
                                  ("chunks", ["Transfer-Encoding: chunked"], b"%x\r\n" % len(hidden) + hidden + b"\r\n" + CHUNKED_END)):
            yield Case("early answers", f"{method} with a {what}", request(f"{method} /early HTTP/1.1", lines, data), method=method)
            yield Case("bodies of any method", f"{method} with a {what}", request(f"{method} /c HTTP/1.1", lines, data), hidden,
                       method=method, passes=True)
    for name, value in {"plain": "100-continue", "upper case": "100-CONTINUE", "other": "200-ok", "list": "100-continue, x",
                        "with a space": "100-continue ", "twice": "100-continue\r\nExpect: x"}.items():
        yield Case("expect", name, request(POST, ["Content-Length: 5", f"Expect: {value}"], b"hello"), b"hello", method="POST")
        yield Case("expect", name + ", a body that never comes", request("POST /early HTTP/1.1", ["Content-Length: 5", f"Expect: {value}"]),
                   method="POST", waits=True)
    yield Case("lengths", "less than said", request(POST, ["Content-Length: 50"], b"hello"), method="POST", waits=True)
    yield Case("chunks", "no end", request(POST, ["Transfer-Encoding: chunked"], b"5\r\nhello\r\n"), method="POST", waits=True)
    yield Case("lengths", "HTTP/1.0 with chunks", request("POST /c HTTP/1.0", ["Transfer-Encoding: chunked"], b"5\r\nhello\r\n" + CHUNKED_END),
               b"hello", method="POST")
    yield Case("lengths", "HTTP/1.0 keep-alive with both", request("POST /c HTTP/1.0", [
        "Connection: keep-alive", "Content-Length: 5", "Transfer-Encoding: chunked"], CHUNKED_END + HIDDEN), method="POST", refused=True)
