"""A Debian root with systemd for tests, made by mmdebstrap from the archive that this machine's apt uses."""
import fcntl
import os
import shutil
import subprocess
import tarfile

import tap

# networkd waits for udev to name its links.
PACKAGES = "systemd-sysv,systemd-resolved,udev,iputils-ping"
# What images for containers bring along: DHCP on the NIC, and no name of the machine that they were made on.
NETWORK = """\
mkdir -p "$1/etc/systemd/network"
printf '[Match]\\nName=eth0\\n[Network]\\nDHCP=ipv4\\n' > "$1/etc/systemd/network/eth0.network"
rm -f "$1/etc/hostname"
chroot "$1" systemctl enable systemd-networkd systemd-resolved
"""
MAKE_TIMEOUT = 400


def archive():
    """The URL and the release of the Debian archive that apt knows."""
    with open("/etc/os-release", encoding="utf-8") as file:
        release = dict(line.rstrip().split("=", 1) for line in file if "=" in line)
    codename = release.get("VERSION_CODENAME", "").strip('"')
    known = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
                            "Identifier: Packages"], capture_output=True, text=True, check=False).stdout
    for line in known.splitlines():
        url, _, rest = line.partition(" ")
        if release.get("ID") == "debian" and rest == f"{codename} main":
            return url, codename
    raise tap.Skip("apt knows no Debian archive here")


def make(root):
    """Writes the root as a tarball."""
    if shutil.which("mmdebstrap") is None:
        raise tap.Skip("mmdebstrap is not installed")
    url, codename = archive()
    part = f"{root}.part"
    try:
        made = subprocess.run(["mmdebstrap", "--mode=root", "--variant=minbase", "--format=tar", f"--include={PACKAGES}",
                               "--aptopt=Acquire::http::Timeout 20", "--aptopt=Acquire::Retries 1",
                               "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
                               f"--customize-hook={NETWORK}", codename, part, url],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=MAKE_TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise tap.Skip(f"{url} did not give a root within {MAKE_TIMEOUT} s") from None
    if made.returncode != 0:
        last = [line for line in made.stdout.splitlines() if line.startswith("E")] or made.stdout.splitlines()
        raise tap.Skip(f"mmdebstrap {url}: {last[0] if last else 'failed'}")
    os.rename(part, root)


def image(folder):
    """Paths of the metadata and the root of a split image in `folder`, made when they are not there yet."""
    metadata, root = os.path.join(folder, "debian-metadata.tar"), os.path.join(folder, "debian-root.tar")
    with open(os.path.join(folder, "debian.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(root):
            make(root)
        text = os.path.join(folder, "metadata.yaml")
        with open(text, "w", encoding="utf-8") as file:
            file.write(f"architecture: {os.uname().machine}\ncreation_date: 1700000000\n")
        with tarfile.open(metadata, "w") as tar:
            tar.add(text, "metadata.yaml")
    return metadata, root
