package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.linux.cgroup.CgroupFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What stands for the unit of processes to attach to: a group of its own in each hierarchy. Closing
 * it ends what lives there, and removes it.
 */
final class TargetUnit implements AutoCloseable {
  final String name = "ffrtmp-test-unit-" + ProcessHandle.current().pid();

  /** The jobs of processes that were attached to in the unit. */
  final JobTree tree;

  private final List<Process> processes = new ArrayList<>();

  /** With the jobs in the usual directory. */
  TargetUnit() throws IOException {
    this("ffrtmp");
  }

  /** With the jobs in a directory of this name. Skips the test where it may make no groups. */
  TargetUnit(String directory) throws IOException {
    tree = new JobTree(name + "/" + directory);
    tree.assumeOurs();
    tree.remove(name);
    tree.make(name);
  }

  /** A shell in the unit, which runs the script only once it is there. */
  Process target(String script) throws IOException {
    return target(new ProcessBuilder("sh", "-c", "read go; " + script));
  }

  /** A process that has done nothing before it reads its first line, once it is in the unit. */
  Process target(ProcessBuilder builder) throws IOException {
    Process process = outside(builder);
    for (Path group : groups()) {
      JobTree.move(process.pid(), group);
    }
    process.getOutputStream().write('\n');
    process.getOutputStream().flush();
    return process;
  }

  /** A process that is not in the unit, and ends with it all the same. */
  Process outside(ProcessBuilder builder) throws IOException {
    Process process = builder.start();
    processes.add(process);
    return process;
  }

  Process sleeper() throws IOException {
    Process process = target("exec sleep 600");
    RunContract.soon().until(() -> LinuxHost.commandLine((int) process.pid()).contains("600"));
    return process;
  }

  /** The unit's directories, one in each hierarchy. */
  List<Path> groups() {
    return tree.mounts().stream().map(mount -> mount.resolve(name)).toList();
  }

  /** Everything of the unit that could differ: directories, their marks, and who lives where. */
  Map<String, String> state() throws IOException {
    Map<String, String> state = new TreeMap<>();
    for (Path group : groups()) {
      try (var all = Files.walk(group)) {
        for (Path each : all.filter(Files::isDirectory).toList()) {
          List<Long> pids = JobTree.pids(each).stream().sorted().toList(); // v2 lists as they came
          state.put(each.toString(), pids + mark(each));
        }
      }
      Path handed = group.resolve("cgroup.subtree_control");
      if (Files.exists(handed)) {
        state.put(handed.toString(), Files.readString(handed));
      }
    }
    return state;
  }

  private static String mark(Path directory) throws IOException {
    return CgroupFiles.kernel()
        .mark(directory.toString())
        .map(mark -> new String(mark, StandardCharsets.UTF_8))
        .orElse("");
  }

  @Override
  public void close() throws IOException {
    for (Process each : processes) {
      each.descendants().forEach(ProcessHandle::destroyForcibly);
      each.destroyForcibly().onExit().join();
    }
    tree.remove(name);
  }
}
