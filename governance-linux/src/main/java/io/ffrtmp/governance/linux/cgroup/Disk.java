package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The whole disk behind a path: only whole disks have an {@code io.max}. */
final class Disk {
  private static final String LIST = "name a whole disk, see lsblk -d -o NAME,MAJ:MIN";
  private static final int FILE_TYPE = 0170000; // inode(7)
  private static final int BLOCK_DEVICE = 0060000;

  private Disk() {}

  /** The number of a target's disk; a target that is a number already is taken as it is. */
  static String of(String target) throws ErrnoException {
    try {
      return target.startsWith("/") ? behind(Path.of(target), 8) : target;
    } catch (IOException | IllegalArgumentException e) {
      int errno = missing(target) ? Errno.ENOENT : Errno.ENODEV;
      throw new ErrnoException(errno, "find the disk of " + target);
    }
  }

  /** Whether a target is a path at which nothing is. */
  static boolean missing(String target) {
    try {
      return target.startsWith("/") && Files.notExists(Path.of(target));
    } catch (InvalidPathException e) {
      return false;
    }
  }

  /** What to ask for instead of a target that has no limit of its own. */
  static String cure(String target) {
    try {
      String disk = whole(target, 8);
      return disk.equals(target) ? LIST : "ask for its disk, " + disk;
    } catch (IOException | IllegalArgumentException e) {
      return LIST;
    }
  }

  private static String behind(Path path, int depth) throws IOException {
    int type = (Integer) Files.getAttribute(path, "unix:mode") & FILE_TYPE;
    String which = type == BLOCK_DEVICE ? "unix:rdev" : "unix:dev";
    String number = number((Long) Files.getAttribute(path, which));
    if (!number.startsWith("0:")) {
      return whole(number, depth);
    }
    String source = source(path.toRealPath(), Mount.parse(Libc.readText("/proc/self/mountinfo")));
    if (!source.startsWith("/") || depth == 0) {
      throw new IOException("no disk behind " + path);
    }
    return behind(Path.of(source), depth - 1);
  }

  /** Takes apart a dev_t as the C library packs it (gnu/sys/sysmacros.h). */
  static String number(long dev) {
    long major = (dev >> 8 & 0xfff) | (dev >> 32 & 0xfffff000L);
    return major + ":" + ((dev & 0xff) | (dev >> 12 & 0xffffff00L));
  }

  /** Btrfs and overlay show numbers of their own making: their mount knows what they lie on. */
  static String source(Path real, List<Mount> mounts) {
    Optional<Mount> mount =
        mounts.stream()
            .filter(each -> real.startsWith(each.point()))
            .max(Comparator.comparingInt(each -> each.point().length()));
    Stream<String> options = mount.stream().flatMap(each -> each.options().stream());
    return options
        .filter(each -> each.startsWith("upperdir="))
        .map(each -> each.substring("upperdir=".length()))
        .findFirst()
        .orElse(mount.map(Mount::source).orElse(""));
  }

  /** A partition's disk, and the only device that a dm or loop device lies on. */
  private static String whole(String number, int depth) throws IOException {
    Path device = Path.of("/sys/dev/block", number).toRealPath();
    if (Files.exists(device.resolve("partition"))) {
      return Libc.readText(device.getParent() + "/dev").strip();
    }
    Path backing = device.resolve("loop/backing_file");
    if (Files.exists(backing) && depth > 0) {
      return behind(Path.of(Libc.readText(backing.toString()).strip()), depth - 1);
    }
    try (Stream<Path> all = Files.list(device.resolve("slaves"))) {
      List<Path> slaves = all.toList();
      return slaves.size() == 1 && depth > 0
          ? whole(Libc.readText(slaves.get(0) + "/dev").strip(), depth - 1)
          : number;
    }
  }
}
