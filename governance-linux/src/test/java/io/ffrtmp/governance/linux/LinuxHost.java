package io.ffrtmp.governance.linux;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.Capability.State;
import io.ffrtmp.governance.Governor;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** This host as the kernel shows it, read without the library that is tested by it. */
final class LinuxHost {
  private static final Set<String> JOB_CONTROLLERS = Set.of("memory", "cpu", "cpuacct", "blkio");

  /** How many times slower than real hardware this host is, as whoever runs the tests knows. */
  static final int SLOWNESS = Integer.getInteger("governance.test.slowness", 1);

  private LinuxHost() {}

  /** How long to wait for what takes less than this on real hardware. */
  static Duration patience(long seconds) {
    return Duration.ofSeconds(seconds * SLOWNESS);
  }

  /** Whether this kernel tells how a process ended that is not our child. */
  static boolean tellsStrangers(Governor governor) {
    return governor
        .host()
        .capability("exit_status_of_strangers")
        .filter(it -> it.state() == State.YES)
        .isPresent();
  }

  static boolean root() {
    return field("self", "Uid").orElse("").startsWith("0\t0");
  }

  /**
   * Where the tests may make groups, as a path from the root of each tree: the root itself with
   * privilege, else the unit around the group that we live in, if that was handed to us.
   */
  static String place() {
    return root()
        ? "/"
        : read(Path.of("/proc/self/cgroup"))
            .flatMap(own -> own.lines().filter(line -> line.startsWith("0::/")).findFirst())
            .map(line -> line.substring(3, Math.max(4, line.lastIndexOf('/'))))
            .orElse("/");
  }

  /** Skips the test where the program is not on the PATH. */
  static void assumeProgram(String name) {
    String path = Optional.ofNullable(System.getenv("PATH")).orElse("");
    assumeTrue(
        Stream.of(path.split(":")).anyMatch(dir -> Files.isExecutable(Path.of(dir, name))),
        name + " is not installed");
  }

  /** The text of a file; empty if it is gone or closed to us. */
  static Optional<String> read(Path file) {
    try {
      return Optional.of(new String(Files.readAllBytes(file), StandardCharsets.UTF_8));
    } catch (IOException gone) {
      return Optional.empty();
    }
  }

  /** A field of {@code /proc/PID/status}. */
  static Optional<String> field(Object pid, String name) {
    return read(Path.of("/proc/" + pid + "/status"))
        .flatMap(status -> status.lines().filter(each -> each.startsWith(name + ":")).findFirst())
        .map(line -> line.substring(name.length() + 1).strip());
  }

  /** A set of signals in {@code /proc/PID/status}, a bit for each; the C library's own aside. */
  static long signals(Object pid, String name) {
    return Long.parseUnsignedLong(field(pid, name).orElseThrow(), 16) & 0x7fffffffL;
  }

  /** A field of {@code /proc/PID/stat} by its number in proc_pid_stat(5), from 3 on. */
  static Optional<String> stat(Object pid, int number) {
    return read(Path.of("/proc/" + pid + "/stat"))
        .map(stat -> stat.substring(stat.lastIndexOf(')') + 2).split(" ")[number - 3]);
  }

  /** CPU time that a process used, in clock ticks. */
  static long cpuTicks(long pid) {
    return Long.parseLong(stat(pid, 14).orElseThrow())
        + Long.parseLong(stat(pid, 15).orElseThrow());
  }

  /** A process's arguments; empty if it has ended. */
  static List<String> commandLine(int pid) {
    String text = read(Path.of("/proc/" + pid + "/cmdline")).orElse("");
    return text.isEmpty() ? List.of() : List.of(text.split("\0"));
  }

  /** The living processes that have this among their arguments. */
  static List<Integer> processesWith(String argument) {
    List<Integer> found = new ArrayList<>();
    for (String name : new File("/proc").list()) {
      if (name.chars().allMatch(Character::isDigit)
          && commandLine(Integer.parseInt(name)).contains(argument)) {
        found.add(Integer.parseInt(name));
      }
    }
    return found;
  }

  /**
   * The roots of the hierarchies where a job has a group: of v1 those that hold its controllers.
   */
  static List<Path> jobHierarchies() {
    List<Path> old = new ArrayList<>();
    List<Path> unified = new ArrayList<>();
    for (String line : read(Path.of("/proc/self/mounts")).orElse("").split("\n")) {
      String[] fields = line.split(" ");
      if (fields[2].equals("cgroup")
          && Stream.of(fields[3].split(",")).anyMatch(JOB_CONTROLLERS::contains)) {
        old.add(Path.of(fields[1]));
      } else if (fields[2].equals("cgroup2")) {
        unified.add(Path.of(fields[1]));
      }
    }
    return old.isEmpty() ? unified : old;
  }

  /** The cgroups with this name, wherever they are mounted, v1 and v2, any controller. */
  static List<Path> cgroupsNamed(String name) {
    List<Path> found = new ArrayList<>();
    read(Path.of("/proc/self/mounts"))
        .orElse("")
        .lines()
        .map(line -> line.split(" "))
        .filter(fields -> fields[2].equals("cgroup") || fields[2].equals("cgroup2"))
        .forEach(fields -> collect(new File(fields[1]), name, found));
    return found;
  }

  private static void collect(File directory, String name, List<Path> found) {
    if (leaf(directory)) {
      return;
    }
    File[] children = directory.listFiles(File::isDirectory);
    for (File child : children == null ? new File[0] : children) {
      if (child.getName().equals(name)) {
        found.add(child.toPath());
      }
      collect(child, name, found);
    }
  }

  private static boolean leaf(File directory) {
    try {
      return Files.getAttribute(directory.toPath(), "unix:nlink").equals(2);
    } catch (IOException gone) {
      return true;
    }
  }

  /** Whether the scheduler groups tasks by session (sched(7)). */
  static boolean autogroups() {
    return read(Path.of("/proc/sys/kernel/sched_autogroup_enabled"))
        .orElse("0")
        .strip()
        .equals("1");
  }
}
