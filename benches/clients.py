"""The programs that are measured: how each is told what to do."""

import os
import pathlib
import shutil
import subprocess

import measure

HERE = pathlib.Path(__file__).resolve().parent
PARTS = pathlib.Path(os.environ.get("HYDRANT_RIG_PARTS", HERE.parent / "tests/rig/.parts"))


class Client:
    script = False

    def run(self, rig, base, arguments, knobs, counted, code=0):
        """Runs the client in a directory; gives what that cost."""
        environment = {**rig.environment, **self.environment(base), **knobs}
        argv = self.argv(base, arguments)
        if counted:
            return measure.counted(argv, base, environment, code, rig)
        return measure.timed(argv, base, environment, code, self.script)

    def account(self, rig):
        """Where the account of this client and CA is kept from run to run."""
        return rig.place / f"account-{self.name}"


class Hydrant(Client):
    """The built program, with the rig's compiled hook unless told otherwise."""

    name = "hydrant"

    def __init__(self, program):
        self.program = program
        self.hook = program.with_name("hydrant-rig-hook")

    def environment(self, base):
        return {"HYDRANT_CONFIG": str(base / "hydrant.yml")}

    def argv(self, _, arguments):
        return [self.program, *arguments]

    def directory(self, rig, name, listed, hook=None):
        base = fresh(rig, name, listed)
        (base / "hydrant.yml").write_text(
            "accept_terms: true\n"
            "challenge: dns-01\n"
            "hooks:\n"
            f"  - command: {hook or self.hook}\n"
            "    operations: [deploy_challenge, clean_challenge]\n")
        if self.account(rig).exists():
            shutil.copytree(self.account(rig), base / "accounts")
        return base

    def register(self, rig):
        base = self.directory(rig, f"registering-{self.name}", [])
        self.run(rig, base, ["account", "register"], {}, counted=False)
        shutil.copytree(base / "accounts", self.account(rig))

    def measure(self, rig, base, arguments, runs):
        """Runs it again and again in the same directory."""
        return [self.run(rig, base, arguments, {}, counted=number == runs) for number in range(runs + 1)]


class Dehydrated(Client):
    """Debian's own, with the same hook, as it was before it announced anything."""

    name = "dehydrated"
    script = True

    def __init__(self, rig):
        self.program = PARTS / "usr/bin/dehydrated"
        self.hook = HERE.parent / "target/release/hydrant-rig-hook"
        base = self.directory(rig, f"registering-{self.name}", [])
        argv = [self.program, "--config", "config", "--accept-terms", "--register"]
        subprocess.run(argv, cwd=base, env=rig.environment, check=True, capture_output=True)
        shutil.copytree(base / "accounts", self.account(rig))

    def environment(self, _):
        return {"RIG_HOOK_CAPABILITIES": "none"}

    def argv(self, _, __):
        return [self.program, "--config", "config", "--cron"]

    def directory(self, rig, name, listed, hook=None):
        base = fresh(rig, name, listed)
        self.configure(rig, base, hook)
        return base

    def configure(self, rig, base, hook=None):
        self.write_config(rig, base, f"CHALLENGETYPE=dns-01\nHOOK={hook or self.hook}\n")

    def write_config(self, rig, base, more):
        (base / "config").write_text(
            f"CA={rig.facts['HYDRANT_CA']}\n"
            f"CURL_OPTS='--cacert {rig.facts['HYDRANT_CA_ROOTS']} --noproxy *'\n"
            f"KEY_ALGO=prime256v1\nACCOUNT_KEY_ALGO=prime256v1\n{more}")
        if self.account(rig).exists():
            shutil.copytree(self.account(rig), base / "accounts", dirs_exist_ok=True)

    def measure(self, rig, base, runs):
        self.configure(rig, base)
        return [self.run(rig, base, [], {}, counted=number == runs) for number in range(runs + 1)]


class Door(Dehydrated):
    """hydrant in dehydrated's place: its command line, its configuration, its account."""

    name = "door"
    script = False

    def __init__(self, hydrant):
        self.program = hydrant.program

    def account(self, rig):
        return rig.place / f"account-{Dehydrated.name}"

    def argv(self, base, _):
        return [self.program, "dehydrated", "--config", base / "config", "--cron"]

    def configure_without_hook(self, rig, base):
        (base / "www").mkdir(exist_ok=True)
        self.write_config(rig, base, "WELLKNOWN=$BASEDIR/www\n")

    def measure(self, rig, base, runs):
        """On the configuration that is there."""
        return [self.run(rig, base, [], {}, counted=number == runs) for number in range(runs + 1)]


def fresh(rig, name, listed):
    """A new directory with a list."""
    base = rig.place / name
    base.mkdir()
    (base / "domains.txt").write_text("".join(f"{line}\n" for line in listed))
    return base
