"""The end-to-end tests of one checkout stay out of each other's way."""
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import harness


class Harness(unittest.TestCase):
    def test_each_file_has_a_letter_of_its_own(self):
        """Two with the same would take each other's gateway away, where they run at once."""
        letters = {}
        for file in sorted(Path(__file__).parent.glob("*.py")):
            for letter in re.findall(r'^    letter = "(.*?)"', file.read_text(), re.M):
                self.assertNotIn(letter, letters, f"{file.name} and {letters.get(letter)}")
                letters[letter] = file.name
        self.assertGreater(len(letters), 20)

    def test_a_second_one_of_the_same_name_waits(self):
        name = Path(tempfile.mkdtemp(prefix="x")).name
        self.addCleanup((Path(tempfile.gettempdir()) / f"postern-e2e-{name}.lock").unlink)
        self.addCleanup((Path(tempfile.gettempdir()) / name).rmdir)
        harness.alone_as(name)
        other = subprocess.Popen([sys.executable, "-c", f"import harness; harness.alone_as({name!r}); print('begun')"],
                                 cwd=Path(__file__).parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertIn("waiting for its end", other.stderr.readline())
        self.assertIsNone(other.poll())
        harness._alone.pop().close()
        self.assertEqual(other.communicate(timeout=20)[0], "begun\n")


if __name__ == "__main__":
    harness.main()
