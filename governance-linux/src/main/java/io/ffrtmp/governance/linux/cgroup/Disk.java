package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** Finds the whole disk that stands behind a path: only such have an {@code io.max}. */
final class Disk {
  private static final int DEEPEST = 8;
  private static final int FILE_TYPE = 0170000; // stat(2), S_IFMT
  private static final int BLOCK_DEVICE = 0060000;

  private Disk() {}

  /** The number of a target's disk; a target that is a number is taken as it is. */
  static String of(String target) throws ErrnoException {
    if (!target.startsWith("/")) {
      return target;
    }
    try {
      return behind(Path.of(target), DEEPEST);
    } catch (IOException | InvalidPathException e) {
      throw new ErrnoException(Errno.ENODEV, "find the disk of " + target);
    }
  }

  private static String behind(Path path, int depth) throws IOException {
    int mode = (Integer) Files.getAttribute(path, "unix:mode");
    boolean device = (mode & FILE_TYPE) == BLOCK_DEVICE;
    String number = number((Long) Files.getAttribute(path, device ? "unix:rdev" : "unix:dev"));
    return number.startsWith("0:") ? behindMount(path, depth) : whole(number, depth);
  }

  /** Splits a dev_t as the C library packs it (makedev(3)). */
  static String number(long dev) {
    long major = (dev >> 8 & 0xfff) | (dev >> 32 & ~0xfffL);
    long minor = (dev & 0xff) | (dev >> 12 & 0xffffff00L);
    return major + ":" + minor;
  }

  /** Btrfs and overlay show numbers of their own making; their mount knows where they lie. */
  private static String behindMount(Path path, int depth) throws IOException {
    Path real = path.toRealPath();
    Optional<Mount> mount =
        Mount.parse(Libc.readText("/proc/self/mountinfo")).stream()
            .filter(each -> real.startsWith(each.point()))
            .max(Comparator.comparingInt(each -> each.point().length()));
    String source = mount.map(Mount::source).orElse("");
    for (String option : mount.map(Mount::options).orElse(List.of())) {
      source = option.startsWith("upperdir=") ? option.substring("upperdir=".length()) : source;
    }
    if (depth == 0 || !source.startsWith("/") || Path.of(source).equals(path)) {
      throw new IOException("no disk behind " + path);
    }
    return behind(Path.of(source), depth - 1);
  }

  /** A partition's disk; the one device that a dm or a loop device lies on. */
  private static String whole(String number, int depth) throws IOException {
    Path entry = Path.of("/sys/dev/block", number);
    Path device = Files.exists(entry) ? entry.toRealPath() : entry;
    if (Files.exists(device.resolve("partition"))) {
      return Libc.readText(device.getParent() + "/dev").strip();
    }
    if (depth > 0 && Files.exists(device.resolve("loop/backing_file"))) {
      String file = Libc.readText(device + "/loop/backing_file").strip();
      return behind(Path.of(file), depth - 1);
    }
    List<Path> slaves = new ArrayList<>();
    if (depth > 0 && Files.exists(device.resolve("slaves"))) {
      try (DirectoryStream<Path> each = Files.newDirectoryStream(device.resolve("slaves"))) {
        each.forEach(slaves::add);
      }
    }
    return slaves.size() == 1
        ? whole(Libc.readText(slaves.get(0) + "/dev").strip(), depth - 1)
        : number;
  }
}
