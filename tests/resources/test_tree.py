#!/usr/bin/env python3
"""The inventory of a made-up host: a server with more hardware than the one that runs the tests. And of broken ones."""
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402  (the folder has to be known first)

CPU = "sys/devices/system/cpu"
PCI = "sys/devices/pci0000:00"
NIC, VF, GPU, NVME, HBA, HCD = ("0000:00:1c.0", "0000:00:1c.1", "0000:00:02.0", "0000:00:1d.0", "0000:00:17.0", "0000:00:14.0")


def vpd():
    """Vital product data: a name, a read-only part with a keyword and a checksum."""
    name = b"Example NIC"
    part = b"SN\x04ab12" + b"RV\x01\x00"
    return b"\x82" + len(name).to_bytes(2, "little") + name + b"\x90" + len(part).to_bytes(2, "little") + part + b"\x78"


FILES = {
    "proc/cpuinfo": "".join("processor\t: %d\nvendor_id\t: GenuineIntel\nmodel name\t: Example CPU\nflags\t\t: fpu\n\n" % i for i in range(4)),
    "proc/meminfo": "MemTotal:  1000 kB\nMemFree:  300 kB\nBuffers:  50 kB\nCached:  150 kB\nSwapCached:  7 kB\n"
                    "HugePages_Total:  4\nHugePages_Free:  1\nHugepagesize:  2048 kB\n",
    "proc/sys/kernel/osrelease": "6.1.0\n", "proc/sys/kernel/arch": "x86_64\n", "proc/1/environ": "HOME=/\0",
    "usr/share/misc/pci.ids": "# list\n8086  Intel Corporation\n\t5916  HD Graphics 620\n\t\t17aa 2247  ThinkPad\n\t1521  I350\n"
                              "C 03  Display controller\n\t00  VGA\n",
    "usr/share/misc/usb.ids": "0781  SanDisk Corp.\n\t5567  Cruzer Blade\nC 08  Mass Storage\n\t06  SCSI\n",
    CPU + "/isolated": "2-3\n",
    "sys/devices/system/memory/block_size_bytes": "8000000\n",
    "sys/devices/system/memory/memory0/online": "1\n", "sys/devices/system/memory/memory1/online": "0\n",
    "sys/devices/system/node/node0/meminfo": "Node 0 MemTotal:  1000 kB\nNode 0 MemUsed:  600 kB\nNode 0 HugePages_Total: 4\n"
                                             "Node 0 HugePages_Free: 1\n",
    "sys/class/dmi/id/sys_vendor": "Example Inc.\n", "sys/class/dmi/id/product_name": "Server 1\n",
    "sys/class/dmi/id/chassis_type": "23\n", "sys/class/dmi/id/bios_date": "01/02/2023\n", "sys/class/dmi/id/board_name": "B1\n",
    PCI + "/%s/vpd" % NIC: vpd(),
    "run/udev/data/b8:0": "S:disk/by-id/x\nE:ID_ATA_SATA=1\nE:ID_ATA_ROTATION_RATE_RPM=7200\nE:ID_SERIAL_SHORT=WD1\nE:ID_WWN=0x5001\n",
    "run/udev/data/b8:16": "E:ID_USB_DRIVER=usb-storage\n", "dev/sda": "", "dev/nvme0n1": "",
}
LINKS = {"dev/disk/by-id/ata-WD": "../../sda", "dev/disk/by-path/pci-1": "../../nvme0n1"}


def cpus():
    for cpu in range(4):
        folder = "%s/cpu%d" % (CPU, cpu)
        # Two sockets with one core of two threads each.
        FILES.update({folder + "/topology/physical_package_id": "%d\n" % (cpu // 2), folder + "/topology/core_id": "0\n",
                      folder + "/topology/die_id": "-1\n", folder + "/online": "%d\n" % (cpu != 3),
                      folder + "/cpufreq/scaling_cur_freq": "%d000\n" % (1000 + cpu), folder + "/cpufreq/cpuinfo_min_freq": "400000\n",
                      folder + "/cpufreq/cpuinfo_max_freq": "3500000\n", folder + "/node%d/x" % (cpu // 2): "",
                      folder + "/cache/index0/level": "1\n", folder + "/cache/index0/type": "Data\n", folder + "/cache/index0/size": "32K\n"})


def pci(address, vendor, device, kind, driver, **files):
    folder = "%s/%s" % (PCI, address)
    FILES.update({folder + "/vendor": "0x%s\n" % vendor, folder + "/device": "0x%s\n" % device, folder + "/class": "0x%s\n" % kind,
                  folder + "/numa_node": "1\n", "sys/bus/pci/drivers/%s/module/version" % driver: "1.2.3\n"})
    FILES.update({"%s/%s" % (folder, name): content for name, content in files.items()})
    LINKS.update({"sys/bus/pci/devices/" + address: "../../../devices/pci0000:00/" + address,
                  folder + "/driver": "../../../bus/pci/drivers/" + driver, folder + "/iommu_group": "../../../kernel/iommu_groups/20"})


def hardware():
    FILES["sys/kernel/iommu_groups/20/type"] = "DMA\n"
    pci(GPU, "8086", "5916", "030000", "i915", **{"mdev_supported_types/i915-GVTg_V5_8/device_api": "vfio-pci\n",
                                                "mdev_supported_types/i915-GVTg_V5_8/available_instances": "2\n",
                                                "drm/card0/dev": "226:0\n", "drm/renderD128/dev": "226:128\n"})
    LINKS.update({"sys/class/drm/card0": "../../devices/pci0000:00/%s/drm/card0" % GPU,
                  "sys/class/drm/renderD128": "../../devices/pci0000:00/%s/drm/renderD128" % GPU,
                  PCI + "/%s/drm/card0/device" % GPU: "../.."})
    pci(NIC, "8086", "1521", "020000", "igb", sriov_totalvfs="7\n", sriov_numvfs="1\n")
    pci(VF, "8086", "1520", "020000", "igbvf")
    LINKS.update({PCI + "/%s/virtfn0" % NIC: "../" + VF, PCI + "/%s/physfn" % VF: "../" + NIC})
    for name, address, port in (("eth0", NIC, 0), ("eth1", NIC, 1), ("vf0", VF, 0)):
        folder = PCI + "/%s/net/%s" % (address, name)
        FILES.update({folder + "/address": "00:11:22:33:44:5%d\n" % port, folder + "/type": "1\n", folder + "/dev_port": "%d\n" % port,
                      folder + "/carrier": "1\n"})
        LINKS.update({folder + "/device": "../..", "sys/class/net/" + name: "../../devices/pci0000:00/%s/net/%s" % (address, name)})
    FILES["sys/devices/virtual/net/lo/address"] = "00:00:00:00:00:00\n"
    LINKS["sys/class/net/lo"] = "../../devices/virtual/net/lo"
    for address, driver, kind in ((NVME, "nvme", "010802"), (HBA, "ahci", "010601"), (HCD, "xhci_hcd", "0c0330")):
        pci(address, "8086", "9d03", kind, driver)


def disks():
    usb = PCI + "/%s/usb1/1-2" % HCD
    FILES.update({usb + "/busnum": "1\n", usb + "/devnum": "5\n", usb + "/idVendor": "0781\n", usb + "/idProduct": "5567\n",
                  usb + "/product": "My Stick\n", usb + "/speed": "480\n", usb + "/bDeviceClass": "00\n",
                  usb + "/1-2:1.0/bInterfaceClass": "08\n", usb + "/1-2:1.0/bInterfaceSubClass": "06\n",
                  usb + "/1-2:1.0/bInterfaceNumber": "00\n", "sys/bus/usb/drivers/usb-storage/x": "",
                  PCI + "/%s/usb1/bDeviceClass" % HCD: "09\n", PCI + "/%s/usb1/busnum" % HCD: "1\n", PCI + "/%s/usb1/devnum" % HCD: "1\n"})
    LINKS.update({"sys/bus/usb/devices/1-2": "../../../devices/pci0000:00/%s/usb1/1-2" % HCD,
                  "sys/bus/usb/devices/1-2:1.0": "../../../devices/pci0000:00/%s/usb1/1-2/1-2:1.0" % HCD,
                  "sys/bus/usb/devices/usb1": "../../../devices/pci0000:00/%s/usb1" % HCD,
                  usb + "/1-2:1.0/driver": "../../../../../../bus/usb/drivers/usb-storage"})
    for name, parent, number, rotational in (("sda", PCI + "/%s/ata1" % HBA, "8:0", 1), ("sdb", usb + "/1-2:1.0/host1", "8:16", 0),
                                             ("nvme0n1", PCI + "/%s/nvme/nvme0" % NVME, "259:0", 0)):
        folder = "%s/block/%s" % (parent, name)
        FILES.update({folder + "/dev": number + "\n", folder + "/size": "2048\n", folder + "/ro": "0\n",
                      folder + "/removable": "%d\n" % (name == "sdb"), folder + "/queue/rotational": "%d\n" % rotational,
                      folder + "/queue/physical_block_size": "512\n", folder + "/device/model": "MODEL %s  \n" % name})
        LINKS["sys/class/block/" + name] = os.path.relpath(folder, "sys/class/block")
    folder = PCI + "/%s/nvme/nvme0/block/nvme0n1" % NVME
    FILES.update({folder + "/wwid": "eui.01\n", folder + "/device/firmware_rev": "F1\n", folder + "/device/serial": "S1 \n",
                  folder + "/nvme0n1p1/partition": "1\n", folder + "/nvme0n1p1/dev": "259:1\n", folder + "/nvme0n1p1/size": "1024\n",
                  folder + "/nvme0n1p1/ro": "1\n", "sys/class/nvme/x": "", "sys/devices/virtual/block/loop0/dev": "7:0\n"})
    LINKS.update({folder + "/device/subsystem": os.path.relpath("sys/class/nvme", folder + "/device"),
                  "sys/class/block/loop0": "../../devices/virtual/block/loop0"})


cpus()
hardware()
disks()


def build(root):
    for path, content in FILES.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
    for path, target in LINKS.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        os.symlink(target, full)


def show(root):
    done = subprocess.run([os.environ["SHOW"], "host", root], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise AssertionError("status %d: %s" % (done.returncode, done.stderr[-3000:]))
    return json.loads(done.stdout)


def tree():
    with tempfile.TemporaryDirectory() as root:
        build(root)
        return show(root)


def test_cpu():
    cpu = tree()["cpu"]
    tap.equal((cpu["architecture"], cpu["total"], len(cpu["sockets"])), ("x86_64", 4, 2))
    first, second = cpu["sockets"]
    tap.equal({key: first[key] for key in first if key not in ("cores", "cache")},
              {"socket": 0, "name": "Example CPU", "vendor": "GenuineIntel", "frequency": 1000, "frequency_minimum": 400,
               "frequency_turbo": 3500})
    tap.equal(first["cache"], [{"level": 1, "type": "Data", "size": 32768}])
    tap.equal(second["cores"], [{"core": 0, "die": 0, "frequency": 1002, "threads": [
        {"id": 2, "thread": 0, "numa_node": 1, "online": True, "isolated": True},
        {"id": 3, "thread": 1, "numa_node": 1, "online": False, "isolated": True}]}])


def test_memory():
    tap.equal(tree()["memory"], {"total": 128 << 20, "used": 500 << 10, "hugepages_size": 2 << 20, "hugepages_total": 8 << 20,
                                 "hugepages_used": 6 << 20, "nodes": [{"numa_node": 0, "total": 1000 << 10, "used": 600 << 10,
                                                                      "hugepages_total": 8 << 20, "hugepages_used": 6 << 20}]})


def test_gpu():
    gpu = tree()["gpu"]
    tap.equal(gpu, {"total": 1, "cards": [{
        "driver": "i915", "driver_version": "1.2.3", "numa_node": 1, "pci_address": GPU, "vendor": "Intel Corporation", "vendor_id": "8086",
        "product": "HD Graphics 620", "product_id": "5916", "drm": {"id": 0, "card_name": "card0", "card_device": "226:0",
                                                                 "render_name": "renderD128", "render_device": "226:128"},
        "mdev": {"i915-GVTg_V5_8": {"api": "vfio-pci", "available": 2, "devices": []}}}]})


def test_network():
    """One card with two ports and a virtual function, which is no card of its own."""
    network = tree()["network"]
    tap.equal((network["total"], len(network["cards"])), (2, 1))
    card = network["cards"][0]
    tap.equal([(port["id"], port["port"], port["protocol"], port["link_detected"]) for port in card["ports"]],
              [("eth0", 0, "ethernet", True), ("eth1", 1, "ethernet", True)])
    tap.equal((card["sriov"]["maximum_vfs"], card["sriov"]["current_vfs"]), (7, 1))
    tap.equal([(vf["pci_address"], vf["driver"], vf["ports"][0]["id"]) for vf in card["sriov"]["vfs"]], [(VF, "igbvf", "vf0")])


def test_storage():
    storage = tree()["storage"]
    tap.equal(storage["total"], 4, "disks and partitions")
    nvme, sata, stick = storage["disks"]
    tap.equal(nvme, {"id": "nvme0n1", "device": "259:0", "type": "nvme", "size": 1 << 20, "block_size": 512, "rpm": 0, "read_only": False,
                     "removable": False, "model": "MODEL nvme0n1", "firmware_version": "F1", "serial": "S1", "wwn": "eui.01",
                     "device_id": "", "device_path": "pci-1", "numa_node": 1, "pci_address": NVME, "partitions": [
                         {"id": "nvme0n1p1", "device": "259:1", "partition": 1, "size": 512 << 10, "read_only": True}]})
    tap.equal([sata[key] for key in ("id", "type", "rpm", "serial", "wwn", "device_id")], ["sda", "sata", 7200, "WD1", "0x5001", "ata-WD"])
    tap.equal([stick[key] for key in ("id", "type", "removable", "usb_address")], ["sdb", "usb", True, "1:5"])


def test_pci():
    pci_list = tree()["pci"]
    tap.equal(pci_list["total"], 6)
    card = next(device for device in pci_list["devices"] if device["pci_address"] == NIC)
    tap.equal(card, {"driver": "igb", "driver_version": "1.2.3", "iommu_group": 20, "numa_node": 1, "pci_address": NIC, "product": "I350",
                     "product_id": "1521", "vendor": "Intel Corporation", "vendor_id": "8086",
                     "vpd": {"product_name": "Example NIC", "entries": {"SN": "ab12"}}})


def test_usb():
    tap.equal(tree()["usb"], {"total": 1, "devices": [{
        "bus_address": 1, "device_address": 5, "vendor": "SanDisk Corp.", "vendor_id": "0781", "product": "My Stick", "product_id": "5567",
        "speed": 480.0, "interfaces": [{"class": "Mass Storage", "class_id": 8, "subclass": "SCSI", "subclass_id": 6, "number": 0,
                                        "driver": "usb-storage", "driver_version": "6.1.0"}]}]})


def test_system():
    system = tree()["system"]
    tap.equal((system["type"], system["vendor"], system["product"]), ("physical", "Example Inc.", "Server 1"))
    tap.equal((system["chassis"]["type"], system["firmware"]["date"], system["motherboard"]["product"]), ("rack mount chassis", "01/02/2023", "B1"))


def test_empty():
    """A host that shows nothing at all."""
    with tempfile.TemporaryDirectory() as root:
        tap.equal(sorted(show(root)), ["cpu", "gpu", "memory", "network", "pci", "storage", "system", "usb"])


def damage(generator, path):
    """Makes something else of one file or link."""
    if os.path.islink(path) or os.path.isfile(path):
        os.unlink(path)
    else:
        shutil.rmtree(path)
    how = generator.randrange(8)
    if how == 0:
        os.mkfifo(path)
    elif how == 1:
        os.mkdir(path)
    elif how == 2:
        os.symlink(os.path.basename(path), path)  # a loop
    elif how == 3:
        os.symlink("/etc/passwd", path)
    elif how >= 4:
        texts = [b"", b"-1", b"18446744073709551616", b"0xffffffffffffffff", b"\xff\xfe\0", b"a" * 100000, b"9999999999999K", b": : :\n\t\n=",
                 b"0-4294967295,,-", b"\x82\xff\xff", b"\x90\x03\x00SN\xff", b"0x"]
        with open(path, "wb") as file:
            file.write(generator.choice(texts))


def test_hostile():
    """Broken trees: pipes, loops, links that lead out, numbers that are none. Nothing crashes, hangs or reads outside."""
    generator = random.Random(1)
    names = sorted(FILES) + sorted(LINKS)
    for _ in range(60):
        with tempfile.TemporaryDirectory() as root:
            build(root)
            for name in generator.sample(names, 40):
                path = os.path.join(root, name)
                if os.path.lexists(path):
                    damage(generator, path)
            tap.absent(json.dumps(show(root)), "root:x:0")


tap.main(globals())
