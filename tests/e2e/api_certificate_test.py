"""What the REST API shows is what is configured, or somebody is told."""
import lone
from lab import sh


class ApiCertificate(lone.LoneGatewayTest):
    letter = "q"

    def pair(self, name, *key):
        paths = [str(self.directory / f"{name}.{end}") for end in ("pem", "key")]
        sh("openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-out", paths[0], "-keyout", paths[1],
           *key)
        return "config certificate local\nedit {}\nset certificate {}\nset private-key {}\nnext\nend\n".format(name, *paths)

    def health(self):
        """Of the REST API, as one line."""
        lines = self.cli(None, "get system status").stdout.splitlines()
        return [line for line in lines if line.startswith("REST API")][0]

    def test(self):
        use = "config system global\nset admin-server-cert {}\nend\n"
        weak = self.cli(self.pair("weak", "-newkey", "rsa:1024") + use.format("weak"), check=False)
        self.assertNotEqual(weak.returncode, 0)
        self.assertIn("admin-server-cert: certificate local weak: ", weak.stderr)
        self.assertIn("too weak", weak.stderr)
        self.assertNotIn("weak", self.cli(None, "show").stdout)

        self.cli(self.pair("good", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256") + use.format("good"))
        self.assertIn("OK", self.health())
        # Its file goes: other changes are taken all the same, and it is told what is shown.
        (self.directory / "good.pem").rename(self.directory / "away.pem")
        self.cli("config system global\nset hostname other\nend\n")
        self.assertIn("FAILED", self.health())
        (self.directory / "away.pem").rename(self.directory / "good.pem")
        self.cli("config system global\nset hostname again\nend\n")
        self.assertIn("OK", self.health())


if __name__ == "__main__":
    lone.main()
