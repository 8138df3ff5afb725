"""A guest with Debian's stock kernel in QEMU, without KVM: for what the machine's own kernel lacks, and for power cuts.

Its root is the machine's own, read-only, with a layer in memory. So what is installed and built here runs there, under the same path,
and no image has to be made. /mnt in it is a disk of its own that outlives it."""
import glob
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = ("virtio_pci", "virtio_blk", "virtio_rng", "9pnet_virtio", "9p", "overlay", "ext4")
META_PACKAGE = "linux-image-amd64"


class Unavailable(Exception):
    """There can be no guest here; the text is the reason."""


def output(*argv, **options):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, **options)
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Kernel:
    """Debian's kernel package, unpacked below `folder` and not installed; kept there for the next time."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "kernel")
        if not glob.glob(os.path.join(self.folder, "boot", "vmlinuz-*")):
            self.unpack()
        self.image, = glob.glob(os.path.join(self.folder, "boot", "vmlinuz-*"))
        self.version = os.path.basename(self.image).removeprefix("vmlinuz-")
        self.modules = os.path.join(self.folder, "lib", "modules")
        self.initramfs = self.make_initramfs()

    def unpack(self):
        unpacked = self.folder + ".new"
        shutil.rmtree(unpacked, ignore_errors=True)
        os.makedirs(unpacked)
        name = output("apt-cache", "depends", "--important", META_PACKAGE)
        package = next((line.split()[-1] for line in name.splitlines() if "Depends: linux-image-" in line), None)
        if package is None:
            raise Unavailable(f"apt knows no {META_PACKAGE}: run apt-get update")
        output("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", package, cwd=unpacked)
        deb, = glob.glob(os.path.join(unpacked, "*.deb"))
        output("dpkg-deb", "-x", deb, unpacked)
        os.unlink(deb)
        output("depmod", "-b", unpacked, package.removeprefix("linux-image-"))
        shutil.rmtree(self.folder, ignore_errors=True)
        os.rename(unpacked, self.folder)

    def module_files(self, names):
        """the files of modules and of what they need, in order"""
        files = {}
        for name in names:
            for line in output("modprobe", "-d", self.folder, "-S", self.version, "--show-depends", name).splitlines():
                word, _, path = line.strip().partition(" ")
                if word == "insmod":
                    files[path.split()[0]] = True
        return list(files)

    def make_initramfs(self):
        """Makes the archive with busybox, the modules of MODULES and the program `first`; its path."""
        tree = os.path.join(self.folder, "initramfs")
        shutil.rmtree(tree, ignore_errors=True)
        for folder in ("bin", "dev", "lower", "layer", "root", "modules"):
            os.makedirs(os.path.join(tree, folder))
        shutil.copy("/bin/busybox", os.path.join(tree, "bin"))
        shutil.copy(os.path.join(HERE, "first"), os.path.join(tree, "init"))
        files = self.module_files(MODULES)
        for path in files:
            shutil.copy(path, os.path.join(tree, "modules"))
        with open(os.path.join(tree, "modules", "order"), "w", encoding="utf-8") as order:
            order.writelines(os.path.basename(path) + "\n" for path in files)
        names = sorted(os.path.relpath(os.path.join(folder, name), tree)
                       for folder, folders, plain in os.walk(tree) for name in folders + plain)
        with open(tree + ".cpio", "wb") as archive:
            subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], cwd=tree, input="\n".join(names).encode() + b"\n",
                           stdout=archive, check=True)
        return tree + ".cpio"


def make_disk(path, megabytes):
    """An empty ext4 on a sparse file."""
    with open(path, "wb") as file:
        file.truncate(megabytes << 20)
    output("mkfs.ext4", "-q", "-F", path)


class Guest:
    """A running guest that carries out `argv` and then switches itself off. Iterate over `lines` for what argv prints."""

    def __init__(self, kernel, disk, console, *argv, words=(), memory=2048):
        if shutil.which("qemu-system-x86_64") is None:
            raise Unavailable("qemu-system-x86 is not installed")
        words = ["console=ttyS0", "quiet", "panic=-1", f"BERTH_MODULES={kernel.modules}", *words, "--", os.path.join(HERE, "init"), *argv]
        # A write that the guest was told is done may stay in memory there: that is what a power cut loses.
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-M", "q35", "-accel",
             "tcg,thread=multi", "-cpu", "max", "-smp", str(min(os.cpu_count(), 4)), "-m", str(memory),
             "-kernel", kernel.image, "-initrd", kernel.initramfs, "-append", " ".join(words),
             "-serial", f"file:{console}", "-serial", "stdio", "-device", "virtio-rng-pci",
             "-virtfs", "local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap",
             "-drive", f"file={disk},format=raw,if=virtio,cache=writeback"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")

    @property
    def lines(self):
        for line in self.process.stdout:
            yield line.rstrip("\r\n")

    def cut_power(self):
        self.process.kill()
        self.close()

    def close(self):
        self.process.stdout.close()
        return self.process.wait()
