package io.ffrtmp.governance.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;

/** The texts are those of real hosts; cgroups(7), proc(5). */
class HierarchiesTest {

  private static Hierarchies resolve(String mountinfo, String own, String unifiedControllers) {
    return Hierarchies.resolve(Mount.parse(mountinfo), own, point -> unifiedControllers);
  }

  @Test
  void unified_holdsEverythingInOneTree() {
    Hierarchies host =
        resolve(
            "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
            "0::/system.slice/worker.service\n",
            "cpuset cpu io memory pids");

    assertThat(host.job()).hasSize(1);
    Hierarchy tree = host.of("io").orElseThrow();
    assertThat(tree.unified()).isTrue();
    assertThat(tree.own()).isEqualTo("/system.slice/worker.service");
    assertThat(tree.directory(tree.own())).contains("/sys/fs/cgroup/system.slice/worker.service");
    assertThat(host.of("cpuacct")).isEmpty();
  }

  @Test
  void unified_withoutAController_isUsedWhereItIsTheOnlyTree() {
    String mountinfo = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    assertThat(resolve(mountinfo, "0::/\n", "").job()).hasSize(1);
  }

  @Test
  void pathIn_namesOfOtherTreesInsidePaths_areNotTakenForLines() {
    Hierarchies host =
        resolve(
            """
            35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
            38 31 0:35 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio
            """,
            "4:memory:/\n2:blkio:/\n",
            "");
    Hierarchy memory = host.of("memory").orElseThrow();

    assertThat(memory.pathIn("12:blkio:/a:memory:/b\n11:memory:/c:memory:/d\n0::/x\n"))
        .contains("/c:memory:/d");
    assertThat(memory.pathIn("2:blkio:/:memory:/b\n0::/:memory:/b")).isEmpty();
    assertThat(memory.pathIn("4:memory:/last")).contains("/last");
    assertThat(memory.pathIn("")).isEmpty();
  }

  @Test
  void hybrid_systemdsTrees_areNeverUsed() {
    Hierarchies host =
        resolve(
            """
            32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
            35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
            38 31 0:35 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio
            40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
            41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
            """,
            "5:name=systemd:/user.slice\n"
                + "4:memory:/a\n"
                + "3:cpu,cpuacct:/b\n"
                + "2:blkio:/\n"
                + "0::/user.slice\n",
            "hugetlb");

    assertThat(host.job())
        .extracting(Hierarchy::mountPoint)
        .containsExactly(
            "/sys/fs/cgroup/memory", "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/blkio");
    assertThat(host.of("cpu")).isEqualTo(host.of("cpuacct"));
    assertThat(host.of("io").orElseThrow().controllers()).isEqualTo(Set.of("io"));
  }

  @Test
  void hybrid_onlySystemdsTrees_areNoneForUs() {
    Hierarchies host =
        resolve(
            """
            40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
            41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
            """,
            "1:name=systemd:/\n0::/\n",
            "");
    assertThat(host.job()).isEmpty();
  }

  @Test
  void container_bindMountOfItsOwnGroup_mapsPathsIntoIt() {
    Hierarchies host =
        resolve(
            "35 31 0:32 /docker/ab /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
            "4:memory:/docker/ab/inner\n",
            "");
    Hierarchy tree = host.of("memory").orElseThrow();

    assertThat(tree.directory(tree.own())).contains("/sys/fs/cgroup/memory/inner");
    assertThat(tree.directory("/docker/ab")).contains("/sys/fs/cgroup/memory");
    assertThat(tree.path("/sys/fs/cgroup/memory/inner/x")).isEqualTo("/docker/ab/inner/x");
    assertThat(tree.directory("/docker/abc")).as("beside it").isEmpty();
    assertThat(tree.directory("/")).isEmpty();
  }

  @Test
  void namespace_groupsOutsideOfIt_haveNoDirectory() {
    Hierarchy tree =
        resolve("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 none rw\n", "0::/../x\n", "cpu")
            .of("cpu")
            .orElseThrow();
    assertThat(tree.directory(tree.own())).isEmpty();
    assertThat(tree.directory("/..")).isEmpty();
    assertThat(tree.path("/sys/fs/cgroup")).isEqualTo("/");
  }

  @Test
  void twoMounts_theOneThatShowsMoreIsTaken() {
    Hierarchies host =
        resolve(
            """
            35 31 0:32 /a /mnt/bind rw - cgroup cgroup rw,memory
            36 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
            """,
            "4:memory:/b\n",
            "");
    assertThat(host.of("memory").orElseThrow().mountPoint()).isEqualTo("/sys/fs/cgroup/memory");
  }

  @Test
  void mount_withOptionalFieldsAndEscapes_isRead() {
    Mount mount =
        Mount.parse(
                "36 35 98:0 /a\\040b /mnt\\0112\\134 rw master:1 shared:2 - ext4 /dev/sda1 rw,x\n")
            .get(0);
    assertThat(mount)
        .isEqualTo(new Mount("/a b", "/mnt\t2\\", "ext4", "/dev/sda1", List.of("rw", "x")));
  }

  @Property
  void unescape_undoesTheKernelsEscapes(@ForAll String name) {
    StringBuilder escaped = new StringBuilder();
    for (char c : name.toCharArray()) {
      boolean special = " \t\n\\".indexOf(c) >= 0;
      escaped.append(special ? String.format("\\%03o", (int) c) : Character.toString(c));
    }
    assertThat(Mount.unescape(escaped.toString())).isEqualTo(name);
  }

  @Property
  void garbage_isNeverAnError(
      @ForAll @StringLength(max = 300) String mountinfo, @ForAll String own, @ForAll String held) {
    assertThat(Mount.parse(mountinfo)).isNotNull();
    String real = "35 31 0:32 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n" + mountinfo;
    assertThat(resolve(real, own, held).job()).isNotNull();
    assertThat(resolve(real, "0::" + own, held).job()).isNotNull();
  }
}
