package io.ffrtmp.governance.linux;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * The cgroup trees as the kernel's own files show them, for tests: nothing here asks the library.
 * Whatever lives beneath the directory of this name was started by the test.
 */
final class JobTree {
  private static final Map<String, String> OLD_NAMES = Map.of("io", "blkio");

  /** Where the tests' groups are in a controller's tree, and whether that is cgroup v2. */
  private record Tree(Path mount, boolean unified) {}

  private final Map<String, Tree> trees = new TreeMap<>();
  private final Path below;

  /** The trees, with the jobs' directories at this path from {@link LinuxHost#place()} in each. */
  JobTree(String below) throws IOException {
    this.below = Path.of(below);
    List<String[]> mounts = new ArrayList<>();
    for (String line : Files.readAllLines(Path.of("/proc/self/mountinfo"))) {
      mounts.add(line.split(" "));
    }
    for (String controller : List.of("memory", "cpu", "io", "cpuacct")) {
      String old = OLD_NAMES.getOrDefault(controller, controller);
      mounts.stream()
          .filter(line -> Arrays.asList(line).contains("cgroup"))
          .filter(line -> List.of(line[line.length - 1].split(",")).contains(old))
          .findFirst()
          .ifPresent(line -> trees.put(controller, new Tree(placeIn(line[4]), false)));
    }
    for (String[] line : mounts) {
      Path offered = placeIn(line[4]).resolve("cgroup.controllers");
      if (Arrays.asList(line).contains("cgroup2") && Files.exists(offered)) {
        for (String controller : Files.readString(offered).strip().split(" ")) {
          trees.putIfAbsent(controller, new Tree(placeIn(line[4]), true));
        }
      }
    }
    trees.keySet().retainAll(Set.of("memory", "cpu", "io", "cpuacct"));
  }

  private static Path placeIn(String mount) {
    return Path.of(mount, LinuxHost.place());
  }

  /** Skips the test where it can't make groups. */
  void assumeOurs() throws IOException {
    assumeTrue(!trees.isEmpty(), "needs a cgroup file system with controllers");
    for (Path mount : mounts()) {
      boolean writable = !Files.getFileStore(mount).isReadOnly() && Files.isWritable(mount);
      assumeTrue(writable, "needs privilege or a delegated cgroup, to make cgroups");
    }
  }

  /** Whether this host has a controller that groups can be given. */
  boolean has(String controller) {
    return trees.containsKey(controller);
  }

  /** Whether a controller is one of cgroup v2. */
  boolean unified(String controller) {
    return trees.get(controller).unified();
  }

  /** The places in all trees that hold jobs. */
  Set<Path> mounts() {
    Set<Path> mounts = new LinkedHashSet<>();
    trees.values().forEach(tree -> mounts.add(tree.mount()));
    return mounts;
  }

  /** The place in a controller's tree. */
  Path mount(String controller) {
    return trees.get(controller).mount();
  }

  /** A job's directory in a controller's tree, whether it exists or not. */
  Path group(String controller, String id) {
    return mount(controller).resolve(below).resolve(id);
  }

  /** A job's directories, one in each tree, whether they exist or not. */
  List<Path> groups(String id) {
    return mounts().stream().map(mount -> mount.resolve(below).resolve(id)).toList();
  }

  /** Those of a job's directories that exist. */
  List<Path> existing(String id) {
    return groups(id).stream().filter(Files::exists).toList();
  }

  /** All that lies beneath our name, in any tree. */
  List<Path> everything() throws IOException {
    List<Path> found = new ArrayList<>();
    for (Path mount : mounts()) {
      Path top = mount.resolve(below);
      found.addAll(Files.exists(top) ? directories(top) : List.of());
    }
    found.removeIf(each -> mounts().contains(each.getParent()));
    return found;
  }

  /** The process ids in a job's group of one tree. */
  List<Long> members(String controller, String id) throws IOException {
    return pids(group(controller, id));
  }

  /** The text of a file of a job's group, by its name on v2 and on v1. */
  String read(String controller, String id, String unified, String old) throws IOException {
    return Files.readString(file(controller, id, unified, old)).strip();
  }

  /** A file of a job's group, by its name on v2 and on v1. */
  Path file(String controller, String id, String unified, String old) {
    return group(controller, id).resolve(unified(controller) ? unified : old);
  }

  /** CPU time that a job has used, by the kernel's account. */
  Duration cpuTime(String id) throws IOException {
    if (has("cpuacct") && !unified("cpuacct")) {
      String nanos = Files.readString(group("cpuacct", id).resolve("cpuacct.usage")).strip();
      return Duration.ofNanos(Long.parseLong(nanos));
    }
    return Duration.ofNanos(1000 * stat("cpu", id, "cpu.stat", "cpu.stat", "usage_usec"));
  }

  /** A number out of a file of lines {@code KEY VALUE}. */
  long stat(String controller, String id, String unified, String old, String key)
      throws IOException {
    return read(controller, id, unified, old)
        .lines()
        .filter(line -> line.startsWith(key + " "))
        .mapToLong(line -> Long.parseLong(line.substring(key.length() + 1)))
        .findFirst()
        .orElseThrow();
  }

  /** Makes a group of the test's own in each tree, at this path from the place. */
  void make(String path) throws IOException {
    for (Path mount : mounts()) {
      Path subtree = mount.resolve("cgroup.subtree_control");
      for (String name :
          Files.exists(subtree) ? List.of("cpu", "memory", "io") : List.<String>of()) {
        if (has(name)) {
          Files.writeString(subtree, "+" + name);
        }
      }
      Files.createDirectory(mount.resolve(path));
    }
  }

  /** Removes a group of the test's own, and all that lies beneath it, from each tree. */
  void remove(String path) throws IOException {
    for (Path mount : mounts()) {
      Path top = mount.resolve(path);
      if (Files.exists(top)) {
        removeTree(top);
      }
    }
  }

  private static void removeTree(Path top) throws IOException {
    List<Path> all = directories(top);
    for (Path directory : all) {
      killAll(directory);
    }
    for (Path directory : all) {
      await()
          .atMost(RunContract.PATIENCE)
          .pollInterval(Duration.ofMillis(5))
          .ignoreExceptions()
          .until(
              () -> {
                killAll(directory); // what was forked meanwhile
                return Files.deleteIfExists(directory) || !Files.exists(directory);
              });
    }
  }

  private static void killAll(Path directory) throws IOException {
    for (long pid : pids(directory)) {
      ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
    }
  }

  /** A directory and those beneath it, the deepest first. */
  private static List<Path> directories(Path top) throws IOException {
    List<Path> found = new ArrayList<>();
    try (DirectoryStream<Path> each = Files.newDirectoryStream(top, Files::isDirectory)) {
      for (Path child : each) {
        found.addAll(directories(child));
      }
    } catch (NoSuchFileException gone) { // a governor removes its groups, too
      return found;
    }
    found.add(top);
    return found;
  }

  static List<Long> pids(Path group) throws IOException {
    Path procs = group.resolve("cgroup.procs");
    try {
      return Files.readAllLines(procs).stream().map(Long::parseLong).toList();
    } catch (IOException e) {
      if (Files.exists(procs)) {
        throw e;
      }
      return List.of(); // gone, be it between open and read
    }
  }

  /** Puts a process into a group that the test made. */
  static void move(long pid, Path group) throws IOException {
    Files.writeString(group.resolve("cgroup.procs"), Long.toString(pid));
  }

  /** Whether a process exists and is no zombie. */
  static boolean alive(long pid) {
    return state(pid).filter(state -> state != 'Z' && state != 'X').isPresent();
  }

  /** The state of a process, {@code Z} for a zombie. */
  static Optional<Character> state(long pid) {
    try {
      String stat = Files.readString(Path.of("/proc", Long.toString(pid), "stat"));
      return Optional.of(stat.charAt(stat.lastIndexOf(')') + 2));
    } catch (IOException gone) {
      return Optional.empty();
    }
  }

  /** The children of this JVM, zombies included. */
  static Set<Long> children() {
    Set<Long> pids = new TreeSet<>();
    try (Stream<ProcessHandle> children = ProcessHandle.current().children()) {
      children.map(ProcessHandle::pid).filter(pid -> state(pid).isPresent()).forEach(pids::add);
    }
    return pids;
  }
}
