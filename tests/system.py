"""The programs that tests drive as real processes: where they are and how to get them."""

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

APT_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Program:
    """One program; `names` are looked for in this order, on the PATH or as a path. A `*` in a path
    is a version, and the newest one is taken."""

    names: tuple[str, ...]
    debian_package: str
    by_hand: str

    def find(self) -> Path | None:
        """Say where it is, if it is anywhere."""
        # Debian keeps servers in /usr/sbin, which a plain user's PATH leaves out.
        search_path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
        names = (each for name in self.names for each in versions(name))
        found = (shutil.which(name, path=search_path) for name in names)
        return next((Path(path) for path in found if path), None)

    @property
    def how_to_get(self) -> str:
        """Say what to do about a program that is missing."""
        return (
            f"{self.names[0]} is missing: apt-get install {self.debian_package}, or {self.by_hand}"
        )


def versions(name: str) -> list[str]:
    """The paths that a name with a `*` stands for, the newest version first."""
    folder, star, below = name.partition("*")
    if not star:
        return [name]
    numbers = [path.name for path in Path(folder).glob("*") if path.name.isdigit()]
    return [f"{folder}{number}{below}" for number in sorted(numbers, key=int, reverse=True)]


PROGRAMS = {
    "chromium": Program(
        names=(
            "chromium",
            "chromium-browser",
            "google-chrome",
            "/Applications/Chromium.app/Contents/MacOS/Chromium",
            "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        ),
        debian_package="chromium",
        by_hand="install any Chromium or Chrome",
    ),
    "redis-server": Program(
        names=("redis-server",),
        debian_package="redis-server",
        by_hand="install any Redis from 7.0 on",
    ),
    "postgres": Program(
        # Debian keeps them off the PATH, a folder for each version.
        names=("/usr/lib/postgresql/*/bin/postgres", "postgres"),
        debian_package="postgresql",
        by_hand="install PostgreSQL 13 or later, with initdb and psql beside it",
    ),
    "mosquitto": Program(
        names=("mosquitto",),
        debian_package="mosquitto",
        by_hand="install any Mosquitto from 2.0 on",
    ),
    "mosquitto_passwd": Program(
        names=("mosquitto_passwd",),
        debian_package="mosquitto",
        by_hand="install any Mosquitto from 2.0 on",
    ),
    "mosquitto_pub": Program(
        names=("mosquitto_pub",),
        debian_package="mosquitto-clients",
        by_hand="install the clients of Mosquitto",
    ),
    "mosquitto_sub": Program(
        names=("mosquitto_sub",),
        debian_package="mosquitto-clients",
        by_hand="install the clients of Mosquitto",
    ),
    "nginx": Program(
        names=("nginx",),
        debian_package="nginx",
        by_hand="install any nginx from 1.18 on",
    ),
    "node": Program(
        names=("node", "nodejs"),
        debian_package="nodejs",
        by_hand="install Node.js 20 or later",
    ),
    "npm": Program(
        names=("npm",),
        debian_package="npm",
        by_hand="install npm, which comes with Node.js elsewhere",
    ),
}


def missing() -> list[Program]:
    """List the programs that are nowhere on this machine."""
    return [program for program in PROGRAMS.values() if program.find() is None]


def none_may_be_missing() -> bool:
    """Say whether this is a machine that has to run every test, as CI does."""
    return os.environ.get("CI", "").lower() in {"1", "true"}


def can_install() -> bool:
    """Say whether this is Debian, as root: elsewhere a package's name may mean another thing."""
    try:
        system = platform.freedesktop_os_release()["ID"]
    except OSError:
        return False
    return system == "debian" and os.geteuid() == 0


def install(programs: list[Program]) -> None:
    """Install Debian's packages; what could not be installed is missing as before."""
    packages = [program.debian_package for program in programs]
    print("Installing for the tests:", *packages, flush=True)
    try:
        # A mirror that cannot be reached need not matter: the lists on the disk may be new enough.
        apt_get("update", check=False)
        apt_get("install", "--yes", "--no-install-recommends", *packages, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        print(error, file=sys.stderr)


def apt_get(*arguments: str, check: bool) -> None:
    """Run it where nobody can answer a question."""
    subprocess.run(
        ["apt-get", "-qq", *arguments],
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        timeout=APT_SECONDS,
        check=check,
    )


def main() -> int:
    """Get what is missing where that is possible, and name what stays missing."""
    if (wanted := missing()) and can_install():
        install(wanted)
    still_missing = missing()
    for program in still_missing:
        print(program.how_to_get, file=sys.stderr)
    return 1 if still_missing and none_may_be_missing() else 0


if __name__ == "__main__":
    sys.exit(main())
