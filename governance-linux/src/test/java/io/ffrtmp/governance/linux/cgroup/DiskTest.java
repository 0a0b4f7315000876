package io.ffrtmp.governance.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.nio.file.Path;
import java.util.List;
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
  void of_targetsWithoutADisk_areRefused() throws Exception {
    assertThat(Disk.of("8:0")).isEqualTo("8:0");
    for (String target : List.of("/proc/self", "/no/such/file", "/dev/null")) {
      assertThatThrownBy(() -> Disk.of(target))
          .isInstanceOf(ErrnoException.class)
          .hasMessageContaining("find the disk of " + target);
    }
  }
}
