#include "agent/collectors/asked/disks.h"

#include <gtest/gtest.h>

#include "agent/collectors/asked/asked_lab.h"

namespace postern::agent {
namespace {

TEST(Mountinfo, IsReadAsTheKernelWritesIt) {
  const auto read = parse_mountinfo(
      "36 35 98:0 /mnt1 /my\\040disk rw,noatime shared:1 master:2 - ext4 /dev/root rw,errors=continue\n"
      "broken line\n"
      "1 0 0:2 / / rw - rootfs\n"
      "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n");
  ASSERT_TRUE(read);
  const auto& mounts = *read;
  ASSERT_EQ(mounts.size(), 2u);
  EXPECT_EQ(mounts[0], (Mount{"98:0", "/mnt1", "/my disk", "ext4", "/dev/root", "rw,errors=continue"}));
  EXPECT_EQ(mounts[1].point, "/");
  EXPECT_EQ(parse_mountinfo(""), std::vector<Mount>());
}

std::string so_many_mounts(std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += "36 35 98:0 / / rw - ext4 /dev/root rw\n";
  return out;
}

TEST(Mountinfo, OfMoreThanIsReadSaysSo) {
  EXPECT_EQ(parse_mountinfo(so_many_mounts(kMaxMounts))->size(), kMaxMounts);
  EXPECT_EQ(parse_mountinfo(so_many_mounts(kMaxMounts + 1)), std::nullopt);
}

TEST(Mountinfo, OptionsAreFoundByTheirWholeName) {
  EXPECT_EQ(mount_option("rw,lowerdir=/a,upperdir=/b,workdir=/c", "upperdir"), "/b");
  EXPECT_EQ(mount_option("rw,xupperdir=/b", "upperdir"), "");
}

class DisksFamily : public AskedLab {
 protected:
  /// A block device as /sys shows it; `inside` of a disk's directory: a partition.
  void device(const std::string& name, const std::string& number, const std::string& inside = "") {
    const auto place = "sys/devices/" + (inside.empty() ? name : inside + "/" + name);
    put((place + "/dev").c_str(), number + "\n");
    if (!inside.empty()) put((place + "/partition").c_str(), "1\n");
    link("sys/dev/block/" + number, "../../" + place.substr(4));
    link("sys/class/block/" + name, "../../" + place.substr(4));
  }
  void mapped(const std::string& name, const std::string& number, const std::string& uuid, const std::string& as,
              const std::vector<std::string>& slaves) {
    device(name, number);
    put(("sys/devices/" + name + "/dm/uuid").c_str(), uuid + "\n");
    put(("sys/devices/" + name + "/dm/name").c_str(), as + "\n");
    for (const auto& slave : slaves) put(("sys/devices/" + name + "/slaves/" + slave + "/dev").c_str(), "");
  }
  void mount(const std::string& text) { put("proc/self/mountinfo", text); }
};

TEST_F(DisksFamily, LvmOnLuksIsEncryptedAndTheBootPartitionIsNot) {
  device("sda", "8:0");
  device("sda1", "8:1", "sda");
  device("sda2", "8:2", "sda");
  mapped("dm-0", "254:0", "CRYPT-LUKS2-0123-sda2_crypt", "sda2_crypt", {"sda2"});
  mapped("dm-1", "254:1", "LVM-abc", "vg-root", {"dm-0"});
  mapped("dm-2", "254:2", "LVM-def", "vg-home", {"dm-0"});
  mount(
      "1 0 0:2 / /proc rw - proc proc rw\n"
      "2 0 254:1 / / rw - ext4 /dev/mapper/vg-root rw\n"
      "3 2 254:2 / /home rw - ext4 /dev/mapper/vg-home rw\n"
      "4 2 8:1 / /boot rw - ext4 /dev/sda1 rw\n"
      "5 2 254:1 /srv /var/www rw - ext4 /dev/mapper/vg-root rw\n"
      "6 2 0:44 / /mnt rw - nfs4 server:/x rw\n");
  EXPECT_EQ(said(keys::kEncryptedVolumes), "/, /home");
  EXPECT_EQ(said(keys::kUnencryptedVolumes), "/boot");
}

TEST_F(DisksFamily, AMirrorIsAsEncryptedAsItsWeakestHalf) {
  device("sda", "8:0");
  device("sdb", "8:16");
  mapped("dm-0", "254:0", "CRYPT-LUKS1-0123-a", "a", {"sda"});
  mapped("dm-1", "254:1", "LVM-mirror", "mirror", {"dm-0", "sdb"});
  mount("2 0 254:1 / / rw - ext4 /dev/mapper/mirror rw\n");
  EXPECT_EQ(said(keys::kEncryptedVolumes), "none");
  EXPECT_EQ(said(keys::kUnencryptedVolumes), "/");
}

TEST_F(DisksFamily, IntegrityAndVerityEncryptNothing) {
  device("vda", "253:0");
  mapped("dm-0", "254:0", "CRYPT-VERITY-0123-usr", "usr", {"vda"});
  mount("2 0 254:0 / / rw - ext4 /dev/mapper/usr rw\n");
  EXPECT_EQ(said(keys::kUnencryptedVolumes), "/");
}

TEST_F(DisksFamily, BtrfsIsFoundByItsSource) {
  device("nvme0n1", "259:0");
  mapped("dm-0", "254:0", "CRYPT-LUKS2-0123-root", "luks-root", {"nvme0n1"});
  mount(
      "2 0 0:31 /@ / rw - btrfs /dev/mapper/luks-root rw,subvol=/@\n"
      "3 2 0:31 /@home /home rw - btrfs /dev/mapper/luks-root rw,subvol=/@home\n"
      "4 2 0:32 / /data rw - btrfs /dev/nvme0n1 rw\n");
  EXPECT_EQ(said(keys::kEncryptedVolumes), "/, /home");
  EXPECT_EQ(said(keys::kUnencryptedVolumes), "/data");
}

TEST_F(DisksFamily, AFileThatIsADiskLiesWhereItLies) {
  device("sda", "8:0");
  mapped("dm-0", "254:0", "CRYPT-LUKS2-0123-home", "home", {"sda"});
  device("loop0", "7:0");
  put("sys/devices/loop0/loop/backing_file", "/home/disk.img\n");
  device("vda", "253:0");
  mount(
      "2 0 253:0 / / rw - ext4 /dev/vda rw\n"
      "3 2 254:0 / /home rw - ext4 /dev/mapper/home rw\n"
      "4 2 7:0 / /mnt rw - ext4 /dev/loop0 rw\n"
      "5 2 7:0 / /snap/x ro - squashfs /dev/loop0 ro\n");
  EXPECT_EQ(said(keys::kEncryptedVolumes), "/home, /mnt");
  EXPECT_EQ(said(keys::kUnencryptedVolumes), "/");
}

TEST_F(DisksFamily, WhatCannotBeSeenIsUnknown) {
  EXPECT_EQ(said(keys::kUnencryptedVolumes), "unknown: unsupported");  // no /proc at all
  EXPECT_EQ(ask(keys::kUnencryptedVolumes).source, kForeignRoot);
  device("vda", "253:0");
  mount("2 0 0:50 / / rw - overlay overlay rw,lowerdir=/l,upperdir=/var/lib/docker/x\n");
  EXPECT_EQ(said(keys::kEncryptedVolumes), "unknown: unsupported");
  mount("2 0 253:0 / / rw - ext4 /dev/vda rw\n3 2 0:51 / /tank rw - zfs tank rw\n");
  EXPECT_EQ(said(keys::kEncryptedVolumes), "unknown: unsupported");
  EXPECT_EQ(said(keys::kUnencryptedVolumes), "unknown: unsupported");
  mount("2 0 0:50 / / rw - tmpfs tmpfs rw\n");
  EXPECT_EQ(said(keys::kUnencryptedVolumes), "unknown: unsupported");
  // Layers that lie on themselves end somewhere.
  mapped("dm-0", "254:0", "LVM-x", "x", {"dm-0"});
  mount("2 0 254:0 / / rw - ext4 /dev/mapper/x rw\n");
  EXPECT_EQ(said(keys::kEncryptedVolumes), "unknown: unsupported");
}

TEST_F(DisksFamily, OfMoreMountsThanAreReadAreUnknown) {
  device("vda", "254:0");
  const std::string root = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n";
  put("proc/self/mountinfo", root);
  EXPECT_EQ(said(keys::kUnencryptedVolumes), "/");
  put("proc/self/mountinfo", root + so_many_mounts(kMaxMounts));
  EXPECT_EQ(said(keys::kUnencryptedVolumes), "unknown: failed");
  EXPECT_EQ(said(keys::kEncryptedVolumes), "unknown: failed");
}

}  // namespace
}  // namespace postern::agent
