package io.ffrtmp.governance.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class DiskTest {
  private static final List<Mount> MOUNTS =
      Mount.parse(
          """
          27 1 254:0 / / rw - ext4 /dev/vda rw
          50 27 0:45 / /srv rw - btrfs /dev/sdb1 rw,space_cache
          51 27 0:46 / /merged rw - overlay overlay rw,lowerdir=/l,upperdir=/srv/up,workdir=/srv/w
          52 27 0:47 / /tmp rw - tmpfs tmpfs rw
          """);

  /** makedev(3), as the C library has it. */
  private static long makedev(long major, long minor) {
    return (major & 0xfff) << 8 | (major & ~0xfffL) << 32 | (minor & 0xff) | (minor & ~0xffL) << 12;
  }

  @Property
  void number_undoesMakedev(
      @ForAll @IntRange(min = 0) int major, @ForAll @IntRange(min = 0, max = (1 << 30)) int minor) {
    assertThat(Disk.number(makedev(major, minor))).isEqualTo(major + ":" + minor);
  }

  @Test
  void source_anonymousDevices_lieOnWhatTheirMountSays() {
    assertThat(Disk.source(Path.of("/srv/data/file"), MOUNTS)).isEqualTo("/dev/sdb1");
    assertThat(Disk.source(Path.of("/merged/file"), MOUNTS)).isEqualTo("/srv/up");
    assertThat(Disk.source(Path.of("/tmp/file"), MOUNTS)).isEqualTo("tmpfs");
    assertThat(Disk.source(Path.of("/srvx"), MOUNTS)).isEqualTo("/dev/vda");
    assertThat(Disk.source(Path.of("/x"), List.of())).isEmpty();
  }

  @Test
  void cure_ofAPartition_namesItsDisk() throws Exception {
    assertThat(Disk.cure("4000:77")).contains("lsblk");
    assertThat(Disk.cure("/proc")).contains("lsblk");
    try (Stream<Path> all = Files.list(Path.of("/sys/class/block"))) {
      Optional<Path> partition =
          all.filter(each -> Files.exists(each.resolve("partition"))).findFirst();
      assumeTrue(partition.isPresent(), "no partition here");
      Path device = partition.get().toRealPath();
      String disk = Files.readString(device.resolveSibling("dev")).strip();
      assertThat(Disk.cure(Files.readString(device.resolve("dev")).strip())).endsWith(" " + disk);
    }
  }

  @Test
  void of_targetsWithoutADisk_areRefused() throws Exception {
    assertThat(Disk.of("8:0")).isEqualTo("8:0");
    Map<String, String> errnos =
        Map.of("/proc/self", "ENODEV", "/dev/null", "ENODEV", "/no/such/file", "ENOENT");
    errnos.forEach(
        (target, errno) ->
            assertThatThrownBy(() -> Disk.of(target))
                .isInstanceOfSatisfying(
                    ErrnoException.class, e -> assertThat(e.name()).isEqualTo(errno))
                .hasMessageContaining("find the disk of " + target));
  }
}
