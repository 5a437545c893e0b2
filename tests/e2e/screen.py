"""A person at a terminal: a program on a pseudo-terminal, what its screen shows, and a transcript of both. Standard library
only."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

CONTROL = re.compile(r"\x1b\[([?0-9;]*)([@-~])|\x1b[()][0-9A-Za-z]|\x1b[=>78cDEHM]")


class Screen:
    """What a terminal makes of bytes, as far as line editors and pagers use it. Every row ever written is kept."""

    def __init__(self, columns):
        self.columns, self.rows, self.row, self.column, self.rest = columns, [[]], 0, 0, ""
        self.unknown = []

    def text(self, row):
        return "".join(self.rows[row]).rstrip()

    def line(self):
        """The row of the cursor, up to it: the blank behind a prompt counts."""
        return "".join(self.rows[self.row]).ljust(self.column)[:max(self.column, len(self.text(self.row)))]

    def feed(self, text):
        text, at = self.rest + text, 0
        self.rest = ""
        while at < len(text):
            c = text[at]
            if c == "\x1b":
                found = CONTROL.match(text, at)
                if not found:
                    if len(text) - at < 12:    # cut off in its middle
                        self.rest = text[at:]
                        return
                    self.unknown.append(text[at:at + 12])
                    at += 1
                    continue
                self.control(found)
                at = found.end()
                continue
            at += 1
            if c == "\r":
                self.column = 0
            elif c == "\n":
                self.down()
            elif c == "\b":
                self.column = max(0, self.column - 1)
            elif c == "\t":
                self.column = (self.column // 8 + 1) * 8
            elif c >= " ":
                self.put(c)
            elif c != "\a":
                self.unknown.append(c)

    def down(self):
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append([])

    def put(self, c):
        if self.column == self.columns:
            self.column = 0
            self.down()
        row = self.rows[self.row]
        row.extend(" " * (self.column - len(row)))
        row[self.column:self.column + 1] = [c]
        self.column += 1

    def control(self, found):
        numbers, kind = found.group(1) or "", found.group(2)
        first = int(numbers.split(";")[0]) if numbers.split(";")[0].isdigit() else 0
        row = self.rows[self.row]
        if kind == "C":
            self.column = min(self.columns - 1, self.column + max(1, first))
        elif kind == "D":
            self.column = max(0, self.column - max(1, first))
        elif kind == "G":
            self.column = min(self.columns, max(1, first)) - 1
        elif kind == "A":
            self.row = max(0, self.row - max(1, first))
        elif kind == "B":
            for _ in range(max(1, first)):
                self.down()
        elif kind == "K":
            if first == 0:
                del row[self.column:]
            elif first == 2:
                row.clear()
        elif kind == "J":
            del row[self.column:]
            if first == 0:
                del self.rows[self.row + 1:]
        elif kind == "P":
            del row[self.column:self.column + max(1, first)]
        elif kind == "@":
            row.extend(" " * (self.column - len(row)))
            row[self.column:self.column] = list(" " * max(1, first))
        elif kind not in ("m", "h", "l", None):
            self.unknown.append(found.group(0))


class Person:
    """Runs a command on a terminal of its own and types at it."""

    def __init__(self, command, environment, rows=24, columns=100):
        self.screen = Screen(columns)
        self.raw = b""
        self.told = 0           # rows that are in the transcript
        self.transcript = []
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ.clear()
            os.environ.update(environment)
            os.execvp(command[0], command)
        self.status = None
        self.resize(rows, columns)

    def resize(self, rows, columns):
        self.screen.columns = columns
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def mode(self):
        """The terminal's settings, as stty prints them."""
        return termios.tcgetattr(self.terminal)

    def read(self, seconds):
        if not select.select([self.terminal], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.terminal, 65536)
        except OSError:
            data = b""          # the other end is closed
        if not data:
            return None
        self.raw += data
        self.screen.feed(data.decode(errors="replace"))
        return True

    def until(self, pattern, seconds=30, other_than=None):
        """Reads until the row of the cursor matches; not yet while all stands where it stood."""
        end = time.monotonic() + seconds
        while (self.screen.row, self.screen.line()) == other_than or not re.search(pattern, self.screen.line()):
            if self.read(0.2) is None or time.monotonic() > end:
                raise AssertionError(f"waited for {pattern!r}; the screen shows:\n" + "\n".join(
                    self.screen.text(row) for row in range(len(self.screen.rows))))

    def type(self, text, pattern):
        """Types, and waits until the row of the cursor matches `pattern`."""
        before = (self.screen.row, self.screen.line())
        os.write(self.terminal, text.encode())
        self.until(pattern, other_than=before)

    def key(self, keys, name, pattern):
        """A key that the transcript names, such as "<Tab>"."""
        self.tell_rows(self.screen.row)
        at = self.screen.row
        self.transcript.append(self.screen.line() + name)
        self.told = at + 1
        before = self.screen.line()
        os.write(self.terminal, keys.encode())
        self.until(pattern, other_than=(at, before))
        if self.screen.row == at or self.screen.text(at) != before.rstrip():
            self.told = at      # the same row, and it says something else now

    def tell_rows(self, end):
        for row in range(self.told, end):
            self.transcript.append(self.screen.text(row))
        self.told = max(self.told, end)

    def chapter(self):
        """What the transcript has since the last chapter, without the row of the cursor."""
        self.tell_rows(self.screen.row)
        told, self.transcript = self.transcript, []
        return told

    def shown(self):
        return "\n".join(self.screen.text(row) for row in range(len(self.screen.rows)))

    def ends(self, seconds=30):
        """The exit status (negative: the signal)."""
        end = time.monotonic() + seconds
        while self.status is None and time.monotonic() < end:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        while self.read(0.05):
            pass
        return self.status

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.terminal)
